package cluster

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// mostUnread is how many bytes wait for a Reader. Beyond that it is a slow subscriber, as a client is that does not read.
const mostUnread = 64 << 20

// errGone: the connection has ended.
var errGone = errors.New("the subscriber has gone")

// outlet is a connection to a subscriber in memory: command.Outlet. A message is a line.
type outlet struct {
	mu     sync.Mutex // guards what follows; a leaf
	bytes  []byte
	closed bool
	// changed is closed at the next change; nil while nobody waits.
	changed chan struct{}
}

// Frame implements command.Outlet.
func (o *outlet) Frame(dst, head, body []byte) []byte {
	return append(append(append(dst, head...), body...), '\n')
}

// Farewell implements command.Outlet.
func (o *outlet) Farewell(dst []byte, code int, reason string) []byte {
	return append(dst, fmt.Sprintf(`{"op":"closed","message":%q}`+"\n", fmt.Sprintf("%d %s", code, reason))...)
}

// Events implements command.Outlet.
func (o *outlet) Events() bool { return false }

// TryWrite implements command.Outlet.
func (o *outlet) TryWrite(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return 0, errGone
	}
	n := min(len(b), mostUnread-len(o.bytes))
	if n > 0 {
		o.bytes = append(o.bytes, b[:n]...)
		o.stir()
	}
	return n, nil
}

// Write implements command.Outlet.
func (o *outlet) Write(b []byte, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		changed := o.watch()
		n, err := o.TryWrite(b)
		if b = b[n:]; err != nil || len(b) == 0 {
			return err
		}
		select {
		case <-changed:
		case <-timer.C:
			return errors.New("the subscriber does not read")
		}
	}
}

// Close implements command.Outlet.
func (o *outlet) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.stir()
}

// take gives what was written, and whether no more comes.
func (o *outlet) take() (written []byte, closed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.bytes
	o.bytes = nil
	o.stir()
	return b, o.closed
}

// watch gives what is closed at the next change.
func (o *outlet) watch() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.changed
}

func (o *outlet) stir() {
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
}
