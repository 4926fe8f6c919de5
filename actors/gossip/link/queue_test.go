package link

import (
	"math/rand/v2"
	"slices"
	"testing"

	"anode/messages/wire/frame"
)

// The queue against the simplest one that does the same.
func TestTheQueueKeepsItsOrderAndItsCount(t *testing.T) {
	body := make([]byte, 5000)
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		var q queue
		var model [classes][]uint64
		next, waiting := uint64(0), 0
		for range 300 {
			for range r.IntN(20) {
				class := Class(r.IntN(int(classes)))
				f := &frame.Ask{ID: next, Body: body[:r.IntN(len(body))]}
				if q.put(f, class) {
					model[class] = append(model[class], next)
					waiting += f.Size()
				}
				next++
			}
			if r.IntN(4) == 0 {
				continue
			}
			list := q.take(nil)
			sum := 0
			for i, w := range list {
				class := slices.IndexFunc(model[:], func(ids []uint64) bool { return len(ids) > 0 })
				if id := w.frame.(*frame.Ask).ID; class < 0 || id != model[class][0] {
					t.Fatalf("seed %d: frame %d came out of its turn", seed, id)
				}
				model[class] = model[class][1:]
				if sum += w.size; sum > writeBytes && i > 0 {
					t.Fatalf("seed %d: %d bytes at once", seed, sum)
				}
			}
			if q.bytes != waiting {
				t.Fatalf("seed %d: %d bytes wait, want %d", seed, q.bytes, waiting)
			}
			q.sent(list)
			waiting -= sum
		}
		for len(q.take(nil)) > 0 {
		}
		for i := range q.lanes {
			if l := &q.lanes[i]; len(l.list) != 0 || l.head != 0 || cap(l.list) > keptFrames {
				t.Errorf("seed %d: the empty lane %d keeps %d of %d", seed, i, len(l.list), cap(l.list))
			}
		}
	}
}

func TestALaneForgetsWhatWent(t *testing.T) {
	var l lane
	for range 10 {
		l.put(waiting{frame: &frame.Ping{}})
	}
	for range 1000 { // as many come as go
		l.drop()
		l.put(waiting{frame: &frame.Ping{}})
	}
	if cap(l.list) > 64 {
		t.Errorf("10 frames have room for %d", cap(l.list))
	}
	for _, w := range l.list[:cap(l.list)][len(l.list):] {
		if w.frame != nil {
			t.Error("a frame that went is kept")
		}
	}
	for _, w := range l.list[:l.head] {
		if w.frame != nil {
			t.Error("a frame that went is kept")
		}
	}
}

func TestManyMaySend(t *testing.T) {
	left, right := sockets(t, "127.0.0.1")
	d, l := linked(t, left, right)
	a, b := start(t, New(d, newRecorder())), start(t, New(l, newRecorder()))
	const senders, each = 8, 500
	for s := range uint64(senders) {
		go func() {
			for i := range uint64(each) {
				a.Send(&frame.Ping{Nonce: s*each + i, Time: int64(s)}, Class(s%uint64(classes)))
			}
		}()
	}
	last := make(map[int64]uint64)
	for _, f := range b.await(senders * each) {
		p := f.(*frame.Ping)
		if before, ok := last[p.Time]; ok && p.Nonce != before+1 || !ok && p.Nonce != uint64(p.Time)*each {
			t.Fatalf("of sender %d %d came behind %d", p.Time, p.Nonce, before)
		}
		last[p.Time] = p.Nonce
	}
	b.cancel(nil) // and while they send
	for range 1000 {
		a.Send(&frame.Ping{}, Live)
	}
	wantErr(t, "link", <-a.done, ErrGone)
}
