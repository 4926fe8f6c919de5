package frame

import (
	"fmt"

	"anode/messages"
)

const registryAnswer = 1

// leastEvent is the least bytes of an Event: a key, a number, an HLC, an id, a body.
const leastEvent = 1 + 1 + sizeFixed + 1 + 1

// Size implements Frame.
func (f *Registry) Size() int {
	n := head + 1 + sizeUint(uint64(len(f.Hashes))) + sizeFixed*len(f.Hashes) + sizeUint(uint64(len(f.Events)))
	for i := range f.Events {
		n += f.Events[i].size()
	}
	return n
}

func (f *Registry) appendBody(dst []byte) []byte {
	dst = append(dst, flags(f.Answer))
	dst = appendUint(dst, uint64(len(f.Hashes)))
	for _, hash := range f.Hashes {
		dst = appendFixed(dst, hash)
	}
	dst = appendUint(dst, uint64(len(f.Events)))
	for i := range f.Events {
		dst = f.Events[i].append(dst)
	}
	return dst
}

func (f *Registry) readBody(d decoder) error {
	f.Answer = d.byte()&registryAnswer != 0
	f.Hashes = room[uint64](&d, sizeFixed, Buckets)
	for i := range f.Hashes {
		f.Hashes[i] = d.fixed()
	}
	f.Events = room[Event](&d, leastEvent, Max)
	for i := range f.Events {
		f.Events[i].read(&d)
	}
	return d.err
}

func (f *Registry) check() error {
	if n := len(f.Hashes); n != 0 && n != Buckets {
		return fmt.Errorf("%d hashes, %d or none are allowed", n, Buckets)
	}
	return each("event", f.Events, (*Event).Check)
}

func (e *Event) size() int {
	return sizeBytes(e.Key) + sizeUint(e.Revision) + sizeFixed + sizeID(e.Node) + sizeBytes(e.Body)
}

func (e *Event) append(dst []byte) []byte {
	dst = appendUint(appendBytes(dst, e.Key), e.Revision)
	dst = appendID(appendFixed(dst, uint64(e.HLC)), e.Node)
	return appendBytes(dst, e.Body)
}

func (e *Event) read(d *decoder) {
	e.Key, e.Revision, e.HLC, e.Node, e.Body = d.text(), d.uint(), d.hlc(), d.id(), d.bytes()
}

// Check tells whether the event can travel: an event that can't must not be made.
func (e *Event) Check() error {
	if err := checkText(e.Key); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if _, err := messages.ParseNodeID(string(e.Node)); err != nil {
		return err
	}
	if e.Revision > MaxRevision {
		return fmt.Errorf("revision %d of %q, at most %d is allowed", e.Revision, e.Key, uint64(MaxRevision))
	}
	if len(e.Body) > MaxValue {
		return fmt.Errorf("body of %q of %d bytes, at most %d are allowed", e.Key, len(e.Body), MaxValue)
	}
	return nil
}
