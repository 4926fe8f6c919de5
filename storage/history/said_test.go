package history

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/storage"
	"anode/storage/memory"
)

// sayings is what an archive may say: some epochs of some origins, of several streams each.
func sayings(random *rand.Rand) (list []storage.Archived) {
	for _, origin := range []messages.NodeID{"a", "b", "c"} {
		for epoch := range uint64(12) {
			for _, streams := range []messages.Pattern{">", "a.>", "b.>"} {
				if random.IntN(3) > 0 {
					continue
				}
				a := storage.Archived{Origin: origin, Epoch: epoch + 1, Streams: streams, HeadHLC: messages.HLC(random.Uint64N(1000) << 16)}
				if random.IntN(4) > 0 {
					a.Runs = messages.Ranges{{From: 1, To: 1 + random.Uint64N(50)}}
				}
				list = append(list, a)
			}
		}
	}
	return list
}

// What is looked up is what one finds who goes through all.
func TestWhatIsSaidIsLookedUp(t *testing.T) {
	for seed := range uint64(300) {
		s := said{sayings(rand.New(rand.NewPCG(seed, 3))), "a.x"}
		for _, origin := range []messages.NodeID{"", "a", "b", "c", "d"} {
			for epoch := range uint64(14) {
				var top uint64
				var newest int64
				below := messages.Position{Origin: origin}
				var epochs []uint64
				for _, a := range s.list {
					if a.Origin != origin || !a.Streams.Match(s.stream) {
						continue
					}
					if a.Epoch == epoch {
						top, newest = max(top, topOf(&a)), max(newest, a.HeadHLC.Millis())
					}
					if at := (messages.Position{Origin: origin, Epoch: a.Epoch, Sequence: topOf(&a), Index: messages.IndexEnd}); a.Epoch < epoch && at.Sequence > 0 && at.Compare(below) > 0 {
						below = at
					}
					if a.Epoch >= epoch && (a.HeadHLC == 0 || a.HeadHLC.Millis() >= 500) && !slices.Contains(epochs, a.Epoch) && len(epochs) < mostEpochs {
						epochs = append(epochs, a.Epoch)
					}
				}
				if s.top(origin, epoch) != top || s.newest(origin, epoch) != newest || s.below(origin, epoch) != below || !slices.Equal(s.epochs(origin, epoch, 500), epochs) {
					t.Fatalf("seed %d, %s/%d: top %d (%d), newest %d (%d), below %s (%s), epochs %v (%v)", seed, origin, epoch, s.top(origin, epoch), top,
						s.newest(origin, epoch), newest, s.below(origin, epoch), below, s.epochs(origin, epoch, 500), epochs)
				}
			}
		}
	}
}

// A question about one stream does not copy what the archive said of every epoch that ever was.
func TestWhatIsSaidIsNotCopied(t *testing.T) {
	var c confirmed
	list := make([]storage.Archived, 40_000)
	for i := range list {
		list[i] = storage.Archived{Origin: "o", Epoch: uint64(i + 1), Streams: ">", Runs: messages.Ranges{{From: 1, To: 9}}}
	}
	c.set(time.Now(), list, nil)
	if n := testing.AllocsPerRun(10, func() {
		s, _ := c.of("a.x")
		s.below("o", 40_000)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// A token that nobody gave, with an origin that nobody knows, is refused, and no walk of one like it fails.
func TestCraftedHeads(t *testing.T) {
	h, err := New(Config{Journal: memory.NewJournal(memory.Config{Self: "self"}), Archive: memory.NewArchive(memory.ArchiveConfig{})})
	if err != nil {
		t.Fatal(err)
	}
	heads := map[messages.NodeID]messages.Position{"nobody": {Origin: "nobody"}}
	b := &begun{stream: "a.x", reach: reach{heads: heads}}
	if _, err := h.Walk(t.Context(), command.History{Page: b.encode()}); err == nil {
		t.Error("a head in no epoch is taken")
	}
	w := &walk{history: h, begun: b}
	w.merge = h.merge(b.stream, false, b.lower(), b.upper(), &b.reach)
	w.Cursor()
	heads["nobody"] = messages.Position{Origin: "nobody", Epoch: 3, Sequence: 1}
	again, err := h.Walk(t.Context(), command.History{Page: b.encode()})
	if err != nil {
		t.Fatal(err)
	}
	again.Cursor()
}
