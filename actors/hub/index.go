package hub

import (
	"slices"
	"strings"

	"anode/messages"
)

// index finds the feeds of a stream. Only its loop uses it.
type index struct {
	literal map[messages.Stream][]*feed
	wild    []*feed
	// cache is the answer for streams that were met. Its lists are never changed in place: the loop
	// may be in the middle of one.
	cache map[messages.Stream][]*feed
}

const (
	// mostCached bounds the cache; beyond, it begins anew.
	mostCached = 100_000
	// mostKept is up to how many answers a change is worked in; with more it is cheaper to find them
	// again as they are needed.
	mostKept = 2048
)

func newIndex() index {
	return index{literal: make(map[messages.Stream][]*feed), cache: make(map[messages.Stream][]*feed)}
}

func (x *index) add(f *feed) {
	x.change(f, func(list []*feed) []*feed { return append(slices.Clip(list), f) })
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
	x.change(f, func(list []*feed) []*feed {
		i := slices.Index(list, f)
		if i < 0 {
			return list
		}
		return append(append(make([]*feed, 0, len(list)-1), list[:i]...), list[i+1:]...)
	})
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

// change works a feed that comes or goes into the answers that it is, or is to be, among.
func (x *index) change(f *feed, work func([]*feed) []*feed) {
	if len(x.cache) > mostKept {
		clear(x.cache)
		return
	}
	for stream, list := range x.cache {
		if f.spec.Matches(stream) {
			x.cache[stream] = work(list)
		}
	}
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
	x.cache[messages.Stream(strings.Clone(string(stream)))] = list // its name is a part of a batch's bytes
	return list
}
