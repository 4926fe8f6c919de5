package e2e_test

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestASlowReaderDisturbsNobodyAndMissesNothing(t *testing.T) {
	lasting := 4 * time.Second
	if long() {
		lasting = 30 * time.Second
	}
	n := start(t, t.TempDir())
	f := &flow{rate: 3000, streams: 10, pad: 600} // more than the kernel's buffers hold
	f.url.Store(&n.url)

	slow := &subscription{streams: []string{"cut.>"}, start: "earliest"}
	sloth := &subscriber{subs: map[string]*subscription{"s": slow}}
	if err := sloth.connect(n.url); err != nil {
		t.Fatal(err)
	}
	if tcp, ok := sloth.conn.UnderlyingConn().(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(64 << 10)
	}
	var readers sync.WaitGroup
	fast := make([]*subscriber, 20)
	for i := range fast {
		fast[i] = &subscriber{subs: map[string]*subscription{"s": {streams: []string{"cut.>"}, start: "earliest"}}}
		if err := fast[i].connect(n.url); err != nil {
			t.Fatal(err)
		}
		readers.Go(func() { _ = fast[i].read() })
	}
	stop := make(chan struct{})
	var publishing sync.WaitGroup
	publishing.Go(func() { f.run(stop) })
	<-time.After(lasting / 2)
	half := n.rss()
	<-time.After(lasting / 2)
	close(stop)
	publishing.Wait()
	whole := n.rss()
	total := int(f.stored.Load())
	for i, c := range fast {
		eventually(t, "a fast reader has everything at once", 2*time.Second, func() bool { return c.count("s") >= total })
		if c.subs["s"].live != 1 {
			t.Errorf("reader %d was out of the live path: live came %d times", i, c.subs["s"].live)
		}
	}
	if grown := whole - half; grown > 48<<20 {
		t.Errorf("memory grew by %d MiB in the second half", grown>>20)
	}
	// Now the slow one begins to read: all of it is there.
	readers.Go(func() { _ = sloth.read() })
	eventually(t, "the slow reader has caught up", 30*time.Second, func() bool { return sloth.count("s") >= total })
	for _, c := range append(fast, sloth) {
		c.cut()
	}
	readers.Wait()
	var want []record
	for i := range f.streams {
		want = append(want, n.history("cut.s"+string(rune('0'+i)))...)
	}
	missing(t, "slow", want, slow.got)
	for _, c := range fast {
		missing(t, "fast", want, c.subs["s"].got)
	}
	if len(slow.gaps)+len(slow.faults) > 0 {
		t.Errorf("slow: gaps %v, faults %v", slow.gaps, slow.faults)
	}
	t.Logf("%d records, %d MiB resident", total, whole>>20)
}

func TestAStoppedReaderThatOnlyAsksIsNotReadEither(t *testing.T) {
	n := start(t, t.TempDir())
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(n.url, "http")+"/api/v1/subscribe", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	before := n.rss()
	ping := []byte(strings.Repeat(`{"op":"ping","id":"`+strings.Repeat("x", 900)+`"}`+"\n", 100))
	sent := 0
	for sent < 200<<20 {
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		if err := conn.WriteMessage(websocket.TextMessage, ping); err != nil {
			break
		}
		sent += len(ping)
	}
	if sent >= 200<<20 {
		t.Errorf("the node read %d MiB of a client that reads nothing", sent>>20)
	}
	if grown := n.rss() - before; grown > 64<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	if status, _ := n.call("GET", "/healthz", "", ""); status != 200 {
		t.Errorf("healthz is %d", status)
	}
}
