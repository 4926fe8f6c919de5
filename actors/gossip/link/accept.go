package link

import (
	"context"
	"errors"
	"net"
	"time"
)

// Between two tries to accept that failed, the wait doubles from the first to the second: a node without
// file descriptors must not spin.
const (
	leastWait = 5 * time.Millisecond
	mostWait  = time.Second
)

// accept waits for the next connection, over failures that pass. The listener is closed when ctx ends, by
// whoever calls.
func accept(ctx context.Context, from net.Listener, failed func()) (net.Conn, error) {
	for wait := leastWait; ; wait = min(2*wait, mostWait) {
		conn, err := from.Accept()
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		failed()
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// onDone calls f when ctx ends. The function it gives undoes that, and waits for an f that runs.
func onDone(ctx context.Context, f func()) (undo func()) {
	ran := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ran)
		f()
	})
	return func() {
		if !stop() {
			<-ran
		}
	}
}

// cut ends a connection at once. What was not sent is dropped, so that a flood leaves no connections behind that
// wait for their end.
func cut(conn net.Conn) {
	if tcp := tcpOf(conn); tcp != nil {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// tcpOf is the TCP connection below others; nil where there is none.
func tcpOf(conn net.Conn) *net.TCPConn {
	for {
		switch c := conn.(type) {
		case *net.TCPConn:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}
