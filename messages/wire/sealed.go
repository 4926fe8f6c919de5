package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/zeebo/blake3"

	"anode/messages"
)

// Version is the format version that Seal writes; Parse reads all up to it.
const Version = 1

const (
	// MaxSealed is the most bytes of a sealed batch.
	MaxSealed = 2<<20 - 1024
	// MaxRaw is the most bytes of a body before compression.
	MaxRaw = 2<<20 - 4096

	fixedHeader = 116
	maxHeader   = fixedHeader + 1 + messages.MaxNodeID + 1 + 20 + 1 + 64
	trailer     = 4
)

// The faults of sealed bytes.
var (
	// ErrFormat: the bytes are no batch of a known format.
	ErrFormat = errors.New("not a sealed batch")
	// ErrChecksum: the bytes were a batch, and were changed.
	ErrChecksum = errors.New("checksum mismatch")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is the CRC32C that closes a batch, and that the journal uses too.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// Sealed is a batch as it stands on disks and links, with its header read. It is
// immutable and may be shared. The zero Sealed is no batch.
type Sealed struct {
	messages.Header
	bytes []byte
	body  int // where the body begins
	raw   int
	codec Codec
}

// Bytes are the sealed bytes. They must not be changed.
func (s *Sealed) Bytes() []byte { return s.bytes }

// HeaderHash is what the next batch of the epoch names as Previous.
func (s *Sealed) HeaderHash() messages.Hash { return blake3.Sum256(s.bytes[:s.body]) }

// Parse reads sealed bytes: checksum, version, header and lengths. It keeps the slice.
func Parse(b []byte) (Sealed, error) {
	if len(b) < fixedHeader+trailer || b[0] != 'a' || b[1] != 'N' {
		return Sealed{}, fmt.Errorf("%w: %d bytes without its mark", ErrFormat, len(b))
	}
	if len(b) > MaxSealed {
		return Sealed{}, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrFormat, len(b), MaxSealed)
	}
	end := len(b) - trailer
	if Checksum(b[:end]) != binary.LittleEndian.Uint32(b[end:]) {
		return Sealed{}, ErrChecksum
	}
	return ParseChecked(b)
}

// ParseChecked is Parse for bytes whose checksum was verified a moment ago.
func ParseChecked(b []byte) (Sealed, error) {
	if len(b) < fixedHeader+trailer || b[0] != 'a' || b[1] != 'N' {
		return Sealed{}, fmt.Errorf("%w: %d bytes without its mark", ErrFormat, len(b))
	}
	if b[2] != Version {
		return Sealed{}, fmt.Errorf("%w: format version %d, this node reads up to %d", ErrFormat, b[2], Version)
	}
	s := Sealed{bytes: b, codec: Codec(b[3])}
	s.body = int(binary.LittleEndian.Uint32(b[4:]))
	length := int(binary.LittleEndian.Uint32(b[8:]))
	s.raw = int(binary.LittleEndian.Uint32(b[12:]))
	if s.body < fixedHeader || s.body > maxHeader || s.raw > MaxRaw || s.body+length+trailer != len(b) {
		return Sealed{}, fmt.Errorf("%w: header of %d, body of %d (raw %d) in %d bytes", ErrFormat, s.body, length, s.raw, len(b))
	}
	if err := s.readHeader(b[:s.body]); err != nil {
		return Sealed{}, err
	}
	return s, nil
}

func (s *Sealed) readHeader(b []byte) error {
	le := binary.LittleEndian
	s.Epoch, s.Sequence = le.Uint64(b[16:]), le.Uint64(b[24:])
	s.First, s.Last = messages.HLC(le.Uint64(b[32:])), messages.HLC(le.Uint64(b[40:]))
	s.Count = le.Uint32(b[48:])
	copy(s.Previous[:], b[52:84])
	copy(s.Root[:], b[84:116])
	rest := b[fixedHeader:]
	origin, rest, ok := short(rest)
	if !ok {
		return fmt.Errorf("%w: origin is cut", ErrFormat)
	}
	var err error
	if s.Origin, err = messages.ParseNodeID(string(origin)); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if rest, ok = s.readPrior(rest); !ok {
		return fmt.Errorf("%w: prior is cut", ErrFormat)
	}
	signature, rest, ok := short(rest)
	if !ok || len(rest) != 0 || len(signature) != 0 && len(signature) != 64 {
		return fmt.Errorf("%w: signature is cut", ErrFormat)
	}
	return s.checkHeader()
}

func (s *Sealed) readPrior(b []byte) ([]byte, bool) {
	if len(b) > 0 && b[0] == 0 {
		return b[1:], true
	}
	if len(b) < 21 || b[0] != 1 {
		return nil, false
	}
	s.Prior = messages.Position{
		Origin: s.Origin, Epoch: binary.LittleEndian.Uint64(b[1:]),
		Sequence: binary.LittleEndian.Uint64(b[9:]), Index: binary.LittleEndian.Uint32(b[17:]),
	}
	return b[21:], true
}

func (s *Sealed) checkHeader() error {
	switch {
	case s.Epoch == 0 || s.Sequence == 0:
		return fmt.Errorf("%w: epoch and sequence count from 1", ErrFormat)
	case s.Epoch > messages.MaxEpoch || max(s.Sequence, s.Prior.Sequence) > messages.MaxSequence:
		return fmt.Errorf("%w: epoch %d, sequence %d: nobody counts that far", ErrFormat, s.Epoch, s.Sequence)
	case s.Count == 0 || s.Count > messages.MaxBatchRecords:
		return fmt.Errorf("%w: %d records, 1 to %d are allowed", ErrFormat, s.Count, messages.MaxBatchRecords)
	case s.Last != s.First+messages.HLC(s.Count-1) || s.Last < s.First:
		return fmt.Errorf("%w: HLC %d to %d with %d records", ErrFormat, s.First, s.Last, s.Count)
	case !s.Prior.IsZero() && (s.Sequence != 1 || s.Prior.Epoch >= s.Epoch || s.Prior.Sequence == 0):
		return fmt.Errorf("%w: prior %s in batch %s", ErrFormat, s.Prior, s.ID())
	}
	return nil
}

// short reads a part that is led by its length in one byte.
func short(b []byte) (part, rest []byte, ok bool) {
	if len(b) == 0 || len(b)-1 < int(b[0]) {
		return nil, nil, false
	}
	n := 1 + int(b[0])
	return b[1:n], b[n:], true
}
