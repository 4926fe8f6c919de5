package journal_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/journal"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
)

// epochs gives a configuration that begins epochs as asked, in hundreds.
func epochs(c *journal.Config) {
	c.NextEpoch = func(atLeast uint64) (uint64, error) { return (atLeast + 99) / 100 * 100, nil }
}

func at(epoch, sequence uint64) messages.Position {
	return messages.Position{Origin: self, Epoch: epoch, Sequence: sequence, Index: messages.IndexEnd}
}

// number moves the numbers, and gives what was told.
func (n *node) number(above uint64, prior messages.Position) (uint64, error) {
	n.Helper()
	type told struct {
		epoch uint64
		err   error
	}
	all := make(chan told, 2)
	n.inbox.Number(above, prior, func(epoch uint64, err error) { all <- told{epoch, err} })
	time.Sleep(5 * time.Millisecond) // virtual: a seal is due
	synctest.Wait()
	if len(all) != 1 {
		n.Fatalf("told %d times", len(all))
	}
	one := <-all
	return one.epoch, one.err
}

// put stores one record.
func (n *node) put() {
	n.Helper()
	time.Sleep(10 * time.Millisecond)
	if a := n.await(n.submit(false, draft("a", ""))); a.Err != nil {
		n.Fatal(a.Err)
	}
}

// sealed are the headers of all batches that were announced, and that they are chained.
func (n *node) sealed() (all []messages.Header) {
	n.Helper()
	var last wire.Sealed
	for _, a := range n.heard() {
		b := a.batch.Sealed
		if b.First <= last.Last {
			n.Fatalf("%s has a reading of %d, %d was before", b.ID(), b.First, last.Last)
		}
		var previous messages.Hash
		if b.Sequence > 1 {
			previous = last.HeaderHash()
		}
		if b.Previous != previous || b.Sequence > 1 && (b.Sequence != last.Sequence+1 || !b.Prior.IsZero()) {
			n.Fatalf("%s does not follow %s", b.ID(), last.ID())
		}
		all, last = append(all, b.Header), b
	}
	return all
}

// line reads this node's line as a reader does, until it waits or ends.
func (n *node) line() string {
	n.Helper()
	var told []string
	for from := (messages.Position{Origin: self}); ; {
		switch step := n.journal.Next(from); step.Kind {
		case messages.StepBatch:
			s, err := n.journal.Read(step.Batch)
			if err != nil {
				n.Fatal(err)
			}
			told = append(told, fmt.Sprintf("%d-%d", s.Epoch, s.Sequence))
			from = s.Position().BatchEnd()
		case messages.StepGap:
			told = append(told, string(step.Gap.Reason))
			from = step.Gap.To
		case messages.StepWait:
			return strings.Join(append(told, fmt.Sprintf("wait %d-%d", step.Batch.Epoch, step.Batch.Sequence)), " ")
		default:
			return strings.Join(told, " ")
		}
	}
}

func TestNumberBeginsAnEpoch(t *testing.T) {
	for name, c := range map[string]struct {
		before int // records
		above  uint64
		prior  messages.Position
		epoch  uint64
		named  messages.Position
		line   string
	}{
		"below the present one, nothing changes": {2, 0, messages.Position{}, 1, messages.Position{}, "1-1 1-2 1-3"},
		"as high as the present one":             {2, 1, messages.Position{}, 100, messages.Position{Origin: self, Epoch: 1, Sequence: 2}, "1-1 1-2 100-1"},
		"above it":                               {1, 150, messages.Position{}, 200, messages.Position{Origin: self, Epoch: 1, Sequence: 1}, "1-1 200-1"},
		"nothing is held":                        {0, 7, messages.Position{}, 100, messages.Position{}, "100-1"},
		"a peer holds more":                      {2, 1, at(1, 9), 100, at(1, 9), "1-1 1-2 wait 1-3"},
		"a peer holds less":                      {2, 1, at(1, 1), 100, messages.Position{Origin: self, Epoch: 1, Sequence: 2}, "1-1 1-2 100-1"},
		"a peer holds a higher epoch":            {2, 130, at(130, 2), 200, at(130, 2), "1-1 1-2 wait 130-1"},
		"the prior is above what is named":       {2, 1, at(170, 2), 200, at(170, 2), "1-1 1-2 wait 170-1"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, epochs, func(n *node) {
				for range c.before {
					n.put()
				}
				if epoch, err := n.number(c.above, c.prior); epoch != c.epoch || err != nil {
					n.Fatalf("told epoch %d, %v; want %d", epoch, err, c.epoch)
				}
				n.put()
				all := n.sealed()
				if b := all[len(all)-1]; b.Epoch != c.epoch || b.Prior != c.named {
					n.Errorf("sealed %s, which names %s; want epoch %d, %s", b.ID(), b.Prior, c.epoch, c.named)
				}
				if got := n.line(); got != c.line {
					n.Errorf("the line reads %q, want %q", got, c.line)
				}
			})
		})
	}
}

func TestAPriorCountsUntilABatchIsSealed(t *testing.T) {
	start := func(c *journal.Config) { epochs(c); c.Epoch = 50 }
	for name, c := range map[string]struct {
		before int
		priors []messages.Position
		want   messages.Position
	}{
		"nothing sealed":              {0, []messages.Position{at(3, 7)}, at(3, 7)},
		"the higher counts":           {0, []messages.Position{at(3, 7), at(9, 1), at(9, 0), at(3, 8)}, at(9, 1)},
		"one of the epoch itself":     {0, []messages.Position{at(50, 7)}, messages.Position{}},
		"one of a later epoch":        {0, []messages.Position{at(51, 7)}, messages.Position{}},
		"a batch is sealed":           {1, []messages.Position{at(3, 7)}, messages.Position{}},
		"nothing is the same as none": {0, []messages.Position{{}}, messages.Position{}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, start, func(n *node) {
				for range c.before {
					n.put()
				}
				for _, prior := range c.priors {
					if epoch, err := n.number(0, prior); epoch != 50 || err != nil {
						n.Fatalf("told epoch %d, %v", epoch, err)
					}
				}
				n.put()
				if all := n.sealed(); all[0].Prior != c.want || len(all) != c.before+1 {
					n.Errorf("the first batch names %s, want %s", all[0].Prior, c.want)
				}
			})
		})
	}
}

// An epoch that ends without a batch hands on what it was to name.
func TestAPriorOutlivesAnEpochWithoutABatch(t *testing.T) {
	inBubble(t, epochs, func(n *node) {
		if _, err := n.number(150, at(150, 3)); err != nil {
			n.Fatal(err)
		}
		if epoch, err := n.number(250, at(120, 9)); epoch != 300 || err != nil {
			n.Fatalf("told epoch %d, %v", epoch, err)
		}
		n.put()
		if all := n.sealed(); all[0].Prior != at(150, 3) {
			n.Errorf("it names %s", all[0].Prior)
		}
	})
}

func TestAHoleBeforeANewEpochIsFilledByPeers(t *testing.T) {
	inBubble(t, epochs, func(n *node) {
		n.put()
		if _, err := n.number(1, at(1, 3)); err != nil {
			n.Fatal(err)
		}
		n.put()
		sealer := wire.NewSealer(0)
		for _, sequence := range []uint64{3, 2} {
			place := wire.Place{BatchID: messages.BatchID{Origin: self, Epoch: 1, Sequence: sequence}, First: messages.HLCFromMillis(int64(sequence))}
			s, _, _, err := sealer.Seal(place, []messages.Draft{draft("a", "")})
			if err != nil {
				n.Fatal(err)
			}
			n.inbox.Store(journal.Remote{Batch: &s, Backfill: true, Done: func(held storage.Held, err error) {
				if held != storage.HeldNew || err != nil {
					n.Errorf("held %d: %v", held, err)
				}
			}})
			time.Sleep(5 * time.Millisecond)
			synctest.Wait()
		}
		if got, want := n.line(), "1-1 1-2 1-3 100-1"; got != want {
			n.Errorf("the line reads %q, want %q", got, want)
		}
	})
}

func TestWhatWaitsIsNumberedInTheNewEpoch(t *testing.T) {
	inBubble(t, epochs, func(n *node) {
		n.put()
		time.Sleep(5 * time.Millisecond)
		release := make(chan struct{})
		n.journal.set(&n.journal.onAppend, func() error { <-release; return nil })
		before := n.submit(false, draft("a", ""))
		synctest.Wait()
		n.inbox.Number(1, messages.Position{}, func(uint64, error) {})
		after := n.submit(false, draft("a", ""))
		close(release)
		time.Sleep(10 * time.Millisecond)
		if a := n.await(before); a.Err != nil || a.Positions[0] != (messages.Position{Origin: self, Epoch: 1, Sequence: 2}) {
			n.Errorf("what was taken before: %+v", a)
		}
		if a := n.await(after); a.Err != nil || a.Positions[0] != (messages.Position{Origin: self, Epoch: 100, Sequence: 1}) {
			n.Errorf("what came after: %+v", a)
		}
	})
}

func TestTheNewEpochOutlivesTheActor(t *testing.T) {
	for name, sealed := range map[string]bool{"with batches": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, epochs, func(n *node) {
				n.put()
				if _, err := n.number(1, at(1, 9)); err != nil {
					n.Fatal(err)
				}
				want := []messages.BatchID{{Origin: self, Epoch: 1, Sequence: 1}, {Origin: self, Epoch: 100, Sequence: 1}}
				if sealed {
					n.put()
					want = append(want, messages.BatchID{Origin: self, Epoch: 100, Sequence: 2})
				}
				time.Sleep(5 * time.Millisecond)
				n.journal.set(&n.journal.onAppend, func() error { panic("by the test") })
				n.await(n.submit(false, draft("a", "")))
				n.journal.set(&n.journal.onAppend, nil)
				time.Sleep(time.Second)
				n.put()
				var got []messages.BatchID
				all := n.sealed()
				for i := range all {
					got = append(got, all[i].ID())
				}
				if !slices.Equal(got, want) || all[1].Prior != at(1, 9) {
					n.Errorf("sealed %v, want %v; the second names %s", got, want, all[1].Prior)
				}
				if epoch, err := n.number(0, messages.Position{}); epoch != 100 || err != nil {
					n.Errorf("told epoch %d, %v", epoch, err)
				}
			})
		})
	}
}

// A higher epoch of this node's that a peer brought does not move the numbers of an actor that begins again.
func TestAnActorThatBeginsAgainGoesOnWithItsNumbers(t *testing.T) {
	inBubble(t, epochs, func(n *node) {
		n.put()
		n.put()
		place := wire.Place{BatchID: messages.BatchID{Origin: self, Epoch: 40, Sequence: 1}, First: messages.HLCFromMillis(1)}
		s, _, _, err := wire.NewSealer(0).Seal(place, []messages.Draft{draft("a", "")})
		if err != nil {
			n.Fatal(err)
		}
		n.inbox.Store(journal.Remote{Batch: &s, Backfill: true, Done: func(storage.Held, error) {}})
		time.Sleep(5 * time.Millisecond)
		synctest.Wait()
		n.journal.set(&n.journal.onAppend, func() error { panic("by the test") })
		n.await(n.submit(false, draft("a", "")))
		n.journal.set(&n.journal.onAppend, nil)
		time.Sleep(time.Second)
		if a := n.await(n.submit(false, draft("a", ""))); a.Err != nil || a.Positions[0] != (messages.Position{Origin: self, Epoch: 1, Sequence: 3}) {
			n.Errorf("%+v", a)
		}
		if epoch, err := n.number(40, messages.Position{}); epoch != 100 || err != nil {
			n.Fatalf("told epoch %d, %v", epoch, err)
		}
		n.put()
		if got, want := n.line(), "1-1 1-2 1-3 40-1 100-1"; got != want {
			n.Errorf("the line reads %q, want %q", got, want)
		}
	})
}

func TestNumberRefusesWithAReason(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		change func(*journal.Config)
		above  uint64
		prior  messages.Position
		want   error
	}{
		"no epochs":            {nil, 1, messages.Position{}, command.ErrUnavailable},
		"it can't be stored":   {func(c *journal.Config) { c.NextEpoch = func(uint64) (uint64, error) { return 0, broken } }, 1, messages.Position{}, broken},
		"it is not above":      {func(c *journal.Config) { c.NextEpoch = func(uint64) (uint64, error) { return 1, nil } }, 1, messages.Position{}, command.ErrUnavailable},
		"there is none above":  {epochs, messages.MaxEpoch, messages.Position{}, command.ErrUnavailable},
		"the line of somebody": {epochs, 1, messages.Position{Origin: "other", Epoch: 1, Sequence: 1}, command.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.change, func(n *node) {
				n.put()
				if epoch, err := n.number(c.above, c.prior); epoch != 1 || !errors.Is(err, c.want) {
					n.Errorf("told epoch %d, %v", epoch, err)
				}
				n.put()
				if got := n.line(); got != "1-1 1-2" {
					n.Errorf("the line reads %q", got)
				}
			})
		})
	}
}

// Each is told once, however many ask, while others submit, and at the end.
func TestNumberTellsEachOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, memory.NewJournal(memory.Config{Self: self}), epochs, 64<<20)
		var mu sync.Mutex
		asked, told := 0, make(map[int]int)
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				for k := range 40 {
					mu.Lock()
					id := asked
					asked++
					mu.Unlock()
					n.inbox.Number(uint64(k*10), messages.Position{}, func(epoch uint64, err error) {
						mu.Lock()
						defer mu.Unlock()
						if told[id]++; err == nil && epoch <= uint64(k*10) {
							t.Errorf("asked for one above %d, told %d", k*10, epoch)
						}
					})
					err := n.inbox.Submit(context.Background(), command.Submission{Drafts: []messages.Draft{draft("a", fmt.Sprint(i, k))}})
					if err != nil {
						t.Error(err)
					}
					time.Sleep(time.Duration(k) * 100 * time.Microsecond)
				}
			})
		}
		group.Wait()
		blocked := make(chan struct{})
		n.journal.set(&n.journal.onAppend, func() error { <-blocked; return nil })
		n.submit(false, draft("a", ""))
		synctest.Wait()
		busy := 0
		for range 100 {
			mu.Lock()
			id := asked
			asked++
			mu.Unlock()
			n.inbox.Number(0, messages.Position{}, func(_ uint64, err error) {
				mu.Lock()
				defer mu.Unlock()
				if told[id]++; err != nil {
					busy++
				}
			})
		}
		close(blocked)
		n.stop()
		n.inbox.Number(0, messages.Position{}, func(_ uint64, err error) {
			if asked++; errors.Is(err, command.ErrUnavailable) {
				told[asked-1]++
			}
		})
		if busy != 36 || len(told) != asked {
			t.Errorf("%d were refused, %d of %d told", busy, len(told), asked)
		}
		for id, times := range told {
			if times != 1 {
				t.Errorf("%d was told %d times", id, times)
			}
		}
		n.sealed()
		records := 0
		for _, a := range n.heard() {
			records += int(a.batch.Count)
		}
		if records != 8*40+1 {
			t.Errorf("%d records", records)
		}
	})
}

// Where somebody numbered with this node's key in its epoch, nothing is acknowledged that is not stored.
func TestAPlaceThatIsTakenIsAnsweredSo(t *testing.T) {
	inBubble(t, epochs, func(n *node) {
		n.put()
		place := wire.Place{BatchID: messages.BatchID{Origin: self, Epoch: 1, Sequence: 2}, First: messages.HLCFromMillis(1)}
		s, _, _, err := wire.NewSealer(0).Seal(place, []messages.Draft{draft("a", "other")})
		if err != nil {
			n.Fatal(err)
		}
		n.inbox.Store(journal.Remote{Batch: &s, Done: func(storage.Held, error) {}})
		time.Sleep(5 * time.Millisecond)
		chain := &command.Chain{}
		a := n.submitState(chain, "1", draft("a", "1"))
		time.Sleep(5 * time.Millisecond)
		if a := n.await(a); !errors.Is(a.Err, command.ErrUnconfirmed) || chain.Broken() == nil {
			n.Fatalf("answered %+v, the chain is broken: %v", a, chain.Broken())
		}
		time.Sleep(5 * time.Millisecond)
		if a := n.await(n.submit(true, draft("a", "1"))); a.Err != nil || a.Positions[0] != (messages.Position{Origin: self, Epoch: 100, Sequence: 1}) {
			n.Fatalf("again: %+v", a)
		}
		if got := n.line(); got != "1-1 1-2 100-1" {
			n.Errorf("the line reads %q", got)
		}
	})
}
