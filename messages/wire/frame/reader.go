package frame

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// buffer is the bytes read at once: a record of TLS has no more.
	buffer = 16 << 10
	// chunk is the most memory that is taken for bytes that did not come yet; most batches are smaller.
	chunk = 64 << 10
	// MaxHello is the most bytes of a Hello, head included: twice what this version can fill. A stranger
	// can make a node hold no more.
	MaxHello = 8 << 10
)

// Reader reads frames from a stream. Memory grows with the bytes that came, never with the length that is
// claimed. It is not safe for concurrent use.
type Reader struct {
	r *bufio.Reader
	// first is where the first chunk of a long body is read to; nil until there is one.
	first []byte
	err   error
}

// NewReader makes a reader that reads ahead.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, buffer)} }

// Reset makes the reader begin anew with another stream. It keeps its memory, and drops what was read ahead.
func (r *Reader) Reset(from io.Reader) {
	r.r.Reset(from)
	r.err = nil
}

// Buffered is how many bytes were read ahead: with 0 all that came is in the frames that were given.
func (r *Reader) Buffered() int { return r.r.Buffered() }

// Hello reads a frame that must be a Hello, as the first one is. All that is wrong is final.
func (r *Reader) Hello() (*Hello, error) {
	t, n, err := r.head(MaxHello)
	if err == nil && t != TypeHello {
		err = r.end(fmt.Errorf("%w: %s of %d bytes where a hello is due", ErrFrame, t, n))
	}
	if err != nil {
		return nil, err
	}
	f, err := r.body(t, n)
	if err != nil {
		return nil, r.end(err)
	}
	return f.(*Hello), nil
}

// Next reads a frame. It belongs to the caller, and shares no memory with the reader. io.EOF says that the
// stream ended between two frames.
//
// Of a frame whose body is wrong the error is Parse's, and the next call gives the frame behind it. All other
// errors are final: where the stream ended, failed, or named a length above Max, after which nobody knows
// where a frame begins.
func (r *Reader) Next() (Frame, error) {
	t, n, err := r.head(Max)
	if err != nil {
		return nil, err
	}
	return r.body(t, n)
}

// head reads a head: the type, and the length of the body.
func (r *Reader) head(most int) (Type, int, error) {
	if r.err != nil {
		return 0, 0, r.err
	}
	b, err := r.r.Peek(head)
	if err != nil {
		if err == io.EOF && len(b) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return 0, 0, r.end(err)
	}
	t, n := Type(b[4]), binary.LittleEndian.Uint32(b)
	if n > uint32(most-head) {
		return 0, 0, r.end(fmt.Errorf("%w: %s with a body of %d bytes, at most %d are allowed", ErrFrame, t, n, most-head))
	}
	_, err = r.r.Discard(head)
	return t, int(n), err
}

// body reads a body of n bytes and parses it: in the buffer where it fits there, and is not to be kept.
func (r *Reader) body(t Type, n int) (Frame, error) {
	if t == TypePush || n > buffer {
		b, err := r.own(n)
		if err != nil {
			return nil, err
		}
		return Parse(t, b)
	}
	b, err := r.r.Peek(n)
	if err != nil {
		return nil, r.cut(err)
	}
	f, err := Parse(t, b)
	_, _ = r.r.Discard(n) // it was peeked at: nothing can fail
	return f, err
}

// own reads n bytes into a slice of their own. One that is long is made when its first chunk came, and grows
// with what comes.
func (r *Reader) own(n int) ([]byte, error) {
	if n <= chunk {
		b := make([]byte, n)
		return b, r.fill(b)
	}
	if r.first == nil {
		r.first = make([]byte, chunk)
	}
	if err := r.fill(r.first); err != nil {
		return nil, err
	}
	for b := r.first; ; {
		have := len(b)
		b = append(make([]byte, 0, min(n, 4*have)), b...)
		b = b[:cap(b)]
		if err := r.fill(b[have:]); err != nil {
			return nil, err
		}
		if len(b) == n {
			return b, nil
		}
	}
}

func (r *Reader) fill(b []byte) error {
	if _, err := io.ReadFull(r.r, b); err != nil {
		return r.cut(err)
	}
	return nil
}

// cut is the end of a stream within a body.
func (r *Reader) cut(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return r.end(err)
}

// end makes an error final.
func (r *Reader) end(err error) error {
	r.err = err
	return err
}
