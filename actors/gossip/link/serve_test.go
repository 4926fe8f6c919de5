package link

import (
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// dribbling is a connection that can be read slowly: 4 KiB each 2 s.
type dribbling struct {
	net.Conn
	slow atomic.Bool
}

func (d *dribbling) Read(b []byte) (int, error) {
	if d.slow.Load() {
		time.Sleep(2 * time.Second)
		b = b[:min(len(b), 4<<10)]
	}
	return d.Conn.Read(b)
}

var errNotHeld = errors.New("not held")

// from reads batches from a map.
func from(held map[uint64]*wire.Sealed) func(messages.BatchID) (wire.Sealed, error) {
	return func(id messages.BatchID) (wire.Sealed, error) {
		if b := held[id.Sequence]; b != nil {
			return *b, nil
		}
		return wire.Sealed{}, errNotHeld
	}
}

func TestServe(t *testing.T) {
	held := make(map[uint64]*wire.Sealed)
	for i := range uint64(20) {
		if q := i + 1; q != 4 && q != 5 && q != 9 {
			held[q] = batch(t, q, 1000)
		}
	}
	size := uint32(len(held[1].Bytes()))
	later := func(id messages.BatchID) (wire.Sealed, error) {
		if id.Sequence == 6 {
			return wire.Sealed{}, ErrLater
		}
		return from(held)(id)
	}
	for name, c := range map[string]struct {
		pull    frame.Pull
		read    func(messages.BatchID) (wire.Sealed, error)
		want    []uint64
		missing []messages.Range
	}{
		"ascending":           {pull: frame.Pull{Ranges: []messages.Range{{From: 1, To: 3}, {From: 7, To: 8}}, Bytes: 1 << 20}, want: []uint64{1, 2, 3, 7, 8}},
		"descending":          {pull: frame.Pull{Ranges: []messages.Range{{From: 1, To: 3}, {From: 7, To: 8}}, Bytes: 1 << 20, Descending: true}, want: []uint64{3, 2, 1, 8, 7}},
		"as the ranges stand": {pull: frame.Pull{Ranges: []messages.Range{{From: 11, To: 12}, {From: 1, To: 2}}, Bytes: 1 << 20}, want: []uint64{11, 12, 1, 2}},
		"missing":             {pull: frame.Pull{Ranges: []messages.Range{{From: 3, To: 10}}, Bytes: 1 << 20}, want: []uint64{3, 6, 7, 8, 10}, missing: []messages.Range{{From: 4, To: 5}, {From: 9, To: 9}}},
		"missing, descending": {pull: frame.Pull{Ranges: []messages.Range{{From: 3, To: 10}}, Bytes: 1 << 20, Descending: true}, want: []uint64{10, 8, 7, 6, 3}, missing: []messages.Range{{From: 4, To: 5}, {From: 9, To: 9}}},
		"all is missing":      {pull: frame.Pull{Ranges: []messages.Range{{From: 4, To: 5}, {From: 21, To: 40}}, Bytes: 1 << 20}, missing: []messages.Range{{From: 4, To: 5}, {From: 21, To: 40}}},
		"up to its bytes":     {pull: frame.Pull{Ranges: []messages.Range{{From: 1, To: 8}}, Bytes: 3 * size}, want: []uint64{1, 2, 3}, missing: []messages.Range{{From: 4, To: 5}}},
		"a byte less":         {pull: frame.Pull{Ranges: []messages.Range{{From: 1, To: 8}}, Bytes: 3*size - 1}, want: []uint64{1, 2}},
		"one at least":        {pull: frame.Pull{Ranges: []messages.Range{{From: 1, To: 8}}, Bytes: 1}, want: []uint64{1}},
		"one can't be read":   {pull: frame.Pull{Ranges: []messages.Range{{From: 3, To: 8}}, Bytes: 1 << 20}, read: later, want: []uint64{3}, missing: []messages.Range{{From: 4, To: 5}}},
		"no ranges":           {pull: frame.Pull{Bytes: 1 << 20}},
		"an empty range":      {pull: frame.Pull{Ranges: []messages.Range{{From: 3, To: 2}, {From: 1, To: 1}}, Bytes: 1 << 20}, want: []uint64{1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := ends(t)
				start(t, a)
				taker := start(t, b)
				read := c.read
				if read == nil {
					read = from(held)
				}
				err := a.Serve(&c.pull, read, func(missing []messages.Range) {
					a.Send(&frame.End{ID: c.pull.ID, NotHeld: missing}, Repair)
				})
				if err != nil {
					t.Fatal(err)
				}
				got := taker.await(len(c.want) + 1)
				end, ok := got[len(got)-1].(*frame.End)
				if !ok || !slices.Equal(sequences(got), c.want) || !slices.Equal(end.NotHeld, c.missing) {
					t.Fatalf("%d came, and %+v, want %d, and %v", sequences(got), got[len(got)-1], c.want, c.missing)
				}
				for _, f := range got[:len(got)-1] {
					if p := f.(*frame.Push); !p.Repair || p.Refresh || p.Hop != 1 {
						t.Errorf("batch %d came as %+v", p.Batch.Sequence, p)
					}
				}
			})
		})
	}
}

func TestPullsAreAnsweredOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := ends(t)
		start(t, a)
		a.Send(&frame.Push{Batch: batch(t, 99, 100_000)}, Live) // holds the rest up
		synctest.Wait()
		held := make(map[uint64]*wire.Sealed)
		var want []uint64
		for i := range uint64(10 * MaxServes) {
			held[i] = batch(t, i+1, 5000)
			want = append(want, i+1)
		}
		var reads, answered atomic.Int64
		read := func(id messages.BatchID) (wire.Sealed, error) {
			reads.Add(1)
			return *held[id.Sequence-1], nil
		}
		for i := range uint64(MaxServes) {
			pull := &frame.Pull{ID: i, Ranges: []messages.Range{{From: 10*i + 1, To: 10*i + 10}}, Bytes: 1 << 20}
			if err := a.Serve(pull, read, func([]messages.Range) { answered.Add(1) }); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Serve(&frame.Pull{}, read, nil); !errors.Is(err, ErrServes) {
			t.Errorf("one more: %v", err)
		}
		synctest.Wait()
		if n := reads.Load(); n > 0 {
			t.Errorf("%d batches were read while live ones waited", n)
		}
		taker := start(t, b)
		got := taker.await(1 + len(want))
		if !slices.Equal(sequences(got)[1:], want) {
			t.Errorf("%d came", sequences(got))
		}
		synctest.Wait()
		if answered.Load() != MaxServes {
			t.Errorf("%d pulls were answered", answered.Load())
		}
		if err := a.Serve(&frame.Pull{}, read, func([]messages.Range) {}); err != nil {
			t.Errorf("and then another: %v", err)
		}
	})
}

func TestServingHoldsLittleAndIsOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := ends(t)
		start(t, a)
		sealed := batch(t, 1, 3000)
		var reads atomic.Int64
		read := func(messages.BatchID) (wire.Sealed, error) {
			reads.Add(1)
			return *sealed, nil
		}
		var once sync.Once
		done := make(chan struct{})
		pull := &frame.Pull{Ranges: []messages.Range{{From: 1, To: 1000}}, Bytes: 1 << 30}
		if err := a.Serve(pull, read, func([]messages.Range) { once.Do(func() { close(done) }) }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // nobody reads: the first portion is being written
		portion := int64(writeBytes/len(sealed.Bytes()) + 1)
		if n := reads.Load(); n == 0 || n > portion {
			t.Errorf("%d batches were read for a peer that takes nothing, want at most %d", n, portion)
		}
		a.Send(&frame.Ping{}, Control)
		taker := start(t, b)
		<-done
		got := taker.await(1001)
		at := slices.IndexFunc(got, func(f frame.Frame) bool { return f.Type() == frame.TypePing })
		if at < 0 || int64(at) > portion {
			t.Errorf("the ping came behind %d of 1000 batches", at)
		}
		if told := a.handler.(*recorder).told(); slices.Max(told) > 100 {
			t.Errorf("what is served was told to wait: %d", told)
		}
	})
}

func TestAPanicEndsTheLinkAndNotTheProcess(t *testing.T) {
	fault := func(messages.BatchID) (wire.Sealed, error) { panic("a fault of the journal") }
	synctest.Test(t, func(t *testing.T) {
		a, b := ends(t)
		start(t, a)
		r := start(t, b)
		if err := b.Serve(&frame.Pull{Ranges: []messages.Range{{From: 1, To: 3}}, Bytes: 1 << 20}, fault, func([]messages.Range) {}); err != nil {
			t.Fatal(err)
		}
		if err := <-r.done; !errors.Is(err, ErrPanic) {
			t.Errorf("%v, want %v", err, ErrPanic)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		a, b := ends(t)
		start(t, a)
		b.handler = faulty{}
		done := make(chan error, 1)
		go func() { done <- b.Run(t.Context()) }()
		a.Send(&frame.Ping{}, Control)
		if err := <-done; !errors.Is(err, ErrPanic) {
			t.Errorf("%v, want %v", err, ErrPanic)
		}
	})
}

// faulty is a handler with a fault.
type faulty struct{}

func (faulty) Frame(frame.Frame) { panic("a fault of who takes frames") }
func (faulty) Heard()            {}
func (faulty) Queued(int)        {}
