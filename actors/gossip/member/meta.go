package member

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Stage is what a node says of itself; no other node says it. Zero is Joining.
type Stage uint8

// The stages of a node.
const (
	// Joining: it learns what there is, and owns nothing yet.
	Joining Stage = iota
	// Active: it takes part.
	Active
	// Draining: it hands over what it owns, and then leaves.
	Draining
)

// String is the word for it.
func (s Stage) String() string {
	switch s {
	case Active:
		return "active"
	case Draining:
		return "draining"
	default:
		return "joining"
	}
}

// Meta is what a node tells all others of itself. All else is in the greeting of a link, and in its status.
//
//	┌─────────────┬──────────────┬───────────┬───────────┬────────────┬──────┐
//	│ version (1) │ protocol (1) │ stage (1) │ epoch (8) │ length (1) │ name │ later additions
//	└─────────────┴──────────────┴───────────┴───────────┴────────────┴──────┘
//
// Numbers are big-endian. Bytes behind the name are passed over. A stage that is not known is Joining: who
// does not understand a node gives it nothing.
type Meta struct {
	Stage Stage
	// Epoch is that in which the node numbers its batches: when it changes, the node started anew.
	Epoch uint64
	// Protocol is the version that it speaks on links.
	Protocol uint8
	// Name is what people call it, valid UTF-8, at most MaxName bytes. It is here because a node that died
	// before it was linked has no other way to tell it.
	Name string
}

// MaxName is the longest name in a Meta, in bytes; what is longer is cut.
const MaxName = 64

const (
	metaVersion = 1
	metaHeader  = 1 + 1 + 1 + 8 + 1
)

// ErrMeta is the error of a Meta that can't be read.
var ErrMeta = errors.New("member: metadata")

// Append appends the encoded form, at most 76 bytes (memberlist allows 512).
func (m Meta) Append(b []byte) []byte {
	name := CutName(m.Name)
	b = append(b, metaVersion, m.Protocol, byte(m.Stage))
	b = binary.BigEndian.AppendUint64(b, m.Epoch)
	b = append(b, byte(len(name)))
	return append(b, name...)
}

// ParseMeta reads an encoded Meta. Errors are ErrMeta; the Meta is zero then.
func ParseMeta(b []byte) (Meta, error) {
	switch {
	case len(b) < metaHeader:
		return Meta{}, fmt.Errorf("%w: %d bytes, want %d or more", ErrMeta, len(b), metaHeader)
	case b[0] != metaVersion:
		return Meta{}, fmt.Errorf("%w: version %d, this node knows %d", ErrMeta, b[0], metaVersion)
	}
	name := b[metaHeader:]
	if int(b[metaHeader-1]) > len(name) {
		return Meta{}, fmt.Errorf("%w: the name ends too early", ErrMeta)
	}
	m := Meta{
		Protocol: b[1],
		Stage:    Stage(b[2]),
		Epoch:    binary.BigEndian.Uint64(b[3:]),
		Name:     CutName(string(name[:b[metaHeader-1]])),
	}
	if m.Stage > Draining {
		m.Stage = Joining
	}
	return m, nil
}

// CutName makes a name fit for a Meta: valid UTF-8 without control characters, of at most MaxName bytes.
func CutName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, name)
	for len(name) > MaxName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}
