package chaos

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"
)

// echo is a node that sends back what it gets, and counts datagrams.
type echo struct {
	streams *net.TCPListener
	packets *net.UDPConn
	at      netip.AddrPort
	from    chan netip.AddrPort
	work    sync.WaitGroup
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{streams: tcp, at: tcp.Addr().(*net.TCPAddr).AddrPort(), from: make(chan netip.AddrPort, 100)}
	if e.packets, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(e.at)); err != nil {
		t.Skip("the UDP port is taken")
	}
	e.work.Go(func() {
		for {
			c, err := tcp.AcceptTCP()
			if err != nil {
				return
			}
			e.work.Go(func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			})
		}
	})
	e.work.Go(func() {
		for buffer := make([]byte, 2000); ; {
			_, from, err := e.packets.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			e.from <- from
		}
	})
	t.Cleanup(func() {
		_ = errors.Join(tcp.Close(), e.packets.Close())
		e.work.Wait()
	})
	return e
}

// pairOf are ways between two nodes that echo; all connections are of node 0.
func pairOf(t *testing.T) (*Ways, *echo, *echo) {
	t.Helper()
	a, b := newEcho(t), newEcho(t)
	w, err := newWays([]netip.AddrPort{a.at, b.at}, func(netip.AddrPort, netip.AddrPort) (int, bool) { return 0, true })
	if err != nil {
		t.Fatal(err)
	}
	w.begin()
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w, a, b
}

func dialFront(t *testing.T, w *Ways, node int) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", w.fronts[node].at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*net.TCPConn)
}

// refusal is how a new connection to a node ends: it may be reset before it is quite made.
func refusal(w *Ways, node int) error {
	c, err := net.Dial("tcp", w.fronts[node].at.String())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, err = c.Read(make([]byte, 1))
	return err
}

// ask sends bytes and gives how long it took for all to come back.
func ask(t *testing.T, c *net.TCPConn, size int) time.Duration {
	t.Helper()
	begin := time.Now()
	go func() { _, _ = c.Write(make([]byte, size)) }()
	if _, err := io.ReadFull(c, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	return time.Since(begin)
}

func TestWhatIsLongerOrNarrowTakesItsTime(t *testing.T) {
	w, _, _ := pairOf(t)
	c := dialFront(t, w, 1)
	ask(t, c, 10)
	w.Set(0, 1, Way{Delay: 100 * time.Millisecond})
	if took := ask(t, c, 10); took < 100*time.Millisecond {
		t.Errorf("one way longer: %s there and back", took)
	}
	w.Both(0, 1, Way{Delay: 100 * time.Millisecond})
	if took := ask(t, c, 10); took < 200*time.Millisecond {
		t.Errorf("both ways longer: %s there and back", took)
	}
	w.Heal()
	w.Set(0, 1, Way{Rate: 100_000})
	if took := ask(t, c, 50_000); took < 450*time.Millisecond {
		t.Errorf("50 kB at 100 kB/s: %s there and back", took)
	}
}

func TestWhatGoesIntoAHoleComesWhenItIsFilled(t *testing.T) {
	for name, way := range map[string]func(w *Ways, way Way){
		"there": func(w *Ways, way Way) { w.Set(0, 1, way) },
		"back":  func(w *Ways, way Way) { w.Set(1, 0, way) },
	} {
		t.Run(name, func(t *testing.T) {
			w, _, _ := pairOf(t)
			c := dialFront(t, w, 1)
			ask(t, c, 10)
			way(w, Way{Hole: true})
			if _, err := c.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			if n, err := c.Read(make([]byte, 1)); err == nil {
				t.Fatalf("%d bytes came through a hole", n)
			}
			late := dialFront(t, w, 1) // a new connection is taken, and silent
			w.Heal()
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
				t.Fatalf("when it is filled: %v", err)
			}
			ask(t, late, 10)
		})
	}
}

func TestWhatIsCutIsReset(t *testing.T) {
	w, _, _ := pairOf(t)
	c := dialFront(t, w, 1)
	ask(t, c, 10)
	w.Set(1, 0, Way{Cut: true})
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a connection that is cut: %v", err)
	}
	if err := refusal(w, 1); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a new one: %v", err)
	}
	w.Heal()
	ask(t, dialFront(t, w, 1), 10)
}

func TestDatagramsComeFromWhereTheirSenderIsAdvertised(t *testing.T) {
	w, a, b := pairOf(t)
	send := func() {
		if _, err := a.packets.WriteToUDPAddrPort([]byte("x"), w.fronts[1].at); err != nil {
			t.Fatal(err)
		}
	}
	came := func(patience time.Duration) bool {
		select {
		case from := <-b.from:
			if from != w.fronts[0].at {
				t.Errorf("it comes from %s, want %s", from, w.fronts[0].at)
			}
			return true
		case <-time.After(patience):
			return false
		}
	}
	send()
	if !came(5 * time.Second) {
		t.Fatal("it does not come")
	}
	for _, way := range []Way{{Hole: true}, {Cut: true}} {
		w.Set(0, 1, way)
		send()
		if came(100 * time.Millisecond) {
			t.Errorf("it comes although there is %s", way)
		}
	}
	w.Set(0, 1, Way{Delay: 50 * time.Millisecond})
	send()
	if !came(5 * time.Second) {
		t.Error("it does not come later")
	}
}

func TestAStrangersConnectionIsReset(t *testing.T) {
	a := newEcho(t)
	w, err := newWays([]netip.AddrPort{a.at}, func(netip.AddrPort, netip.AddrPort) (int, bool) { return 0, false })
	if err != nil {
		t.Fatal(err)
	}
	w.begin()
	defer func() { _ = w.Close() }()
	if err := refusal(w, 0); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a stranger: %v", err)
	}
}
