package link

import (
	"io"
	"sync"

	"anode/messages/wire/frame"
)

// readers are kept between bursts of frames: one that reads ahead takes 16 KiB, and 64 KiB more once it
// has read a long frame. Most links are idle most of the time.
var readers = sync.Pool{New: func() any { return frame.NewReader(nil) }}

// inbox reads frames, and holds a reader only while something is under way. It has one user.
type inbox struct {
	from io.Reader
	// first is a byte that was waited for without a reader; has: it was not read yet.
	first  [1]byte
	has    bool
	reader *frame.Reader
}

func newInbox(from io.Reader) *inbox { return &inbox{from: from} }

// Read implements io.Reader, for the reader.
func (in *inbox) Read(b []byte) (int, error) {
	if in.has && len(b) > 0 {
		in.has = false
		return copy(b, in.first[:]), nil
	}
	return in.from.Read(b)
}

// hello reads the first frame.
func (in *inbox) hello() (*frame.Hello, error) {
	if err := in.await(); err != nil {
		return nil, err
	}
	hello, err := in.reader.Hello()
	in.rest()
	return hello, err
}

// next reads a frame, as frame.Reader's Next does.
func (in *inbox) next() (frame.Frame, error) {
	if err := in.await(); err != nil {
		return nil, err
	}
	f, err := in.reader.Next()
	in.rest()
	return f, err
}

// await waits for something to read, and takes a reader for it.
func (in *inbox) await() error {
	if in.reader != nil {
		return nil
	}
	if _, err := io.ReadFull(in.from, in.first[:]); err != nil {
		return err
	}
	in.has = true
	in.reader = readers.Get().(*frame.Reader)
	in.reader.Reset(in)
	return nil
}

// rest gives the reader back when it has nothing.
func (in *inbox) rest() {
	if in.reader.Buffered() == 0 {
		in.drop()
	}
}

// drop gives the reader back, with what it has read ahead.
func (in *inbox) drop() {
	if in.reader != nil {
		in.reader.Reset(nil)
		readers.Put(in.reader)
		in.reader = nil
	}
}
