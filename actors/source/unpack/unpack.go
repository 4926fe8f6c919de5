package unpack

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// Most is the most bytes that a message unpacks to.
const Most = 16 << 20

// errBomb marks what unpacks to more than a message may have.
var errBomb = errors.New("unpacks to more than 16 MiB")

// The unpackers keep windows of 32 KiB and more, so that all sources share those that are not in use.
var (
	gzips  = sync.Pool{New: func() any { return new(gzip.Reader) }}
	raws   = sync.Pool{New: func() any { return flate.NewReader(nil) }}
	zstds  = sync.Pool{New: func() any { return newZstd() }}
	filled = sync.Pool{New: func() any { return new(bytes.Buffer) }}
)

// mostKept is the most bytes of a buffer that is kept for the next message.
const mostKept = 1 << 20

// Message takes a binary message through steps, in order: gzip, deflate, zstd and base64. The result is the
// caller's. Each step gives at most Most bytes; what is cut, or is not what the step says, is an error that names it.
func Message(steps []string, message []byte) ([]byte, error) {
	for _, step := range steps {
		unpack, known := decoders[step]
		if !known {
			return nil, fmt.Errorf("%q is no way to unpack a message", step)
		}
		next, err := unpack(message)
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return nil, fmt.Errorf("%s: is cut", step)
		case err != nil:
			return nil, fmt.Errorf("%s: %w", step, err)
		}
		message = next
	}
	return message, nil
}

// decoders are by the names of the language.
var decoders = map[string]func([]byte) ([]byte, error){"gzip": ungzip, "deflate": inflate, "zstd": unzstd, "base64": unbase64}

// bounded reads all, within the bound.
func bounded(r io.Reader) ([]byte, error) {
	buffer := filled.Get().(*bytes.Buffer)
	defer func() {
		if buffer.Cap() <= mostKept {
			buffer.Reset()
			filled.Put(buffer)
		}
	}()
	_, err := buffer.ReadFrom(io.LimitReader(r, Most+1))
	switch {
	case buffer.Len() > Most:
		return nil, errBomb
	case err != nil:
		return nil, err
	}
	return bytes.Clone(buffer.Bytes()), nil
}

// ungzip reads gzip (RFC 1952), also of several members.
func ungzip(message []byte) ([]byte, error) {
	r := gzips.Get().(*gzip.Reader)
	defer gzips.Put(r)
	if err := r.Reset(bytes.NewReader(message)); err != nil {
		return nil, err
	}
	return bounded(r)
}

// inflate reads deflate, with the head of zlib (RFC 1950) or without (RFC 1951): feeds mean either.
func inflate(message []byte) ([]byte, error) {
	if len(message) >= 2 && message[0]&0x0f == 8 && (int(message[0])<<8+int(message[1]))%31 == 0 {
		if r, err := zlib.NewReader(bytes.NewReader(message)); err == nil {
			if text, err := bounded(r); err == nil || errors.Is(err, errBomb) {
				return text, err
			}
		}
	}
	r := raws.Get().(io.ReadCloser)
	defer raws.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(message), nil); err != nil {
		return nil, err
	}
	text, err := bounded(r)
	if errors.Is(err, io.ErrUnexpectedEOF) && bytes.HasSuffix(message, syncFlush) {
		// A feed that flushes each message, but ends the stream never.
		if err := r.(flate.Resetter).Reset(io.MultiReader(bytes.NewReader(message), bytes.NewReader(lastBlock)), nil); err != nil {
			return nil, err
		}
		return bounded(r)
	}
	return text, err
}

var (
	// syncFlush is the end of what was flushed, lastBlock an empty block that ends the stream.
	syncFlush = []byte{0, 0, 0xff, 0xff}
	lastBlock = []byte{1, 0, 0, 0xff, 0xff}
)

func newZstd() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(Most), zstd.WithDecoderLowmem(true))
	if err != nil { // no option above is one that can fail
		return err
	}
	return d
}

// unzstd reads Zstandard (RFC 8878), without dictionaries.
func unzstd(message []byte) ([]byte, error) {
	pooled := zstds.Get()
	d, ok := pooled.(*zstd.Decoder)
	if !ok {
		return nil, pooled.(error)
	}
	defer zstds.Put(d)
	text, err := d.DecodeAll(message, nil)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return nil, errBomb
	}
	return text, err
}

// unbase64 reads base64 of either alphabet, with or without padding and line breaks.
func unbase64(message []byte) ([]byte, error) {
	text := make([]byte, 0, len(message))
	encoding := base64.RawStdEncoding
	for _, c := range message {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		case '-', '_':
			encoding = base64.RawURLEncoding
		}
		text = append(text, c)
	}
	for padding := 0; padding < 2 && len(text) > 0 && text[len(text)-1] == '='; padding++ {
		text = text[:len(text)-1]
	}
	n, err := encoding.Decode(text, text)
	return text[:n], err
}
