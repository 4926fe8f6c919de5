package wire

import (
	"fmt"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// Codec is how a body is compressed.
type Codec uint8

const (
	// None: as it is.
	None Codec = 0
	// S2 is fast: the default.
	S2 Codec = 1
	// Zstd is smaller, at about five times the CPU.
	Zstd Codec = 2
)

// minCompress is the smallest body worth compressing, and minGain the part of its
// length that compression must save: below either the CPU of every reader costs more.
const (
	minCompress = 256
	minGain     = 8
)

// compress appends the body in the codec's form, or as it is where that does not pay,
// and tells which it was.
func (s *Sealer) compress(dst, body []byte) ([]byte, Codec, error) {
	if s.codec == None || len(body) < minCompress {
		return append(dst, body...), None, nil
	}
	packed, err := s.pack(body)
	if err != nil {
		return nil, None, err
	}
	if len(packed) > len(body)-len(body)/minGain {
		return append(dst, body...), None, nil
	}
	return append(dst, packed...), s.codec, nil
}

func (s *Sealer) pack(body []byte) ([]byte, error) {
	switch s.codec {
	case S2:
		if need := s2.MaxEncodedLen(len(body)); cap(s.packed) < need {
			s.packed = make([]byte, need)
		}
		return s2.Encode(s.packed[:cap(s.packed)], body), nil
	case Zstd:
		if s.zstd == nil {
			var err error
			if s.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest)); err != nil {
				return nil, fmt.Errorf("zstd: %w", err)
			}
		}
		s.packed = s.zstd.EncodeAll(body, s.packed[:0])
		return s.packed, nil
	}
	return nil, fmt.Errorf("unknown codec %d", s.codec)
}

// decompress gives the raw body of exactly the length that the header names.
func decompress(codec Codec, body []byte, raw int) ([]byte, error) {
	switch codec {
	case None:
		if len(body) != raw {
			return nil, fmt.Errorf("%w: body has %d bytes, the header says %d", ErrFormat, len(body), raw)
		}
		return body, nil
	case S2:
		n, err := s2.DecodedLen(body)
		if err != nil || n != raw {
			return nil, fmt.Errorf("%w: S2 body of %d bytes, the header says %d", ErrFormat, n, raw)
		}
		out, err := s2.Decode(make([]byte, raw), body)
		if err != nil {
			return nil, fmt.Errorf("%w: S2: %w", ErrFormat, err)
		}
		return out, nil
	case Zstd:
		return unzstd(body, raw)
	}
	return nil, fmt.Errorf("%w: unknown codec %d", ErrFormat, codec)
}

func unzstd(body []byte, raw int) ([]byte, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxRaw), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	defer d.Close()
	out, err := d.DecodeAll(body, make([]byte, 0, raw))
	if err != nil || len(out) != raw {
		return nil, fmt.Errorf("%w: zstd body gave %d bytes, the header says %d: %w", ErrFormat, len(out), raw, err)
	}
	return out, nil
}
