package frame

import "anode/messages"

const versionsWant = 1

// leastStamp is the least bytes of a Stamp: an id, a kind, two numbers.
const leastStamp = 1 + 1 + 2

// Size implements Frame.
func (f *Versions) Size() int {
	n := head + 1 + sizeUint(uint64(len(f.List)))
	for i := range f.List {
		n += f.List[i].size()
	}
	return n
}

func (f *Versions) appendBody(dst []byte) []byte {
	dst = append(dst, flags(f.Want))
	dst = appendUint(dst, uint64(len(f.List)))
	for i := range f.List {
		dst = f.List[i].append(dst)
	}
	return dst
}

func (f *Versions) readBody(d decoder) error {
	f.Want = d.byte()&versionsWant != 0
	f.List = room[Stamp](&d, leastStamp, Max)
	for i := range f.List {
		f.List[i].read(&d)
	}
	return d.err
}

func (f *Versions) check() error { return each("version", f.List, (*Stamp).check) }

func (s *Stamp) size() int { return sizeID(s.Node) + 1 + sizeUint(s.Epoch) + sizeUint(s.Version) }

func (s *Stamp) append(dst []byte) []byte {
	dst = append(appendID(dst, s.Node), s.Kind)
	return appendUint(appendUint(dst, s.Epoch), s.Version)
}

func (s *Stamp) read(d *decoder) {
	s.Node, s.Kind, s.Epoch, s.Version = d.id(), d.byte(), d.uint(), d.uint()
}

func (s *Stamp) check() error {
	_, err := messages.ParseNodeID(string(s.Node))
	return err
}
