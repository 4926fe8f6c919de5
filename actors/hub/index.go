package hub

import (
	"slices"

	"anode/messages"
)

// index finds the feeds of a stream. Only its loop uses it.
type index struct {
	literal map[messages.Stream][]*feed
	wild    []*feed
	// cache is the answer for streams that were met since the last change.
	cache map[messages.Stream][]*feed
}

// mostCached bounds the cache; beyond, it begins anew.
const mostCached = 100_000

func newIndex() index {
	return index{literal: make(map[messages.Stream][]*feed), cache: make(map[messages.Stream][]*feed)}
}

func (x *index) add(f *feed) {
	clear(x.cache)
	wild := false
	for _, p := range f.spec.Streams {
		if !p.Literal() {
			wild = true
		} else if list := x.literal[messages.Stream(p)]; !slices.Contains(list, f) {
			x.literal[messages.Stream(p)] = append(list, f)
		}
	}
	if wild {
		x.wild = append(x.wild, f)
	}
}

func (x *index) remove(f *feed) {
	clear(x.cache)
	is := func(other *feed) bool { return other == f }
	for _, p := range f.spec.Streams {
		stream := messages.Stream(p)
		if list, ok := x.literal[stream]; ok {
			if list = slices.DeleteFunc(list, is); len(list) == 0 {
				delete(x.literal, stream)
			} else {
				x.literal[stream] = list
			}
		}
	}
	x.wild = slices.DeleteFunc(x.wild, is)
}

// feeds gives those who are subscribed to a stream.
func (x *index) feeds(stream messages.Stream) []*feed {
	if list, ok := x.cache[stream]; ok {
		return list
	}
	list := slices.Clone(x.literal[stream])
	for _, f := range x.wild {
		if f.spec.Matches(stream) && !slices.Contains(x.literal[stream], f) {
			list = append(list, f)
		}
	}
	if len(x.cache) >= mostCached {
		clear(x.cache)
	}
	x.cache[stream] = list
	return list
}
