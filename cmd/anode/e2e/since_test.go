package e2e_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anode/testkit/faults"
	"anode/testkit/feeds"
)

// numbers is a feed of 1, 2, 3 and so on: GET /?since= gives what follows, with ?overlap= what came before
// too, /ws and /events go on for as long as the connection does. /up and /down have pages of 20, the oldest or the newest first.
type numbers struct {
	made atomic.Int64
	most int64
	pad  string
	last atomic.Int64 // the last since that was asked for
}

// grow makes numbers until the test ends.
func (f *numbers) grow(t *testing.T, pace time.Duration, by int64) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				f.made.Add(by)
			case <-quit:
				return
			}
		}
	}()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			close(quit)
			<-done
		}
	}
	t.Cleanup(stop)
	return stop
}

func (f *numbers) text(n int64) string { return fmt.Sprintf(`{"n":%d,"pad":%q}`, n, f.pad) }

func (f *numbers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number := func(text string) int64 {
		n, _ := strconv.ParseInt(text, 10, 64)
		return n
	}
	since := number(r.URL.Query().Get("since"))
	if text := r.Header.Get("Last-Event-ID"); text != "" {
		since = number(text)
	}
	switch r.URL.Path {
	case "/ws":
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		go func() { // pings are answered by who reads
			for _, _, err := conn.NextReader(); err == nil; _, _, err = conn.NextReader() {
			}
		}()
		f.follow(r, since, func(n int64) error { return conn.WriteMessage(websocket.TextMessage, []byte(f.text(n))) })
	case "/events":
		w.Header().Set("Content-Type", "text/event-stream")
		flush := http.NewResponseController(w)
		f.follow(r, since, func(n int64) error {
			_, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", n, f.text(n))
			if err == nil {
				err = flush.Flush()
			}
			return err
		})
	case "/up", "/down":
		f.page(w, r.URL.Path == "/down", since, number(r.URL.Query().Get("cursor")))
	default:
		f.last.Store(since)
		var text strings.Builder
		to := min(f.made.Load(), since+f.most)
		for n := max(1, since+1-number(r.URL.Query().Get("overlap"))); n <= to; n++ {
			text.WriteByte("[,"[min(text.Len(), 1)])
			text.WriteString(f.text(n))
		}
		if text.Len() == 0 {
			text.WriteByte('[')
		}
		text.WriteByte(']')
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(text.String()))
	}
}

// page gives 20 numbers above since, behind a cursor: the last number before.
func (f *numbers) page(w http.ResponseWriter, down bool, since, cursor int64) {
	from, step, to := max(since, cursor)+1, int64(1), f.made.Load()
	if down {
		from, step, to = f.made.Load(), -1, since+1
		if cursor > 0 {
			from = cursor - 1
		}
	}
	items, next := []json.RawMessage{}, any(nil)
	for n := from; (to-n)*step >= 0; n += step {
		if len(items) == 20 {
			next = n - step
			break
		}
		items = append(items, json.RawMessage(f.text(n)))
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "next": next})
}

// follow gives what comes after since until the connection ends.
func (f *numbers) follow(r *http.Request, since int64, give func(n int64) error) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		for ; since < f.made.Load(); since++ {
			if give(since+1) != nil {
				return
			}
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

func serveFeed(t *testing.T, h http.Handler) *feeds.Server {
	t.Helper()
	server, err := feeds.Start(h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// register puts sources, and waits until they are there.
func (n *node) register(specs ...string) {
	n.t.Helper()
	for _, spec := range specs {
		if status, body := n.call(http.MethodPost, "/api/v1/sources", "application/yaml", spec); status != http.StatusCreated {
			n.t.Fatalf("register: %d %s\n%s", status, body, spec)
		}
	}
}

// numbersOf are the numbers of a stream's records, in order.
func (n *node) numbersOf(stream string) (all []int64) {
	n.t.Helper()
	for _, r := range n.history(stream) {
		var data struct{ N int64 }
		if err := json.Unmarshal(r.Data, &data); err != nil {
			n.t.Fatal(err)
		}
		all = append(all, data.N)
	}
	return all
}

// awaitNumber waits until the newest record of a stream has a number.
func (n *node) awaitNumber(stream string, number int64, patience time.Duration) {
	n.t.Helper()
	eventually(n.t, fmt.Sprintf("%s has %d", stream, number), patience, func() bool {
		status, body := n.call(http.MethodGet, "/api/v1/streams/"+stream+"/records?order=desc&limit=1", "", "")
		return status == http.StatusOK && strings.Contains(string(body), fmt.Sprintf(`"n":%d,`, number))
	})
}

// unbroken fails where numbers do not go up one by one to the last.
func unbroken(t *testing.T, name string, got []int64, last int64) {
	t.Helper()
	for i := 1; i < len(got); i++ {
		if got[i] != got[i-1]+1 {
			t.Errorf("%s: %d follows %d (record %d of %d)", name, got[i], got[i-1], i, len(got))
			return
		}
	}
	if len(got) == 0 || got[len(got)-1] != last {
		t.Errorf("%s: %d records, which do not end with %d", name, len(got), last)
	}
}

const incremental = "transform: {split: '.[]'}\nbackoff: {min: 50ms, max: 200ms}\nsince: {from: '.[-1].n', start: 0}\n"

// TestKillsLeaveNeitherHoleNorDouble kills a node at any time while sources go on from their state: of every
// kind, with and without deduplication, with messages of several submissions.
func TestKillsLeaveNeitherHoleNorDouble(t *testing.T) {
	t.Parallel()
	kills := 6
	if long() {
		kills = 60
	}
	for _, durability := range []string{"sync", "none"} {
		t.Run(durability, func(t *testing.T) {
			t.Parallel()
			rng := seeded(t)
			small, large := &numbers{most: 500, pad: "x"}, &numbers{most: 5000, pad: strings.Repeat("x", 600)}
			url := serveFeed(t, small).URL("")
			largeURL := serveFeed(t, large).URL("/")
			names := []string{"poll", "overlap", "socket", "events", "much", "up", "up-known", "item.A", "item.B"}
			const paged = "transform: {split: '.items[]'}\nbackoff: {min: 50ms, max: 200ms}\n"
			stop := small.grow(t, time.Millisecond, 1)
			stopLarge := large.grow(t, 500*time.Millisecond, 1500) // more than one submission holds
			dir := t.TempDir()
			args := []string{"--durability", durability, "--allow-private", "127.0.0.0/8"}
			for round := range kills {
				n := start(t, dir, args...)
				if round == 0 {
					n.register(
						"name: poll\nkind: rest\nurl: "+url+"/?since=${.since}\nrest: {every: 10ms}\n"+incremental,
						"name: overlap\nkind: rest\nurl: "+url+"/?overlap=40&since=${.since}\nnative_id: .n\nrest: {every: 15ms}\n"+incremental,
						"name: socket\nkind: websocket\nurl: ws"+strings.TrimPrefix(url, "http")+"/ws?since=${.since}\nsince: {from: .n, start: 0}",
						"name: up\nkind: rest\nurl: "+url+"/up?since=${.since}\nrest: {every: 10ms, pages: {next: .next, param: cursor}}\nsince: {from: '.items[-1].n', start: 0}\n"+paged,
						"name: up-known\nkind: rest\nurl: "+url+"/up?since=${.since}\nnative_id: .n\nrest: {every: 10ms, pages: {next: .next, param: cursor}}\nsince: {from: '.items[-1].n', start: 0}\n"+paged,
						"name: down\nkind: rest\nurl: "+url+"/down?since=${.since}\nnative_id: .n\nrest: {every: 10ms, pages: {next: .next, param: cursor, max: 100000, until: seen}}\nsince: {from: '.items[0].n', start: 0}\n"+paged,
						"name: recent\nkind: rest\nurl: "+url+"/down\nnative_id: .n\nrest: {every: 10ms, pages: {next: .next, param: cursor, max: 100000, until: seen}}\n"+paged,
						"name: item\nkind: rest\nurl: "+url+"/?since=${.since}&item=${.item}\nitems: [A, B]\nstream: 'item.{i}'\nrest: {every: 10ms}\nsince: {from: '.[-1].n', start: 0}\n"+
							"transform: {split: '.[]', map: '{n, pad, i: $meta.item}'}\nbackoff: {min: 50ms, max: 200ms}",
						"name: events\nkind: sse\nurl: "+url+"/events",
						"name: much\nkind: rest\nurl: "+largeURL+"?since=${.since}\nnative_id: .n\nrest: {every: 80ms}\n"+incremental,
					)
				}
				<-time.After(time.Duration(50+rng.IntN(700)) * time.Millisecond)
				n.kill()
			}
			stop()
			stopLarge()
			verify(t, dir)
			n := start(t, dir, args...)
			for _, name := range names {
				last := small.made.Load()
				if name == "much" {
					last = large.made.Load()
				}
				n.awaitNumber(name, last, 60*time.Second)
				got := n.numbersOf(name)
				unbroken(t, name, got, last)
				if got[0] != 1 {
					t.Errorf("%s begins with %d", name, got[0])
				}
				t.Logf("%s: %d records over %d kills", name, len(got), kills)
			}
			for _, name := range []string{"down", "recent"} { // the newest first: in no order
				last := int(small.made.Load())
				var got []int64
				eventually(t, name+" has all", 60*time.Second, func() bool { got = n.numbersOf(name); return len(got) >= last })
				slices.Sort(got)
				if unbroken(t, name, got, int64(last)); got[0] != 1 {
					t.Errorf("%s begins with %d", name, got[0])
				}
				t.Logf("%s: %d records over %d kills", name, len(got), kills)
			}
			n.stop()
			verify(t, dir)
		})
	}
}

// TestRetentionTakesNoState has retention drop all that a source sealed, while it is idle, and while it is paused.
func TestRetentionTakesNoState(t *testing.T) {
	busy := &numbers{most: 2000, pad: strings.Repeat("x", 2000)}
	quiet, paused := &numbers{most: 100, pad: "x"}, &numbers{most: 100, pad: "x"}
	busy.made.Store(100)
	quiet.made.Store(40)
	paused.made.Store(70)
	dir := t.TempDir()
	args := []string{"--retention-bytes", "8MiB", "--allow-private", "127.0.0.0/8"}
	n := start(t, dir, args...)
	poll := func(name string, f *numbers) string {
		return "name: " + name + "\nkind: rest\nurl: " + serveFeed(t, f).URL("/") + "?since=${.since}\nrest: {every: 20ms}\n" + incremental
	}
	n.register(poll("busy", busy), poll("quiet", quiet), poll("paused", paused))
	n.awaitNumber("quiet", 40, 10*time.Second)
	n.awaitNumber("paused", 70, 10*time.Second)
	if status, body := n.call(http.MethodPost, "/api/v1/sources/paused/pause", "", ""); status != http.StatusOK {
		t.Fatal(status, string(body))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 6 {
		busy.made.Add(2500) // 5 MB
		n.awaitNumber("busy", busy.made.Load(), 30*time.Second)
		if rng.IntN(2) == 0 {
			n.kill()
			n = start(t, dir, args...)
		}
	}
	if got := n.numbersOf("quiet"); len(got) != 0 {
		t.Fatalf("%d old records are still there: this test shows nothing", len(got))
	}
	quiet.made.Store(45)
	paused.made.Store(75)
	if status, body := n.call(http.MethodPost, "/api/v1/sources/paused/resume", "", ""); status != http.StatusOK {
		t.Fatal(status, string(body))
	}
	n.awaitNumber("quiet", 45, 10*time.Second)
	n.awaitNumber("paused", 75, 10*time.Second)
	for name, want := range map[string][2]int64{"quiet": {41, 45}, "paused": {71, 75}} {
		got := n.numbersOf(name)
		if unbroken(t, name, got, want[1]); got[0] != want[0] {
			t.Errorf("%s went on with %d, want %d", name, got[0], want[0])
		}
	}
	unbroken(t, "busy", n.numbersOf("busy"), busy.made.Load())
	n.stop()
	verify(t, dir)
}

// TestAFullDiskMovesNoState fills the disk while a source polls.
func TestAFullDiskMovesNoState(t *testing.T) {
	disk := faults.SmallDisk(t, "96m")
	feed := &numbers{most: 100, pad: strings.Repeat("x", 500)}
	url := serveFeed(t, feed).URL("/")
	dir := filepath.Join(disk, "data")
	args := []string{"--retention-bytes", "16MiB", "--allow-private", "127.0.0.0/8"}
	n := start(t, dir, args...)
	n.register("name: poll\nkind: rest\nurl: " + url + "?since=${.since}\nrest: {every: 10ms}\n" + incremental)
	stop := feed.grow(t, 5*time.Millisecond, 10)
	eventually(t, "records", 10*time.Second, func() bool { return feed.last.Load() > 100 })
	for round := range 3 {
		other := filepath.Join(disk, "other")
		faults.Fill(t, other)
		eventually(t, "it waits", 20*time.Second, func() bool {
			_, body := n.call(http.MethodGet, "/api/v1/sources/poll", "", "")
			return strings.Contains(string(body), `"state":"backoff"`)
		})
		if round == 1 {
			n.kill()
			n = start(t, dir, args...)
		}
		at := feed.last.Load()
		if err := os.Remove(other); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it goes on", 60*time.Second, func() bool { return feed.last.Load() > at })
	}
	stop()
	n.awaitNumber("poll", feed.made.Load(), 60*time.Second)
	got := n.numbersOf("poll")
	if unbroken(t, "poll", got, feed.made.Load()); got[0] != 1 {
		t.Errorf("it begins with %d", got[0])
	}
	n.stop()
	verify(t, dir)
}
