package link

import (
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// sink counts what comes, and says when it is enough.
type sink struct {
	left   atomic.Int64
	enough chan struct{}
	// fell says that less waits.
	fell chan struct{}
}

func newSink() *sink { return &sink{enough: make(chan struct{}, 1), fell: make(chan struct{}, 1)} }

func (s *sink) Frame(frame.Frame) {
	if s.left.Add(-1) == 0 {
		s.enough <- struct{}{}
	}
}
func (s *sink) Heard() {}
func (s *sink) Queued(int) {
	select {
	case s.fell <- struct{}{}:
	default:
	}
}

// benched are the two ends of a link over TCP on this machine, at work.
func benched(b *testing.B) (from, to *Link, at *sink) {
	left, right := sockets(b, "127.0.0.1")
	d, l := linked(b, left, right)
	at = newSink()
	from, to = New(d, newSink()), New(l, at)
	var all sync.WaitGroup
	for _, link := range []*Link{from, to} {
		all.Go(func() { link.Run(b.Context()) })
	}
	b.Cleanup(func() {
		from.Close("done")
		to.Close("done")
		all.Wait()
	})
	return from, to, at
}

// cpu is the time that the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkPush(b *testing.B) {
	for _, size := range []int{300, 4 << 10, 64 << 10, 256 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			from, _, at := benched(b)
			push := &frame.Push{Hop: 1, Batch: batch(b, 1, size-160)}
			b.SetBytes(int64(push.Size()))
			b.ReportAllocs()
			at.left.Store(int64(b.N))
			calls, used := from.counters.Writes.Load(), cpu()
			b.ResetTimer()
			for range b.N {
				for from.Waiting() > 1<<20 {
					<-from.handler.(*sink).fell
				}
				from.Send(push, Live)
			}
			<-at.enough
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
			b.ReportMetric(float64(cpu()-used)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(from.counters.Writes.Load()-calls)/float64(b.N), "writes/op")
		})
	}
}

// What comes at a pace goes at once, alone.
func BenchmarkPushAlone(b *testing.B) {
	from, _, at := benched(b)
	push := &frame.Push{Hop: 1, Batch: batch(b, 1, 140)}
	b.ReportAllocs()
	used := cpu()
	b.ResetTimer()
	for range b.N {
		at.left.Store(1)
		from.Send(push, Live)
		<-at.enough
	}
	b.StopTimer()
	b.ReportMetric(float64(cpu()-used)/float64(b.N), "cpu-ns/op")
}

func BenchmarkServe(b *testing.B) {
	for _, size := range []int{300, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			from, _, at := benched(b)
			sealed := batch(b, 1, size-160)
			read := func(messages.BatchID) (wire.Sealed, error) { return *sealed, nil }
			b.SetBytes(int64(len(sealed.Bytes())))
			b.ReportAllocs()
			at.left.Store(int64(b.N))
			b.ResetTimer()
			pull := &frame.Pull{Ranges: []messages.Range{{From: 1, To: uint64(b.N)}}, Bytes: 1<<32 - 1}
			for left := uint64(b.N); left > 0; {
				n := min(left, 4000)
				left -= n
				done := make(chan struct{})
				pull.Ranges = []messages.Range{{From: 1, To: n}}
				if err := from.Serve(pull, read, func([]messages.Range) { close(done) }); err != nil {
					b.Fatal(err)
				}
				<-done
			}
			<-at.enough
		})
	}
}

// echo answers pings.
type echo struct {
	*sink
	link *Link
}

func (e *echo) Frame(f frame.Frame) {
	if p, ok := f.(*frame.Ping); ok {
		e.link.Send(&frame.Pong{Nonce: p.Nonce}, Control)
	}
}

// pongs says when a pong came.
type pongs struct {
	*sink
	came chan struct{}
}

func (p *pongs) Frame(f frame.Frame) {
	if f.Type() == frame.TypePong {
		p.came <- struct{}{}
	}
}

// How long a ping takes there and back while batches are served as fast as they go, in the direction of the ping.
func BenchmarkPingBehindServe(b *testing.B) {
	left, right := sockets(b, "127.0.0.1")
	d, l := linked(b, left, right)
	waits, answers := &pongs{newSink(), make(chan struct{}, 1)}, &echo{sink: newSink()}
	from, to := New(d, waits), New(l, answers)
	answers.link = to
	var all sync.WaitGroup
	for _, link := range []*Link{from, to} {
		all.Go(func() { link.Run(b.Context()) })
	}
	sealed := batch(b, 1, 64<<10)
	pull := &frame.Pull{Ranges: []messages.Range{{From: 1, To: 1 << 40}}, Bytes: 1<<32 - 1}
	var serve func([]messages.Range)
	serve = func([]messages.Range) {
		_ = from.Serve(pull, func(messages.BatchID) (wire.Sealed, error) { return *sealed, nil }, serve)
	}
	serve(nil)
	served := from.counters.Served.Load()
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		from.Send(&frame.Ping{}, Control)
		<-waits.came
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
	b.ReportMetric(float64(from.counters.Served.Load()-served)*float64(len(sealed.Bytes()))/1e6/b.Elapsed().Seconds(), "served-MB/s")
	from.Close("done")
	to.Close("done")
	all.Wait()
}

func BenchmarkHandshake(b *testing.B) {
	a, z := newNode(b, "a"), newNode(b, "b")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	b.ReportAllocs()
	used := cpu()
	for b.Loop() {
		left, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		right, err := ln.Accept()
		if err != nil {
			b.Fatal(err)
		}
		d, l := shake(b, a, z, idOf("b"), left, right)
		if d.err != nil || l.err != nil {
			b.Fatal(d.err, l.err)
		}
		d.conn.Close()
		l.conn.Close()
	}
	b.ReportMetric(float64(cpu()-used)/float64(b.N), "cpu-ns/op")
}

// BenchmarkIdle tells what a link takes that has nothing to do: one that is new, and one over which long frames went.
func BenchmarkIdle(b *testing.B) {
	for name, frames := range map[string][]frame.Frame{
		"new": nil, "after-small": {&frame.Ping{}}, "after-large": {&frame.Push{Batch: batch(b, 1, 300_000)}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				const links = 100
				before := inUse()
				var all sync.WaitGroup
				var list []*Link
				for range links {
					left, right := sockets(b, "127.0.0.1")
					d, l := linked(b, left, right)
					at, back := newSink(), newSink()
					from, to := New(d, back), New(l, at)
					list = append(list, from, to)
					all.Go(func() { from.Run(b.Context()) })
					all.Go(func() { to.Run(b.Context()) })
					for _, f := range frames {
						at.left.Store(1)
						back.left.Store(1)
						from.Send(f, Live)
						to.Send(f, Live)
						<-at.enough
						<-back.enough
					}
				}
				b.ReportMetric(float64(inUse()-before)/(2*links), "bytes/link")
				for _, l := range list {
					l.Close("done")
				}
				all.Wait()
			}
		})
	}
}

// BenchmarkPlainTLS is what the same bytes take with nothing but TLS: written 32 KiB at a time, read and dropped.
func BenchmarkPlainTLS(b *testing.B) {
	left, right := sockets(b, "127.0.0.1")
	d, l := linked(b, left, right)
	block := make([]byte, writeBytes)
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.CopyBuffer(io.Discard, struct{ io.Reader }{l.tls}, make([]byte, writeBytes))
	}()
	used := cpu()
	b.ResetTimer()
	for range b.N {
		if _, err := d.tls.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	d.pipe.Close()
	<-done
	b.StopTimer()
	b.ReportMetric(float64(cpu()-used)/float64(b.N), "cpu-ns/op")
}
