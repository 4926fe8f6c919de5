package archived_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"anode/testkit/cassandra"
)

// door is a proxy before a Cassandra: it can be shut for those who come through it.
type door struct {
	listener net.Listener
	to       string
	work     sync.WaitGroup

	mu    sync.Mutex // guards what follows
	open  chan struct{}
	conns map[net.Conn]bool
	ended bool
}

// doorTo is one for the test.
func doorTo(t testing.TB, c *cassandra.Cluster) *door {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{listener: listener, to: c.Node(0).Addr(), open: make(chan struct{}), conns: make(map[net.Conn]bool)}
	close(d.open)
	d.work.Go(d.accept)
	t.Cleanup(d.close)
	return d
}

func (d *door) address() string { return d.listener.Addr().String() }

// shut stands still what passes, as a server does that stands still: connections live, and nothing comes.
func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = make(chan struct{})
}

// cut shuts, and resets connections that there are, as a server does that is killed.
func (d *door) cut() {
	d.shut()
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}

// unlock ends shut and cut.
func (d *door) unlock() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.open)
}

func (d *door) close() {
	_ = d.listener.Close()
	d.mu.Lock()
	d.ended = true
	select {
	case <-d.open:
	default:
		close(d.open)
	}
	for c := range d.conns {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.work.Wait()
}

func (d *door) accept() {
	for {
		c, err := d.listener.Accept()
		if err != nil {
			return
		}
		if d.own(c) {
			d.work.Go(func() { d.pass(c) })
		}
	}
}

// own takes a connection in; false is that the door has ended.
func (d *door) own(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		_ = c.Close()
		return false
	}
	d.conns[c] = true
	return true
}

func (d *door) forget(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, c)
	_ = c.Close()
}

// wait waits while it is shut.
func (d *door) wait() {
	d.mu.Lock()
	open := d.open
	d.mu.Unlock()
	<-open
}

// pass carries a connection to its end.
func (d *door) pass(c net.Conn) {
	defer d.forget(c)
	d.wait()
	to, err := new(net.Dialer).DialContext(context.Background(), "tcp", d.to)
	if err != nil || !d.own(to) {
		return
	}
	defer d.forget(to)
	var back sync.WaitGroup
	back.Go(func() { d.carry(c, to) })
	d.carry(to, c)
	back.Wait()
}

// carry carries one direction, and ends both.
func (d *door) carry(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		d.wait()
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
