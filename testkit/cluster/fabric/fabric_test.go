package fabric_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/gossip"
	"anode/testkit/cluster/fabric"
)

// A port is what a node wants of its mesh port.
var _ gossip.Network = (*fabric.Port)(nil)

var (
	hereAt  = netip.MustParseAddrPort("10.0.0.1:7946")
	thereAt = netip.MustParseAddrPort("10.0.0.2:7946")
)

const delay = 10 * time.Millisecond

// world are two ports, in a bubble.
type world struct {
	t           *testing.T
	net         *fabric.Fabric
	here, there *fabric.Port
}

func inWorld(t *testing.T, cfg fabric.Config, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg.Delay = delay
		f, err := fabric.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		test(&world{t: t, net: f, here: listen(t, f, hereAt), there: listen(t, f, thereAt)})
	})
}

func listen(t *testing.T, f *fabric.Fabric, at netip.AddrPort) *fabric.Port {
	t.Helper()
	p, err := f.Listen(at)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stream opens a stream from here to there.
func (w *world) stream() (near, far net.Conn) {
	w.t.Helper()
	near, err := w.here.DialStream(w.t.Context(), thereAt)
	if err != nil {
		w.t.Fatal(err)
	}
	far, err = w.there.AcceptStream()
	if err != nil {
		w.t.Fatal(err)
	}
	return near, far
}

// takes tells how long something takes.
func takes(do func()) time.Duration {
	began := time.Now()
	do()
	return time.Since(began)
}

func (w *world) write(c net.Conn, text string) {
	w.t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		w.t.Error(err)
	}
}

// read reads as many bytes as a text has.
func (w *world) read(c net.Conn, want string) {
	w.t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
		w.t.Errorf("read %q, %v: want %q", b, err, want)
	}
}

// fails tells what an operation ends with.
func (w *world) fails(err, want error) {
	w.t.Helper()
	if !errors.Is(err, want) {
		w.t.Errorf("%v: want %v", err, want)
	}
}

func TestAStreamTakesTheDelayOfItsWays(t *testing.T) {
	inWorld(t, fabric.Config{}, func(w *world) {
		var near, far net.Conn
		if took := takes(func() { near, far = w.stream() }); took != 2*delay {
			t.Errorf("dialling took %s", took)
		}
		w.write(near, "hello")
		if took := takes(func() { w.read(far, "hello") }); took != delay {
			t.Errorf("it took %s", took)
		}
		w.net.Delay(thereAt.Addr(), hereAt.Addr(), time.Second, 0)
		w.write(far, "back")
		if took := takes(func() { w.read(near, "back") }); took != time.Second {
			t.Errorf("back it took %s", took)
		}
		if near.RemoteAddr().String() != thereAt.String() || far.RemoteAddr().String() != near.LocalAddr().String() {
			t.Errorf("the addresses are %s, %s", near.RemoteAddr(), far.RemoteAddr())
		}
	})
}

func TestAStreamKeepsItsOrderOverLossAndJitter(t *testing.T) {
	inWorld(t, fabric.Config{Jitter: 50 * time.Millisecond, Loss: 0.3}, func(w *world) {
		near, far := w.stream()
		var sent []byte
		for i := range 500 {
			sent = append(sent, byte(i), byte(i>>8))
		}
		go func() {
			for i := 0; i < len(sent); i += 2 {
				w.write(near, string(sent[i:i+2]))
			}
			near.Close()
		}()
		got, err := io.ReadAll(far)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d bytes came of %d, %v", len(got), len(sent), err)
		}
	})
}

func TestWhoWritesMoreThanIsReadWaits(t *testing.T) {
	inWorld(t, fabric.Config{Window: 1000}, func(w *world) {
		near, far := w.stream()
		near.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := near.Write(make([]byte, 1500))
		if w.fails(err, os.ErrDeadlineExceeded); n != 1000 {
			t.Errorf("%d bytes were taken", n)
		}
		near.SetWriteDeadline(time.Time{})
		all := make(chan error, 1)
		go func() {
			_, err := io.ReadFull(far, make([]byte, 1500))
			all <- err
		}()
		if _, err := near.Write(make([]byte, 500)); err != nil {
			t.Error(err)
		}
		w.fails(<-all, nil)
	})
}

func TestReadingEndsAtItsDeadline(t *testing.T) {
	inWorld(t, fabric.Config{}, func(w *world) {
		near, _ := w.stream()
		go func() {
			time.Sleep(time.Second)
			near.SetReadDeadline(time.Now().Add(time.Second)) // also of who waits already
		}()
		took := takes(func() {
			_, err := near.Read(make([]byte, 1))
			w.fails(err, os.ErrDeadlineExceeded)
			if nerr := net.Error(nil); !errors.As(err, &nerr) || !nerr.Timeout() {
				t.Errorf("%v is no timeout", err)
			}
		})
		if took != 2*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestHalfAStreamCanEnd(t *testing.T) {
	inWorld(t, fabric.Config{}, func(w *world) {
		near, far := w.stream()
		w.write(near, "the last")
		near.(interface{ CloseWrite() error }).CloseWrite()
		w.read(far, "the last")
		_, err := far.Read(make([]byte, 1))
		w.fails(err, io.EOF)
		w.write(far, "an answer")
		w.read(near, "an answer")
		_, err = near.Write([]byte("more"))
		w.fails(err, syscall.EPIPE)
	})
}

func TestWhatIsWrittenComesAfterAClose(t *testing.T) {
	inWorld(t, fabric.Config{}, func(w *world) {
		near, far := w.stream()
		w.write(near, "the last")
		near.Close()
		w.read(far, "the last")
		_, err := far.Read(make([]byte, 1))
		w.fails(err, io.EOF)
		w.write(far, "nobody hears it")
		time.Sleep(2 * delay)
		_, err = far.Write([]byte("more"))
		w.fails(err, syscall.ECONNRESET)
		_, err = near.Read(make([]byte, 1))
		w.fails(err, net.ErrClosed)
	})
}

func TestAStreamClosedUnreadIsReset(t *testing.T) {
	inWorld(t, fabric.Config{}, func(w *world) {
		near, far := w.stream()
		w.write(far, "unread")
		time.Sleep(delay)
		w.write(near, "taken back")
		near.Close()
		_, err := far.Read(make([]byte, 1))
		w.fails(err, syscall.ECONNRESET)
	})
}

func TestAProcessThatDiesResetsItsStreams(t *testing.T) {
	inWorld(t, fabric.Config{}, func(w *world) {
		near, far := w.stream()
		w.here.Kill()
		took := takes(func() {
			_, err := far.Read(make([]byte, 1))
			w.fails(err, syscall.ECONNRESET)
		})
		if took != delay {
			t.Errorf("it took %s", took)
		}
		_, err := near.Write([]byte("x"))
		w.fails(err, net.ErrClosed)
		_, err = w.here.DialStream(w.t.Context(), thereAt)
		w.fails(err, net.ErrClosed)
		_, err = w.there.DialStream(w.t.Context(), hereAt)
		if err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a port that is closed: %v", err)
		}
		listen(t, w.net, hereAt) // it is free
	})
}

func TestNobodyHearsOfADeathBehindACut(t *testing.T) {
	inWorld(t, fabric.Config{}, func(w *world) {
		_, far := w.stream()
		w.net.Cut(hereAt.Addr(), thereAt.Addr())
		w.here.Kill()
		far.SetReadDeadline(time.Now().Add(time.Minute))
		_, err := far.Read(make([]byte, 1))
		w.fails(err, os.ErrDeadlineExceeded)
		far.SetReadDeadline(time.Time{})
		w.net.Heal(hereAt.Addr(), thereAt.Addr())
		_, err = far.Read(make([]byte, 1))
		w.fails(err, syscall.ECONNRESET)
	})
}

func TestWhatIsSentInACutComesAfterIt(t *testing.T) {
	inWorld(t, fabric.Config{}, func(w *world) {
		near, far := w.stream()
		w.net.Cut(hereAt.Addr(), thereAt.Addr())
		w.write(near, "one")
		w.write(near, "two")
		w.write(far, "the way back is open")
		w.read(near, "the way back is open")
		time.Sleep(10 * time.Second)
		w.net.Heal(hereAt.Addr(), thereAt.Addr())
		// It is sent again 200 ms, 600 ms, 1.4, 3, 6.2 and 12.6 s after it was first.
		if took := takes(func() { w.read(far, "onetwo") }); took > 3*time.Second || took < 2*time.Second {
			t.Errorf("it came %s after the cut", took)
		}
	})
}

func TestACutOfTheWayBackHoldsTheWindow(t *testing.T) {
	inWorld(t, fabric.Config{Window: 100}, func(w *world) {
		near, far := w.stream()
		w.net.Cut(thereAt.Addr(), hereAt.Addr())
		near.SetWriteDeadline(time.Now().Add(time.Minute))
		go io.Copy(io.Discard, far)
		n, err := near.Write(make([]byte, 1000))
		if w.fails(err, os.ErrDeadlineExceeded); n != 100 {
			t.Errorf("%d bytes were taken", n)
		}
		near.SetWriteDeadline(time.Time{})
		w.net.Heal(thereAt.Addr(), hereAt.Addr())
		if _, err := near.Write(make([]byte, 1000)); err != nil {
			t.Error(err)
		}
		near.Close()
		time.Sleep(delay)
		far.Close()
	})
}

func TestACallIsMadeAgainUntilSomebodyAnswers(t *testing.T) {
	inWorld(t, fabric.Config{}, func(w *world) {
		w.net.Cut(thereAt.Addr(), hereAt.Addr())
		time.AfterFunc(2*time.Second, func() { w.net.Heal(thereAt.Addr(), hereAt.Addr()) })
		if took := takes(func() { w.stream() }); took < 2*time.Second || took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		_, err := w.here.DialStream(ctx, netip.MustParseAddrPort("10.9.9.9:1"))
		w.fails(err, context.DeadlineExceeded)
	})
}

func TestDatagramsAreLostInACutAndWhereNobodyReads(t *testing.T) {
	inWorld(t, fabric.Config{}, func(w *world) {
		send := func(n int) {
			for range n {
				if err := w.here.WriteTo([]byte("x"), thereAt); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(2 * delay)
		}
		w.net.Cut(hereAt.Addr(), thereAt.Addr())
		send(5)
		w.net.Heal(hereAt.Addr(), thereAt.Addr())
		send(1000)
		time.AfterFunc(time.Second, func() { w.there.Close() })
		came := 0
		for {
			n, from, err := w.there.ReadFrom(make([]byte, 10))
			if err != nil {
				w.fails(err, net.ErrClosed)
				break
			}
			if n != 1 || from != hereAt {
				t.Errorf("%d bytes of %s", n, from)
			}
			came++
		}
		if came != 256 {
			t.Errorf("%d came", came)
		}
	})
}

func TestLossIsWhatWasAskedFor(t *testing.T) {
	inWorld(t, fabric.Config{Loss: 0.25, Seed: 1}, func(w *world) {
		const sent = 4000
		go func() {
			for range sent {
				w.here.WriteTo([]byte("x"), thereAt)
				time.Sleep(time.Millisecond)
			}
			time.Sleep(delay)
			w.there.Close()
		}()
		came := 0
		for {
			if _, _, err := w.there.ReadFrom(make([]byte, 10)); err != nil {
				break
			}
			came++
		}
		if came < sent*70/100 || came > sent*80/100 {
			t.Errorf("%d of %d came", came, sent)
		}
	})
}

func TestNamesAndPorts(t *testing.T) {
	inWorld(t, fabric.Config{}, func(w *world) {
		w.net.Name("there", thereAt.Addr())
		if list, err := w.here.Lookup(w.t.Context(), "there"); err != nil || len(list) != 1 || list[0] != thereAt.Addr() {
			t.Errorf("it is at %v, %v", list, err)
		}
		w.net.Name("there")
		var unknown *net.DNSError
		if _, err := w.here.Lookup(w.t.Context(), "there"); !errors.As(err, &unknown) || !unknown.IsNotFound {
			t.Errorf("a name that there is not: %v", err)
		}
		if _, err := w.net.Listen(hereAt); err == nil {
			t.Error("two listen at one address")
		}
		if err := w.here.Close(); err != nil {
			t.Error(err)
		}
		if _, err := w.here.AcceptStream(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a port that is closed accepts: %v", err)
		}
		listen(t, w.net, hereAt)
	})
}

func TestAConfigThatCannotBeIsRefused(t *testing.T) {
	for name, cfg := range map[string]fabric.Config{
		"a negative delay": {Delay: -1}, "a negative jitter": {Jitter: -1}, "a negative window": {Window: -1}, "all is lost": {Loss: 1}, "less than nothing is lost": {Loss: -0.1},
	} {
		if _, err := fabric.New(cfg); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
