package source_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/storage"
	"anode/testkit/feeds"
)

// numbers is a feed of {"n":1}, {"n":2} and so on up to a number, some at a time after ?since=.
type numbers struct {
	upTo, most atomic.Int64
	// asked are the answers so far, last the last since.
	asked, last atomic.Int64
}

func newNumbers(upTo, most int64) *numbers {
	f := &numbers{}
	f.upTo.Store(upTo)
	f.most.Store(most)
	return f
}

func (f *numbers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	since, err := strconv.ParseInt(r.URL.Query().Get("since"), 10, 64)
	if err != nil {
		http.Error(w, "since is no number: "+r.URL.RawQuery, http.StatusBadRequest)
		return
	}
	f.last.Store(since)
	f.asked.Add(1)
	feeds.JSON(list(since+1, min(f.upTo.Load(), since+f.most.Load()))).ServeHTTP(w, r)
}

func list(from, to int64) string {
	var text strings.Builder
	text.WriteByte('[')
	for n := from; n <= to; n++ {
		if n > from {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"n":%d}`, n)
	}
	text.WriteByte(']')
	return text.String()
}

// exactly fails where a stream has not the numbers from 1 on, once each, in order.
func exactly(t *testing.T, got []string, upTo int) {
	t.Helper()
	for i := range max(len(got), upTo) {
		if i >= len(got) || i >= upTo || got[i] != fmt.Sprintf(`{"n":%d}`, i+1) {
			t.Fatalf("record %d of %d is %v, of %d", i, len(got), got[min(i, len(got)-1):min(i+3, len(got))], upTo)
		}
	}
}

// savedState is what tests look at of a state record.
type savedState struct {
	V       int
	Turn    uint64
	Of      string
	Item    json.RawMessage
	Since   json.RawMessage
	Cursor  string
	Horizon *time.Time
}

// statesOn are the states of a stream, in order.
func (b *bench) statesOn(stream messages.Stream) (all []savedState) {
	b.t.Helper()
	for _, text := range b.intake.on(stream) {
		var s savedState
		if err := json.Unmarshal([]byte(text), &s); err != nil || s.V != 1 {
			b.t.Fatalf("state %s: %v", text, err)
		}
		all = append(all, s)
	}
	return all
}

// sealInto has what is submitted sealed into the journal too: one batch for each submission.
func (b *bench) sealInto() {
	b.intake.mu.Lock()
	defer b.intake.mu.Unlock()
	b.intake.seal = func(drafts []messages.Draft) { store(b.t.(*testing.T), b.journal, drafts...) }
}

const incremental = "transform: {split: '.[]'}\nsince: {from: '.[-1].n', start: 0}\nrest: {query: {since: '${.since}'}, every: 10ms}\nbackoff: {min: 10ms, max: 20ms}\n"

func TestSinceIsSealedWithItsRecordsAndAskedFor(t *testing.T) {
	b := newBench(t, nil)
	feed := newNumbers(25, 10)
	b.put("name: p\nkind: rest\nurl: %s\n%s", b.serve(feed).URL("/"), incremental)
	exactly(t, b.awaitRecords("p", 25), 25)
	b.await("nothing is new", func() bool { return feed.last.Load() == 25 && feed.asked.Load() > 6 })
	states := b.statesOn("$state.p")
	if len(states) != 3 {
		t.Fatalf("%d states", len(states))
	}
	for i, want := range []string{"10", "20", "25"} {
		if s := states[i]; string(s.Since) != want || s.Turn != uint64(i+1) || s.Horizon != nil {
			t.Errorf("state %d is %+v", i, s)
		}
	}
	status := b.awaitState("p", command.SourceRunning)
	if r := status.Resume; r == nil || string(r.Since) != "25" || r.Turn != 3 || r.At.IsZero() {
		t.Errorf("resume %+v", r)
	}
	if status.Records != 25 {
		t.Errorf("%d records", status.Records)
	}
	// Each state came in the submission of its last record.
	for i, s := range b.intake.submissions() {
		if last := len(s.Drafts) - 1; len(s.State) != 1 || last < 4 || !strings.Contains(string(s.State[0].Payload), strings.Trim(string(s.Drafts[last].Payload), `{}"n:`)) {
			t.Errorf("submission %d: %d drafts, states %s", i, len(s.Drafts), s.State)
		}
	}
}

func TestNoSinceIsAheadOfWhatTheJournalTook(t *testing.T) {
	b := newBench(t, nil)
	b.sealInto()
	feed := newNumbers(1000, 7)
	b.put("name: p\nkind: rest\nurl: %s\n%s", b.serve(feed).URL("/"), incremental)
	for range 10 {
		n := b.intake.count("p")
		b.intake.set(false, fmt.Errorf("%w: by the test", command.ErrStorageFull))
		b.await("it waits", func() bool { s, _ := b.Status("p"); return s.State == command.SourceBackoff })
		b.intake.set(false, nil)
		b.awaitRecords("p", n+1)
	}
	exactly(t, b.awaitRecords("p", 1000), 1000)
}

func TestSinceOutlivesTheSource(t *testing.T) {
	b := newBench(t, nil)
	b.sealInto()
	feed := newNumbers(10, 4)
	url := b.serve(feed).URL("/")
	put := func(more string) { b.put("name: p\nkind: rest\nurl: %s\n%s%s", url, incremental, more) }
	put("")
	b.awaitRecords("p", 10)
	put("labels: {team: lab}") // replaced
	feed.upTo.Store(20)
	b.awaitRecords("p", 20)
	b.pause("p", true)
	b.awaitState("p", command.SourcePaused)
	feed.upTo.Store(30)
	b.pause("p", false)
	b.awaitRecords("p", 30)
	b.Restart("p")
	feed.upTo.Store(40)
	b.awaitRecords("p", 40)
	b.restart("p") // of another node, or of this one after a start
	put("")
	feed.upTo.Store(50)
	exactly(t, b.awaitRecords("p", 50), 50)
	states := b.statesOn("$state.p")
	for i := range states {
		if states[i].Turn != uint64(i+1) {
			t.Errorf("turn %d comes after %d others", states[i].Turn, i)
		}
	}
	// Registered anew it is another source.
	a := b.list["p"]
	a.Registered = "3-self"
	b.list["p"] = a
	b.assign()
	got := b.awaitRecords("p", 100)
	exactly(t, got[:50], 50)
	exactly(t, got[50:], 50)
	if s := b.statesOn("$state.p"); s[len(s)-1].Of != "3-self" {
		t.Errorf("%+v", s[len(s)-1])
	}
}

func TestAnotherFromBeginsAnew(t *testing.T) {
	b := newBench(t, nil)
	b.sealInto()
	feed := newNumbers(5, 5)
	url := b.serve(feed).URL("/")
	b.put("name: p\nkind: rest\nurl: %s\n%s", url, incremental)
	b.awaitRecords("p", 5)
	b.put("name: p\nkind: rest\nurl: %s\n%s", url, strings.Replace(incremental, ".[-1].n", "map(.n) | max", 1))
	got := b.awaitRecords("p", 10)
	exactly(t, got[5:], 5)
}

func TestTheNewestStateOfAnyOriginIsGoneOnFrom(t *testing.T) {
	state := func(turn, since int) messages.Draft {
		return messages.Draft{Stream: "$state.p", Source: "p", Payload: fmt.Appendf(nil, `{"v":1,"turn":%d,"since":%d,"from":"%s"}`, turn, since, "72e6da3f")}
	}
	b := newBench(t, nil)
	b.sealInto()
	feed := newNumbers(100, 1000)
	store(t, b.journal, state(3, 30))
	injectAs(t, b.journal, "other", 7, state(4, 40), state(9, 90))
	injectAs(t, b.journal, "third", 2, state(8, 10))
	b.put("name: p\nkind: rest\nurl: %s\n%s", b.serve(feed).URL("/"), strings.Replace(incremental, "start: 0", "start: 1", 1))
	got := b.awaitRecords("p", 10)
	if got[0] != `{"n":91}` {
		t.Errorf("it went on with %s", got[0])
	}
	states := b.statesOn("$state.p")
	if string(states[len(states)-1].Since) != "100" || states[len(states)-1].Turn != 10 {
		t.Errorf("%+v", states[len(states)-1])
	}
}

// injectAs stores a batch of another origin.
func injectAs(t *testing.T, j storage.Journal, origin messages.NodeID, epoch uint64, drafts ...messages.Draft) {
	t.Helper()
	sealAs(t, j, storage.Live, origin, epoch, drafts)
}

func TestAllPagesOfAWalkAreAskedForFromOneState(t *testing.T) {
	for name, dedupe := range map[string]string{"each page counts": "", "the walk counts": "native_id: .n\n"} {
		t.Run(name, func(t *testing.T) {
			var upTo atomic.Int64
			upTo.Store(11)
			b := newBench(t, nil)
			b.sealInto()
			b.put("name: p\nkind: rest\nurl: %s?since=${.since}\ntransform: {split: '.[]'}\nsince: {from: '.[-1].n', start: 0}\nrest: {every: 10ms, pages: {next: offset}}\n%s",
				b.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					since, _ := strconv.ParseInt(r.URL.Query().Get("since"), 10, 64)
					offset, _ := strconv.ParseInt(r.URL.Query().Get("offset"), 10, 64)
					feeds.JSON(list(since+offset+1, min(upTo.Load(), since+offset+3))).ServeHTTP(w, r)
				})).URL("/"), dedupe)
			exactly(t, b.awaitRecords("p", 11), 11)
			upTo.Store(20)
			exactly(t, b.awaitRecords("p", 20), 20)
			b.await("it counts", func() bool { s, _ := b.Status("p"); return s.Resume != nil && string(s.Resume.Since) == "20" })
			if s, _ := b.Status("p"); s.Dropped.Duplicate != 0 || s.Errors != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}
