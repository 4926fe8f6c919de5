package link

import (
	"context"
	"errors"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// kinds are frames of all sorts and sizes.
func kinds(t testing.TB) []frame.Frame {
	events := make([]frame.Event, 3)
	for i := range events {
		events[i] = frame.Event{Key: "k", Revision: 1, Node: idOf("a"), Body: []byte(strings.Repeat("e", 300<<10))}
	}
	return []frame.Frame{
		&frame.Ping{Nonce: 1, Time: 2}, &frame.Push{Hop: 1, Batch: batch(t, 1, 200)}, &frame.Push{Refresh: true, Batch: batch(t, 2, 32<<10)},
		&frame.Push{Batch: batch(t, 3, 1<<20)}, &frame.Registry{Events: events}, &frame.Bye{Reason: "so"}, &frame.Ask{ID: 3, Body: make([]byte, 2<<20-100)},
		&frame.Push{Batch: batch(t, 4, 33<<10)}, &frame.Have{}, &frame.Digest{},
	}
}

func TestFramesGoBothWays(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		left, right := sockets(t, host)
		d, l := linked(t, left, right)
		a, b := start(t, New(d, newRecorder())), start(t, New(l, newRecorder()))
		want := kinds(t)
		for _, f := range want {
			a.Send(f, Live)
			b.Send(f, Control)
		}
		for _, r := range []*running{a, b} {
			if got := r.await(len(want)); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: what came is not what was sent", host)
			}
			if r.Sent() == 0 || r.Sent() > r.counters.BytesOut.Load() {
				t.Errorf("%s: %d bytes of frames sent, of %d over TCP", host, r.Sent(), r.counters.BytesOut.Load())
			}
		}
		for _, c := range []*Counters{a.counters, b.counters} {
			if in, out := c.FramesIn[frame.TypePush].Load(), c.FramesOut[frame.TypePush].Load(); in != 4 || out != 4 {
				t.Errorf("%s: %d pushes in, %d out, want 4", host, in, out)
			}
		}
	}
}

func TestWhatIsUrgentOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := ends(t)
		sender := start(t, a)
		a.Send(&frame.Push{Batch: batch(t, 100, 100)}, Live) // is being written, and nobody reads yet
		synctest.Wait()
		held := map[uint64]*wire.Sealed{7: batch(t, 7, 10), 8: batch(t, 8, 10)}
		if err := a.Serve(&frame.Pull{ID: 1, Ranges: []messages.Range{{From: 7, To: 8}}, Bytes: 1 << 20}, from(held), func([]messages.Range) {}); err != nil {
			t.Fatal(err)
		}
		for i := range uint64(3) {
			a.Send(&frame.Ping{Nonce: 20 + i}, Repair)
			a.Send(&frame.Ping{Nonce: 10 + i}, Live)
			a.Send(&frame.Ping{Nonce: i}, Control)
		}
		got := start(t, b).await(12)
		if want := []uint64{0, 1, 2, 10, 11, 12, 20, 21, 22}; !slices.Equal(nonces(got), want) {
			t.Errorf("they came in the order %d, want %d", nonces(got), want)
		}
		if want := []uint64{100, 7, 8}; !slices.Equal(sequences(got), want) || got[11].Type() != frame.TypePush {
			t.Errorf("batches came in the order %d, want %d, the served ones last", sequences(got), want)
		}
		sender.cancel(nil)
	})
}

func TestAPeerThatTakesNothingIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		f     frame.Frame
		class Class
	}{
		"large": {&frame.Push{Batch: batch(t, 1, 300_000)}, Live}, "small": {&frame.Graft{Origin: idOf("a"), Epoch: 1}, Control},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, _ := ends(t)
				began := time.Now()
				r := start(t, a)
				size, n := c.f.Size(), 0
				for ; a.alive() && n <= MaxQueue/size; n++ {
					a.Send(c.f, c.class)
				}
				wantErr(t, "link", <-r.done, ErrStuck)
				if n*(size+frameCost) < MaxQueue*9/10 || time.Since(began) != 0 {
					t.Errorf("it ended with %d frames of %d bytes after %s", n, size, time.Since(began))
				}
				if a.counters.Stuck.Load() != 1 {
					t.Error("it was not counted")
				}
				a.Send(c.f, c.class) // is dropped
			})
		})
	}
}

func TestAWriteThatStandsStillEndsTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := ends(t)
		began := time.Now()
		r := start(t, a)
		a.Send(&frame.Push{Batch: batch(t, 1, 300_000)}, Live)
		wantErr(t, "link", <-r.done, ErrStuck)
		if took := time.Since(began); took != Patience {
			t.Errorf("it took %s, want %s", took, Patience)
		}
	})
}

func TestAWriteThatIsSlowDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left, right := net.Pipe()
		slow := &dribbling{Conn: right}
		d, l := linked(t, left, slow)
		a, b := start(t, New(d, newRecorder())), start(t, New(l, newRecorder()))
		slow.slow.Store(true)
		began := time.Now()
		a.Send(&frame.Push{Batch: batch(t, 1, 100_000)}, Live) // a record of 16 KiB takes 8 s
		b.await(1)
		if took := time.Since(began); took < 8*Patience {
			t.Errorf("it took only %s", took)
		}
		b.kept.Lock()
		defer b.kept.Unlock()
		if b.heard < 20 {
			t.Errorf("the frame was heard of %d times on its way", b.heard)
		}
	})
}

func TestTheHandlerHoldsThePeerUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := ends(t)
		hold := make(chan struct{})
		b.handler.(*recorder).hold = hold
		sender, taker := start(t, a), start(t, b)
		synctest.Wait()
		const frames = 100
		for i := range uint64(frames) {
			a.Send(&frame.Push{Batch: batch(t, i+1, 10_000)}, Live)
			if i == 9 {
				synctest.Wait() // these stand in the way of all others
			}
		}
		if a.Waiting() < 900_000 {
			t.Fatalf("%d bytes wait while nothing is taken", a.Waiting())
		}
		close(hold)
		if got := taker.await(frames); len(sequences(got)) != frames || !slices.IsSorted(sequences(got)) {
			t.Errorf("what came: %d", sequences(got))
		}
		synctest.Wait()
		told := sender.told()
		if told[0] != 0 || told[len(told)-1] != 0 || a.Waiting() != 0 {
			t.Errorf("told was %d, %d bytes wait", told, a.Waiting())
		}
		if n := len(told); n < 33 || n > 64 {
			t.Errorf("of 1 MB in writes of at most 32 KiB it was told %d times", n)
		}
		if rest := told[slices.Index(told, slices.Max(told)) : len(told)-1]; !slices.IsSortedFunc(rest, func(x, y int) int { return y - x }) {
			t.Errorf("what waits did not fall: %d", rest)
		}
	})
}

func TestWritesAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := ends(t)
		sender := start(t, a)
		synctest.Wait()
		before := a.counters.Writes.Load()
		a.Send(&frame.Push{Batch: batch(t, 1, 100)}, Live)
		synctest.Wait() // it is being written
		const frames = 1000
		size := 0
		for i := range uint64(frames) {
			f := &frame.Push{Batch: batch(t, i+2, 100)}
			size += f.Size()
			a.Send(f, Live)
		}
		start(t, b).await(frames + 1)
		synctest.Wait()
		least := size/(16<<10) + 1
		if n := int(a.counters.Writes.Load() - before); n > least+least/10+2 {
			t.Errorf("%d frames of %d bytes in all took %d writes, want about %d", frames, size, n, least)
		}
		before = a.counters.Writes.Load()
		a.Send(&frame.Ping{}, Control)
		synctest.Wait()
		if n := a.counters.Writes.Load() - before; n != 1 {
			t.Errorf("a lone frame took %d writes", n)
		}
		sender.cancel(nil)
	})
}

func TestCloseSendsWhatWaits(t *testing.T) {
	for _, host := range []string{"", "127.0.0.1"} {
		test := func(t *testing.T) {
			left, right := net.Pipe()
			if host != "" {
				left, right = sockets(t, host)
			}
			d, l := linked(t, left, right)
			a, b := start(t, New(d, newRecorder())), start(t, New(l, newRecorder()))
			b.Send(&frame.Ping{Nonce: 5}, Live)
			a.await(1)
			const frames = 50
			for i := range uint64(frames) {
				a.Send(&frame.Push{Batch: batch(t, i+1, 20_000)}, Live)
			}
			a.Send(&frame.Bye{Reason: "enough"}, Control)
			a.Close("enough")
			a.Close("twice")
			a.Send(&frame.Ping{Nonce: 6}, Control) // is dropped
			if err := a.Serve(&frame.Pull{}, nil, nil); !errors.Is(err, ErrClosed) {
				t.Errorf("a pull behind Close: %v", err)
			}
			if got := b.await(frames + 1); len(sequences(got)) != frames || len(nonces(got)) != 0 {
				t.Errorf("%d batches and %d pings came", len(sequences(got)), len(nonces(got)))
			}
			wantErr(t, "the other side", <-b.done, ErrGone)
			err := <-a.done
			wantErr(t, "this side", err, ErrClosed)
			if err != nil && !strings.Contains(err.Error(), "enough") {
				t.Errorf("%v has no reason", err)
			}
		}
		if host != "" {
			t.Run("over TCP", test)
		} else {
			t.Run("in memory", func(t *testing.T) { synctest.Test(t, test) })
		}
	}
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := ends(t)
		r := start(t, a)
		a.Send(&frame.Push{Batch: batch(t, 1, 300_000)}, Live)
		synctest.Wait()
		began := time.Now()
		a.Close("enough")
		wantErr(t, "link", <-r.done, ErrClosed)
		if took := time.Since(began); took != Farewell {
			t.Errorf("it took %s, want %s", took, Farewell)
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := ends(t)
		r, other := start(t, a), start(t, b)
		synctest.Wait()
		stop := errors.New("shutting down")
		r.cancel(stop)
		wantErr(t, "link", <-r.done, stop)
		wantErr(t, "the other side", <-other.done, ErrGone)
		if a.counters.Links.Load() != 0 {
			t.Error("links are still counted")
		}
	})
}

// rude is a peer that is proven, and then writes what it likes.
func rude(t *testing.T, bytes ...[]byte) *running {
	left, right := net.Pipe()
	d, l := linked(t, left, right)
	r := start(t, New(l, newRecorder()))
	go func() {
		for _, b := range bytes {
			if _, err := d.tls.Write(b); err != nil {
				break
			}
		}
		d.pipe.Close()
	}()
	return r
}

func TestWhatIsNoFrameEndsTheLink(t *testing.T) {
	ping := frame.Append(nil, &frame.Ping{Nonce: 9})
	push := frame.Append(nil, &frame.Push{Batch: batch(t, 1, 100)})
	damaged := slices.Clone(push)
	damaged[len(damaged)-20] ^= 1
	unknown := []byte{3, 0, 0, 0, 200, 1, 2, 3}
	again := frame.Append(nil, &frame.Hello{Version: 1, Oldest: 1, Node: idOf("a"), Epoch: 1})
	for name, c := range map[string]struct {
		bytes            [][]byte
		want             error
		pings            int
		damaged, unknown uint64
	}{
		"too long":                {[][]byte{ping, {0xff, 0xff, 0xff, 0x7f, 2}, ping}, ErrFrame, 1, 0, 0},
		"a graft that is cut":     {[][]byte{ping, {1, 0, 0, 0, 8, 0}, ping}, ErrFrame, 1, 0, 0},
		"an unknown type":         {[][]byte{ping, unknown, ping}, ErrGone, 2, 0, 1},
		"a damaged batch":         {[][]byte{damaged, ping}, ErrGone, 1, 1, 0},
		"a second hello":          {[][]byte{again, ping}, ErrGone, 1, 0, 1},
		"cut between frames":      {[][]byte{ping}, ErrGone, 1, 0, 0},
		"cut within a head":       {[][]byte{ping, ping[:3]}, ErrGone, 1, 0, 0},
		"cut within a push":       {[][]byte{ping, push[:100]}, ErrGone, 1, 0, 0},
		"cut within a large push": {[][]byte{ping, frame.Append(nil, &frame.Push{Batch: batch(t, 1, 200_000)})[:150_000]}, ErrGone, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rude(t, c.bytes...)
				wantErr(t, "link", <-r.done, c.want)
				if n := len(r.got()); n != c.pings {
					t.Errorf("%d frames came, want %d", n, c.pings)
				}
				if d, u := r.counters.Damaged.Load(), r.counters.Unknown.Load(); d != c.damaged || u != c.unknown {
					t.Errorf("%d damaged, %d unknown, want %d and %d", d, u, c.damaged, c.unknown)
				}
			})
		})
	}
}

func TestALongFrameIsHeardOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left, right := net.Pipe()
		d, l := linked(t, left, right)
		r := start(t, New(l, newRecorder()))
		long := frame.Append(nil, &frame.Push{Batch: batch(t, 1, 50_000)})
		for len(long) > 0 { // 100 parts, one each 20 ms
			n := min(len(long), 501)
			if _, err := d.tls.Write(long[:n]); err != nil {
				t.Fatal(err)
			}
			long = long[n:]
			time.Sleep(20 * time.Millisecond)
		}
		r.await(1)
		for range 100 { // small frames are no parts
			d.tls.Write(frame.Append(nil, &frame.Ping{}))
			time.Sleep(20 * time.Millisecond)
		}
		r.await(101)
		r.kept.Lock()
		if r.heard < 15 || r.heard > 20 {
			t.Errorf("in 2 s it was heard of %d times", r.heard)
		}
		r.kept.Unlock()
		d.pipe.Close()
		<-r.done
	})
}

func TestAnIdleLinkHoldsNoBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := ends(t)
		start(t, a)
		taker := start(t, b)
		for i, f := range kinds(t) {
			a.Send(f, Live)
			taker.await(i + 1)
			synctest.Wait()
			if b.in.reader != nil {
				t.Fatalf("behind frame %d (%s) the link keeps its reader", i, f.Type())
			}
		}
		for i := range 3000 {
			a.Send(&frame.Ping{Nonce: uint64(i)}, Control)
		}
		taker.await(len(kinds(t)) + 3000)
		synctest.Wait()
		if n := cap(a.queue.lanes[Control].list); n > keptFrames {
			t.Errorf("the empty queue has room for %d frames", n)
		}
	})
}

func TestRunWaitsForWhoReadsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := ends(t)
		r := start(t, a)
		reading, release := make(chan struct{}), make(chan struct{})
		read := func(messages.BatchID) (wire.Sealed, error) {
			close(reading)
			<-release
			return wire.Sealed{}, context.Canceled
		}
		if err := a.Serve(&frame.Pull{Ranges: []messages.Range{{From: 1, To: 9}}, Bytes: 1}, read, func([]messages.Range) { t.Error("done was called") }); err != nil {
			t.Fatal(err)
		}
		<-reading
		r.cancel(nil)
		synctest.Wait()
		select {
		case err := <-r.done:
			t.Fatalf("Run ended before the read did: %v", err)
		default:
		}
		close(release)
		<-r.done
	})
}
