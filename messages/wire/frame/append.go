package frame

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"anode/messages"
)

// head is the bytes before a body: its length (4, little-endian) and the type.
const head = 5

// Append appends a frame as it stands on a link. It does not allocate where dst has room. f must pass Check;
// one of more than Max panics, because every peer would close the link for it: lists that may grow so long
// are for Split….
func Append(dst []byte, f Frame) []byte {
	at := len(dst)
	dst = f.appendBody(append(dst, 0, 0, 0, 0, byte(f.Type())))
	putLength(dst[at:], f.Type(), len(dst)-at)
	return dst
}

// putLength fills in the length of a frame of size bytes, head included.
func putLength(at []byte, t Type, size int) {
	if size > Max {
		panic(fmt.Sprintf("frame: %s of %d bytes, at most %d are allowed", t, size, Max))
	}
	binary.LittleEndian.PutUint32(at, uint32(size-head))
}

// sizeUint is the length of a uvarint: a byte for each 7 bits, at least one.
func sizeUint(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

func appendUint(dst []byte, v uint64) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

// sizeFixed is the length of what has no small values: hashes, nonces, and HLCs, which would be nine bytes
// as uvarints.
const sizeFixed = 8

func appendFixed(dst []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(dst, v) }

// sizeBytes is the length of bytes, or a text, led by their length.
func sizeBytes[T []byte | string](b T) int { return sizeUint(uint64(len(b))) + len(b) }

func appendBytes[T []byte | string](dst []byte, b T) []byte {
	return append(appendUint(dst, uint64(len(b))), b...)
}

// flags packs up to eight truths into a byte, the first in the lowest bit.
func flags(list ...bool) byte {
	var b byte
	for i, is := range list {
		if is {
			b |= 1 << i
		}
	}
	return b
}

// A list of ranges is its count and of each From and To - From.

func sizeRanges(list []messages.Range) int {
	n := sizeUint(uint64(len(list)))
	for _, r := range list {
		n += sizeUint(r.From) + sizeUint(r.To-r.From)
	}
	return n
}

func appendRanges(dst []byte, list []messages.Range) []byte {
	dst = appendUint(dst, uint64(len(list)))
	for _, r := range list {
		dst = appendUint(appendUint(dst, r.From), r.To-r.From)
	}
	return dst
}
