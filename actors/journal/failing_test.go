package journal_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/journal"
	"anode/messages"
	"anode/messages/command"
	"anode/storage"
	segments "anode/storage/journal"
	"anode/storage/memory"
	"anode/testkit/faults"
)

const dir = "data/journal"

// open opens a journal of segments on a disk.
func open(t *testing.T, disk *faults.Disk, state storage.State, change func(*segments.Config)) *segments.Journal {
	t.Helper()
	cfg := segments.Config{Dir: dir, FS: disk, State: state, Self: self, Clock: time.Now, SegmentBytes: 8192}
	if change != nil {
		change(&cfg)
	}
	j, err := segments.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestPublishedAgainWithinTenMinutesIsADuplicateOverRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, state := faults.NewDisk(0), memory.NewState()
		epoch := uint64(0)
		var n *node
		var j *segments.Journal
		restart := func() {
			if n != nil {
				n.stop()
				disk = disk.Kill()
			}
			epoch++
			j = open(t, disk, state, nil)
			n = start(t, j, func(c *journal.Config) { c.Epoch = epoch }, 1<<20)
		}
		restart()
		begin := time.Now()
		publish := func(id string) bool {
			t.Helper()
			time.Sleep(3 * time.Millisecond) // seals and fsyncs are at least that far apart
			a := n.await(n.submit(true, draft("a", id)))
			if a.Err != nil {
				t.Fatal(a.Err)
			}
			return a.Positions[0].IsZero()
		}
		if publish("1") {
			t.Fatal("the first is a duplicate")
		}
		time.Sleep(time.Minute)
		if !publish("1") || publish("2") {
			t.Fatal("a duplicate is not known, or another is")
		}
		restart()
		time.Sleep(10*time.Minute - time.Since(begin) - 20*time.Millisecond)
		if !publish("1") {
			t.Fatal("just within ten minutes it is not known after a restart")
		}
		time.Sleep(10*time.Minute - time.Since(begin))
		if publish("1") {
			t.Fatal("after ten minutes it is still known")
		}
		time.Sleep(time.Second)
		if !publish("2") || !publish("1") {
			t.Fatal("what is nine minutes old, or a second, is not known")
		}
		restart()
		if a := n.await(n.submit(false, draft("a", "1"))); a.Positions[0].IsZero() {
			t.Fatal("what is not to be recognised is")
		}
		time.Sleep(3 * time.Millisecond)
		a := n.await(n.submit(true, draft("a", "7"), draft("a", "7"), draft("b", "7")))
		if a.Positions[0].IsZero() || !a.Positions[1].IsZero() || a.Positions[2].IsZero() {
			t.Fatalf("twice in one submission: %v", a.Positions)
		}
		n.stop()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestADuplicateIsAnsweredWhenTheFirstIsDurable(t *testing.T) {
	inBubble(t, nil, func(n *node) {
		blocked := make(chan struct{})
		n.journal.set(&n.journal.onSync, func() error { <-blocked; return nil })
		first := n.submit(true, draft("a", "1"))
		time.Sleep(10 * time.Millisecond)
		second := n.submit(true, draft("a", "1"))
		n.none(second)
		close(blocked)
		if a := n.await(first); a.Err != nil {
			n.Fatal(a.Err)
		}
		time.Sleep(5 * time.Millisecond)
		if a := n.await(second); a.Err != nil || !a.Positions[0].IsZero() {
			n.Fatalf("answered %+v", a)
		}
	})
}

func TestFullStorageIsAnsweredAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faults.NewDisk(200_000)
		j := open(t, disk, memory.NewState(), func(c *segments.Config) { c.RetentionBytes = 1 << 20 })
		n := start(t, j, nil, 1<<20)
		full := false
		for i := range 400 {
			a := n.await(n.submit(false, messages.Draft{Stream: "a", ContentType: "x/y", Payload: random(uint64(i), 1000)}))
			if a.Err != nil {
				if full = true; !errors.Is(a.Err, command.ErrStorageFull) {
					t.Fatal(a.Err)
				}
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if !full {
			t.Fatal("the disk was never full")
		}
		time.Sleep(3*time.Second + 5*time.Millisecond)
		a := n.await(n.submit(false, messages.Draft{Stream: "a", ContentType: "x/y", Payload: random(1, 100_000)}))
		if !errors.Is(a.Err, command.ErrStorageFull) {
			t.Fatalf("answered %+v while it is full", a)
		}
		disk.SetCapacity(2_000_000)
		time.Sleep(2 * time.Second) // the keeper looks each second
		if a := n.await(n.submit(false, draft("a", ""))); a.Err != nil {
			t.Fatalf("it did not recover: %v", a.Err)
		}
		n.stop()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func random(seed uint64, size int) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// A panic in any part fails the actor; what was acknowledged is there, everybody is answered once,
// and the next incarnation goes on.
func TestPanicLosesNothingAcknowledged(t *testing.T) {
	for _, part := range []string{"append", "announce", "sync", "done"} {
		for _, durability := range []journal.Durability{journal.Sync, journal.Interval} {
			t.Run(part+" "+string(durability), func(t *testing.T) {
				inBubble(t, func(c *journal.Config) { c.Durability = durability }, func(n *node) { panics(n, part) })
			})
		}
	}
}

func panics(n *node, part string) {
	var mu sync.Mutex
	calls, left := 0, 3
	now := func() {
		mu.Lock()
		defer mu.Unlock()
		if calls++; left > 0 && calls%2 == 0 {
			left--
			panic("by the test")
		}
	}
	hook := func() error { now(); return nil }
	switch part {
	case "append":
		n.journal.set(&n.journal.onAppend, hook)
	case "sync":
		n.journal.set(&n.journal.onSync, hook)
	case "announce":
		n.mu.Lock()
		n.onStored = now
		n.mu.Unlock()
	}
	answers := make(map[int]int)
	acknowledged := make(map[messages.Position]int)
	for i := range 600 {
		err := n.inbox.Submit(context.Background(), command.Submission{Drafts: []messages.Draft{draft("a", fmt.Sprint(i))}, Done: func(o command.Outcome) {
			mu.Lock()
			if answers[i]++; o.Err == nil {
				acknowledged[o.Positions[0]] = i
			}
			mu.Unlock()
			if part == "done" {
				now()
			}
		}})
		if err != nil {
			n.Fatal(err)
		}
		time.Sleep(700 * time.Microsecond)
	}
	time.Sleep(time.Minute)
	mu.Lock()
	defer mu.Unlock()
	if left > 0 {
		n.Fatalf("%d panics did not come", left)
	}
	for i := range 600 {
		if answers[i] != 1 {
			n.Errorf("submission %d was answered %d times", i, answers[i])
		}
	}
	if len(acknowledged) < 100 {
		n.Errorf("only %d were acknowledged", len(acknowledged))
	}
	for at, i := range acknowledged {
		s, err := n.journal.Read(messages.BatchID{Origin: at.Origin, Epoch: at.Epoch, Sequence: at.Sequence})
		if err != nil {
			n.Fatalf("%d was acknowledged at %s: %v", i, at, err)
		}
		b, err := s.Open()
		if err != nil {
			n.Fatal(err)
		}
		if r := b.Groups[0].Records[at.Index]; r.NativeID != fmt.Sprint(i) {
			n.Fatalf("at %s stands %s, not %d", at, r.NativeID, i)
		}
	}
	if d := n.journal.Digest()[self]; len(d) != 1 || len(d[0].Holes) != 0 {
		n.Errorf("digest %+v", d)
	}
}

// TestPowerCutLosesNothingAcknowledged cuts the power at random operations of the disk while
// records are published with durability sync: each that was answered by then is in what is left.
func TestPowerCutLosesNothingAcknowledged(t *testing.T) {
	count := uint64(200)
	if testing.Short() {
		count = 30
	}
	for seed := range count {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { powerCut(t, seed) })
		})
	}
}

func powerCut(t *testing.T, seed uint64) {
	chance := rand.New(rand.NewPCG(seed, 3))
	disk, state := faults.NewDisk(0), memory.NewState()
	var mu sync.Mutex
	acknowledged := make(map[messages.Position]string)
	for epoch := uint64(1); epoch <= 3; epoch++ {
		var left *faults.Disk
		var known map[messages.Position]string
		j := open(t, disk, state, nil)
		n := start(t, j, func(c *journal.Config) { c.Epoch = epoch }, 1<<20)
		disk.AtOp(disk.Ops()+1+chance.IntN(120), func() {
			mu.Lock()
			defer mu.Unlock()
			left, known = disk.Cut(rand.New(rand.NewPCG(seed, epoch))), maps.Clone(acknowledged)
		})
		if chance.IntN(3) == 0 {
			disk.Fail(faults.Fault{Op: faults.OpSync, Name: "-own", After: chance.IntN(10), Times: 1})
		}
		for i := 0; ; i++ {
			mu.Lock()
			done := left != nil
			mu.Unlock()
			if done {
				break
			}
			id := fmt.Sprintf("%d-%d", epoch, i)
			err := n.inbox.Submit(context.Background(), command.Submission{Drafts: []messages.Draft{draft("a", id)}, Done: func(o command.Outcome) {
				mu.Lock()
				defer mu.Unlock()
				if o.Err == nil {
					acknowledged[o.Positions[0]] = id
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(chance.IntN(2000)) * time.Microsecond)
			synctest.Wait()
		}
		n.stop()
		_ = j.Close()
		disk, acknowledged = left, known
		check := open(t, disk, state, nil)
		for at, id := range acknowledged {
			s, err := check.Read(messages.BatchID{Origin: at.Origin, Epoch: at.Epoch, Sequence: at.Sequence})
			if err != nil {
				t.Fatalf("seed %d: %s was acknowledged at %s and is lost: %v", seed, id, at, err)
			}
			if b, err := s.Open(); err != nil || b.Groups[0].Records[at.Index].NativeID != id {
				t.Fatalf("seed %d: at %s does not stand %s", seed, at, id)
			}
			if line := check.Head(self); line.Epoch < at.Epoch {
				t.Fatalf("seed %d: the head is %s", seed, line)
			}
		}
		if err := check.Close(); err != nil {
			t.Fatal(err)
		}
		disk = disk.Kill()
	}
	onOneLine(t, seed, open(t, disk, state, nil), acknowledged)
}

// onOneLine wants a reader from the beginning to meet all that was acknowledged, in order.
func onOneLine(t *testing.T, seed uint64, j *segments.Journal, acknowledged map[messages.Position]string) {
	t.Helper()
	defer func() { _ = j.Close() }()
	met := make(map[messages.BatchID]bool)
	at := messages.Position{Origin: self}
	for {
		step := j.Next(at)
		switch step.Kind {
		case messages.StepBatch:
			if step.Batch.Epoch < at.Epoch {
				t.Fatalf("seed %d: %s comes after %s", seed, step.Batch, at)
			}
			met[step.Batch] = true
			at = messages.Position{Origin: self, Epoch: step.Batch.Epoch, Sequence: step.Batch.Sequence, Index: messages.IndexEnd}
			continue
		case messages.StepWait:
			at = messages.Position{Origin: self, Epoch: step.Batch.Epoch, Sequence: step.Hole.To, Index: messages.IndexEnd}
			continue
		case messages.StepGap:
			at = step.Gap.To
			continue
		}
		break
	}
	for at := range acknowledged {
		if !met[messages.BatchID{Origin: at.Origin, Epoch: at.Epoch, Sequence: at.Sequence}] {
			t.Fatalf("seed %d: a reader does not meet %s", seed, at)
		}
	}
}
