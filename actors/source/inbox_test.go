package source_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"anode/actors/source"
	"anode/messages/command"
)

// A message is answered when the journal has it, in order, and what repeats one that is not stored yet with it.
func TestAnswersWaitForTheJournal(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: p\nkind: push\nnative_id: .n")
	b.pushed("1 0 0 0", `{"n":0}`)
	b.intake.set(true, nil)
	var answers []<-chan became
	for _, body := range []string{`{"n":1}`, `{"n":1}`, `{"n":2}`} {
		from, err := b.begin(command.OpenPush{Name: "p"}, body)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, from)
	}
	b.await("all are fed", func() bool { s, _ := b.Status("p"); return s.Dropped.Duplicate == 1 && b.held() == 2 })
	for i, from := range answers {
		if len(from) > 0 {
			t.Errorf("%d was answered before the journal had it", i)
		}
	}
	b.intake.set(false, nil)
	for i, want := range []string{"1 0", "0 1", "1 0"} {
		p, err := b.answer(answers[i])
		if got := fmt.Sprint(p.Accepted, p.Dropped.Duplicate); err != nil || got != want {
			t.Errorf("%d: %s %v", i, got, err)
		}
	}
}

func (b *bench) held() int {
	b.intake.mu.Lock()
	defer b.intake.mu.Unlock()
	return len(b.intake.held)
}

func TestWhatTheJournalRefusesIsNotAccepted(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: p\nkind: push\nnative_id: .n\nbackoff: {min: 1h, max: 1h}")
	b.pushed("1 0 0 0", `{"n":0}`)
	b.intake.set(true, nil)
	var answers []<-chan became
	for _, body := range []string{`{"n":1}`, `{"n":1}`} {
		from, err := b.begin(command.OpenPush{Name: "p"}, body)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, from)
	}
	b.await("both are fed", func() bool { s, _ := b.Status("p"); return s.Dropped.Duplicate == 1 && b.held() == 1 })
	full := fmt.Errorf("%w: no room", command.ErrStorageFull)
	b.fail(full)
	for i, from := range answers {
		if p, err := b.answer(from); !errors.Is(err, command.ErrStorageFull) || p.Accepted != 0 || p.Dropped.Duplicate != 0 {
			t.Errorf("%d: %+v %v", i, p, err)
		}
	}
	// It is tried again when something comes and the journal takes records, without waiting for the pause.
	b.intake.set(false, full)
	if _, err := b.push(`{"n":2}`); !errors.Is(err, command.ErrStorageFull) {
		t.Errorf("%v", err)
	}
	b.awaitState("p", command.SourceBackoff)
	b.intake.set(false, nil)
	b.pushed("1 0 0 0", `{"n":1}`) // not a duplicate: it was not stored
	b.pushed("0 0 1 0", `{"n":1}`)
	b.pushed("1 0 0 0", `{"n":2}`)
	status := b.awaitState("p", command.SourceRunning)
	if status.Records != 3 || status.Dropped.Failed != 0 {
		t.Errorf("%+v", status)
	}
}

// fail answers what the journal holds with an error, and takes again.
func (b *bench) fail(err error) {
	b.intake.mu.Lock()
	held := b.intake.held
	b.intake.held, b.intake.hold = nil, false
	b.intake.mu.Unlock()
	for _, s := range held {
		s.Done(command.Outcome{Err: err})
	}
}

// What was pushed before a change of the spec, or a restart, is taken by who comes after it.
func TestNothingIsLostWhileASourceChanges(t *testing.T) {
	b := newBench(t, nil)
	spec := "name: p\nkind: push\nlabels: {v: 'n%d'}\nnative_id: .n"
	b.put(spec, 0)
	stop := make(chan struct{})
	var changes sync.WaitGroup
	changes.Add(1)
	go func() {
		defer changes.Done()
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if b.Restart("p"); i%3 == 0 {
				b.put(spec, i)
			}
			runtime.Gosched()
		}
	}()
	const senders, each = 8, 200
	var all sync.WaitGroup
	var accepted atomic.Uint64
	for s := range senders {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range each {
				for {
					p, err := b.OpenPush(context.Background(), command.OpenPush{Name: "p"})
					if errors.Is(err, source.ErrNotYet) || errors.Is(err, command.ErrNotFound) {
						runtime.Gosched()
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					from, err := b.hand(p, fmt.Sprintf(`{"n":"%d-%d"}`, s, i))
					p.Close()
					if err != nil {
						t.Error(err)
						return
					}
					a := <-from
					if a.err != nil {
						t.Error(a.err)
						return
					}
					accepted.Add(a.Accepted)
					break
				}
			}
		}()
	}
	all.Wait()
	close(stop)
	changes.Wait()
	if got := b.intake.on("p"); accepted.Load() != senders*each || len(got) != senders*each {
		t.Errorf("%d accepted, %d stored", accepted.Load(), len(got))
	}
	next := make(map[string]int) // each sender's order is kept
	for _, d := range b.intake.drafts {
		if d.Stream != "p" {
			continue
		}
		sender, n, _ := strings.Cut(d.NativeID, "-")
		if n != fmt.Sprint(next[sender]) {
			t.Fatalf("sender %s: %s after %d", sender, n, next[sender]-1)
		}
		next[sender]++
	}
}

func TestTheInboxIsBounded(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: p\nkind: push")
	b.pushed("1 0 0 0", "0")
	b.intake.set(true, nil)
	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	p, err := b.open(command.OpenPush{Name: "p"})
	if err != nil {
		t.Fatal(err)
	}
	var answers []<-chan became
	for i := range 1024 {
		from, err := b.hand(p, fmt.Sprint(i))
		if err != nil {
			t.Fatal(i, err)
		}
		answers = append(answers, from)
	}
	if err := p.Push(short, command.PushMessage{Body: []byte("x")}, func(command.Pushed, error) { t.Error("answered") }); !errors.Is(err, command.ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	b.intake.set(false, nil)
	for _, from := range answers {
		if p, err := b.answer(from); err != nil || p.Accepted != 1 {
			t.Fatal(p, err)
		}
	}
	p.Close()
	// Bytes are given back when they are not pushed, and when they are answered.
	for range 3 {
		short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if err := p.Reserve(short, 32<<20); err != nil {
			t.Fatal(err)
		}
		if err := p.Reserve(short, 1); !errors.Is(err, command.ErrTooMany) {
			t.Errorf("a byte too many: %v", err)
		}
		if from, err := b.hand(p, "1"); err != nil {
			t.Fatal(err)
		} else if _, err := b.answer(from); err != nil {
			t.Fatal(err)
		}
		if err := p.Reserve(context.Background(), 32<<20); err != nil {
			t.Fatal(err)
		}
		p.Close()
	}
	// All sources share what a node has.
	var open []command.Pusher
	for i, want := range []error{nil, nil, command.ErrTooMany} {
		name := fmt.Sprint("q", i)
		b.put("name: %s\nkind: push", name)
		q, err := b.open(command.OpenPush{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if err := q.Reserve(short, 32<<20); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
		open = append(open, q)
	}
	for _, q := range open {
		q.Close()
	}
}

func TestAPausedSourceRefusesWhatWaits(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: p\nkind: push")
	b.pushed("1 0 0 0", "0")
	b.intake.set(true, nil)
	var answers []<-chan became
	big := `"` + strings.Repeat("x", 600<<10) + `"`
	for range 20 { // more than is on its way at once: some wait
		from, err := b.begin(command.OpenPush{Name: "p"}, big)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, from)
	}
	b.await("the window is full", func() bool { return b.held() >= 6 })
	b.pause("p", true)
	time.AfterFunc(50*time.Millisecond, func() { b.intake.set(false, nil) })
	accepted, refused := 0, 0
	for _, from := range answers {
		p, err := b.answer(from)
		switch {
		case err == nil && p.Accepted == 1:
			accepted++
		case errors.Is(err, command.ErrUnavailable):
			refused++
		default:
			t.Errorf("%+v %v", p, err)
		}
	}
	b.awaitState("p", command.SourcePaused)
	if n := b.intake.count("p") - 1; n != accepted || refused == 0 || accepted < 6 {
		t.Errorf("%d accepted, %d refused, %d stored", accepted, refused, n)
	}
}
