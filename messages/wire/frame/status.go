package frame

import (
	"fmt"

	"anode/messages"
)

// leastEphemeral is the least bytes of an Ephemeral: an id, a kind, two numbers, a body.
const leastEphemeral = 1 + 1 + 2 + 1

// Size implements Frame.
func (f *Status) Size() int {
	n := head + sizeUint(uint64(len(f.Records)))
	for i := range f.Records {
		n += f.Records[i].size()
	}
	return n
}

func (f *Status) appendBody(dst []byte) []byte {
	dst = appendUint(dst, uint64(len(f.Records)))
	for i := range f.Records {
		dst = f.Records[i].append(dst)
	}
	return dst
}

func (f *Status) readBody(d decoder) error {
	f.Records = room[Ephemeral](&d, leastEphemeral, Max)
	for i := range f.Records {
		f.Records[i].read(&d)
	}
	return d.err
}

func (f *Status) check() error { return each("record", f.Records, (*Ephemeral).check) }

func (e *Ephemeral) size() int {
	return sizeID(e.Node) + 1 + sizeUint(e.Epoch) + sizeUint(e.Version) + sizeBytes(e.Body)
}

func (e *Ephemeral) append(dst []byte) []byte {
	dst = append(appendID(dst, e.Node), e.Kind)
	dst = appendUint(appendUint(dst, e.Epoch), e.Version)
	return appendBytes(dst, e.Body)
}

func (e *Ephemeral) read(d *decoder) {
	e.Node, e.Kind, e.Epoch, e.Version, e.Body = d.id(), d.byte(), d.uint(), d.uint(), d.bytes()
}

func (e *Ephemeral) check() error {
	if _, err := messages.ParseNodeID(string(e.Node)); err != nil {
		return err
	}
	if len(e.Body) > MaxBody {
		return fmt.Errorf("body of %d bytes of %s, at most %d are allowed", len(e.Body), e.Node, MaxBody)
	}
	return nil
}
