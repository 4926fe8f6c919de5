package journal_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/storage"
	"anode/storage/memory"
)

// submitState hands over drafts with a state.
func (n *node) submitState(chain *command.Chain, state string, drafts ...messages.Draft) <-chan answer {
	n.Helper()
	told := make(chan answer, 2)
	err := n.inbox.Submit(context.Background(), command.Submission{
		Drafts: drafts, State: []messages.Draft{{Stream: "$state.s", Payload: []byte(state)}}, Chain: chain,
		Done: func(o command.Outcome) { told <- answer{o, time.Now()} },
	})
	if err != nil {
		n.Fatal(err)
	}
	return told
}

// texts are the payloads of a batch on a stream.
func texts(b *messages.Batch, stream messages.Stream) (all []string) {
	if g := b.Group(stream); g != nil {
		for i := range g.Records {
			all = append(all, string(g.Records[i].Payload))
		}
	}
	return all
}

func TestAStateIsInTheBatchOfTheLastDraft(t *testing.T) {
	large := func(size int) messages.Draft {
		d := draft("a", "")
		d.Payload = []byte(`"` + strings.Repeat("x", size-2) + `"`)
		return d
	}
	many := func(count int) (drafts []messages.Draft) {
		for range count {
			drafts = append(drafts, draft("a", ""))
		}
		return drafts
	}
	for name, c := range map[string]struct {
		drafts []messages.Draft
		counts []uint32 // records of each batch
	}{
		"alone":               {nil, []uint32{1}},
		"one":                 {many(1), []uint32{2}},
		"a full batch":        {many(1024), []uint32{1023, 2}},
		"a batch but for one": {many(1023), []uint32{1024}},
		"two batches":         {many(1025), []uint32{1024, 2}},
		"bytes":               {[]messages.Draft{large(200 << 10), large(56 << 10)}, []uint32{1, 2}},
		"one large draft":     {[]messages.Draft{large(1 << 20)}, []uint32{2}},
		"two large drafts":    {[]messages.Draft{large(1 << 20), large(1 << 20)}, []uint32{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(n *node) {
				a := n.await(n.submitState(nil, "1", c.drafts...))
				if a.Err != nil || len(a.Positions) != len(c.drafts) || slices.Contains(a.Positions, messages.Position{}) {
					n.Fatalf("%d positions: %v", len(a.Positions), a.Err)
				}
				var counts []uint32
				heard := n.heard()
				for _, h := range heard {
					counts = append(counts, h.batch.Count)
				}
				if !slices.Equal(counts, c.counts) {
					n.Fatalf("batches of %v, want %v", counts, c.counts)
				}
				if got := texts(heard[len(heard)-1].batch.Batch, "$state.s"); !slices.Equal(got, []string{"1"}) {
					n.Errorf("the last batch has the states %v", got)
				}
			})
		})
	}
}

func TestOfTheStatesInABatchTheLastStandsForAll(t *testing.T) {
	inBubble(t, nil, func(n *node) {
		n.await(n.submitState(nil, "0"))
		var told []<-chan answer
		for i := range 5 { // within the millisecond
			told = append(told, n.submitState(nil, fmt.Sprint(i+1), draft("a", fmt.Sprint(i)), draft("b", "")))
		}
		time.Sleep(10 * time.Millisecond)
		for i, c := range told {
			if a := n.await(c); a.Err != nil || len(a.Positions) != 2 || a.Positions[0].Index != uint32(i+1) || a.Positions[1].Index != uint32(6+i) {
				n.Errorf("%d: %+v", i, a)
			}
		}
		heard := n.heard()
		if got := texts(heard[1].batch.Batch, "$state.s"); len(heard) != 2 || !slices.Equal(got, []string{"5"}) {
			n.Errorf("%d batches, states %v", len(heard), got)
		}
	})
}

func TestAStateOfDuplicatesIsStored(t *testing.T) {
	inBubble(t, nil, func(n *node) {
		n.await(n.submit(true, draft("a", "1")))
		time.Sleep(time.Second)
		told := make(chan answer, 1)
		err := n.inbox.Submit(t.Context(), command.Submission{
			Drafts: []messages.Draft{draft("a", "1")}, State: []messages.Draft{{Stream: "$state.s", Payload: []byte("1")}}, Recognise: true,
			Done: func(o command.Outcome) { told <- answer{o, time.Now()} },
		})
		if err != nil {
			n.Fatal(err)
		}
		if a := n.await(told); a.Err != nil || len(a.Positions) != 1 || !a.Positions[0].IsZero() {
			n.Errorf("%+v", a)
		}
		if got := texts(n.heard()[1].batch.Batch, "$state.s"); !slices.Equal(got, []string{"1"}) {
			n.Errorf("states %v", got)
		}
	})
}

// TestNoStateIsAheadOfWhatIsStored drives senders through a journal that refuses now and then, and
// looks at every state that it holds.
func TestNoStateIsAheadOfWhatIsStored(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rnd, fate := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
				j := memory.NewJournal(memory.Config{Self: self})
				n := start(t, j, nil, 64<<20)
				defer n.stop()
				appends := 0
				n.journal.set(&n.journal.onAppend, func() error {
					if appends++; fate.IntN(4) == 0 {
						return fmt.Errorf("%w: by the test", storage.ErrFull)
					}
					return nil
				})
				var chain *command.Chain
				next, done := 0, 0
				refused := 0
				for i := range 150 {
					if i%30 == 0 {
						time.Sleep(time.Second) // all is answered: the sender begins again where the journal is
						synctest.Wait()
						chain, next = &command.Chain{}, done
					}
					var drafts []messages.Draft
					for range rnd.IntN(3) * rnd.IntN(300) {
						drafts = append(drafts, messages.Draft{Stream: messages.Stream(fmt.Sprint("r", next%3)), Payload: fmt.Append(nil, next)})
						next++
					}
					upTo := next
					err := n.inbox.Submit(t.Context(), command.Submission{
						Drafts: drafts, State: []messages.Draft{{Stream: "$state.s", Payload: fmt.Append(nil, upTo)}}, Chain: chain,
						Done: func(o command.Outcome) {
							if o.Err == nil {
								done = upTo
							} else if refused++; !errors.Is(o.Err, command.ErrStorageFull) {
								t.Error(o.Err)
							}
						},
					})
					if err != nil {
						t.Fatal(err)
					}
					if rnd.IntN(3) == 0 {
						time.Sleep(time.Duration(rnd.IntN(2000)) * time.Microsecond)
					}
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if refused == 0 || done == 0 {
					t.Fatalf("%d refused, stored up to %d", refused, done)
				}
				stored, whole := make(map[string]bool), 0
				for _, h := range n.heard() {
					if h.batch.Count > messages.MaxBatchRecords {
						t.Fatalf("a batch of %d", h.batch.Count)
					}
					for g := range h.batch.Batch.Groups {
						group := &h.batch.Batch.Groups[g]
						for i := range group.Records {
							if !group.Stream.Own() {
								if text := string(group.Records[i].Payload); stored[text] {
									t.Fatalf("record %s twice", text)
								}
								stored[string(group.Records[i].Payload)] = true
							}
						}
					}
					for _, text := range texts(h.batch.Batch, "$state.s") {
						var upTo int
						if _, err := fmt.Sscan(text, &upTo); err != nil {
							t.Fatal(err)
						}
						for stored[fmt.Sprint(whole)] {
							whole++
						}
						if whole < upTo {
							t.Fatalf("state %d, and record %d is not stored", upTo, whole)
						}
					}
				}
				if len(stored) != done {
					t.Errorf("%d records are stored, the sender knows of %d", len(stored), done)
				}
			})
		})
	}
}
