package source

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// single lets one network connection stand at a time: the next is dialled when the feed has let the one before
// go, or a second after it was closed. It is safe for concurrent use.
type single struct {
	dial Dial
	// free has an element while nothing stands.
	free chan struct{}
}

func newSingle(dial Dial) *single {
	s := &single{dial: dial, free: make(chan struct{}, 1)}
	s.free <- struct{}{}
	return s
}

// DialContext waits for its turn and connects.
func (s *single) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	select {
	case <-s.free:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	conn, err := s.dial(ctx, network, address)
	if err != nil {
		s.free <- struct{}{}
		return nil, err
	}
	return &only{Conn: conn, of: s}, nil
}

// wait returns when nothing stands, or after the time that a feed has.
func (s *single) wait() {
	timer := time.NewTimer(2 * lettingGo)
	defer timer.Stop()
	select {
	case <-s.free:
		s.free <- struct{}{}
	case <-timer.C:
	}
}

// only is the connection that stands.
type only struct {
	net.Conn
	of   *single
	once sync.Once
}

// Close says that nothing more comes, and lets the next one stand when the feed has heard it. It does not
// wait for that.
func (o *only) Close() error {
	var err error
	o.once.Do(func() {
		_ = o.Conn.SetReadDeadline(time.Now().Add(lettingGo)) // a connection that takes none is ended at once
		half, can := o.Conn.(interface{ CloseWrite() error })
		if !can || half.CloseWrite() != nil {
			err = o.Conn.Close()
			o.of.free <- struct{}{}
			return
		}
		go func() {
			_, _ = io.Copy(io.Discard, o.Conn) // up to its end, or to the deadline
			_ = o.Conn.Close()                 // it is over
			o.of.free <- struct{}{}
		}()
	})
	return err
}
