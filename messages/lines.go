package messages

import (
	"maps"
	"slices"
)

// Lines are the lines of all origins that a journal knows. Like a Line they are not safe for concurrent
// use. The zero Lines can be asked but not opened in.
type Lines map[NodeID]*Line

// Open gives an origin's line, made where it is missing.
func (l Lines) Open(origin NodeID) *Line {
	line := l[origin]
	if line == nil {
		line = NewLine(origin)
		l[origin] = line
	}
	return line
}

// Next is the reading rule for the origin of a position: StepHead of one that is not known.
func (l Lines) Next(after Position) Step {
	if line := l[after.Origin]; line != nil {
		return line.Next(after)
	}
	return Step{Kind: StepHead}
}

// Head is the newest place on an origin's line; {origin, 0, 0, 0} of one that is not known.
func (l Lines) Head(origin NodeID) Position {
	if line := l[origin]; line != nil {
		return line.Head()
	}
	return Position{Origin: origin}
}

// Copy is a clone of an origin's line: the empty line of one that is not known.
func (l Lines) Copy(origin NodeID) *Line {
	if line := l[origin]; line != nil {
		return line.Clone()
	}
	return NewLine(origin)
}

// Origins are all that are known, sorted.
func (l Lines) Origins() []NodeID { return slices.Sorted(maps.Keys(l)) }

// Clone is lines that know the same, and share nothing with these.
func (l Lines) Clone() Lines {
	c := make(Lines, len(l))
	for origin, line := range l {
		c[origin] = line.Clone()
	}
	return c
}

// Digest is what is held of every origin. It shares nothing with the lines.
func (l Lines) Digest() Digest {
	d := make(Digest, len(l))
	for origin, line := range l {
		d[origin] = line.Digest()
	}
	return d
}
