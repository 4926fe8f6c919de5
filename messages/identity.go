package messages

import (
	"encoding/binary"

	"github.com/zeebo/blake3"
)

// Identity is the first 128 bits of the BLAKE3 hash of (source, stream, key, native
// id): what makes two records the same datum.
type Identity [16]byte

// HasIdentity tells whether the draft can be recognised again: it has a native id.
func (d *Draft) HasIdentity() bool { return d.NativeID != "" }

// Identity is what the draft is recognised by. Each part is led by its length, so
// that no two tuples give the same bytes.
func (d *Draft) Identity() Identity {
	var room [1024]byte
	text := room[:0]
	for _, part := range [...]string{d.Source, string(d.Stream), d.Key, d.NativeID} {
		text = append(binary.AppendUvarint(text, uint64(len(part))), part...)
	}
	sum := blake3.Sum256(text)
	return Identity(sum[:16])
}
