package e2e_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"
)

// paged serves numbers in pages of twenty, the newest first; a page takes a while, so that kills come in the middle of walks.
type paged struct{ numbers }

func (p *paged) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from := p.made.Load()
	if before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64); err == nil {
		from = before - 1
	}
	type item struct {
		N int64 `json:"n"`
	}
	var page struct {
		Items []item `json:"items"`
		Next  *int64 `json:"next"`
	}
	page.Items = []item{}
	for n := from; n > max(0, from-20); n-- {
		page.Items = append(page.Items, item{n})
	}
	if last := from - 19; last > 1 {
		page.Next = &last
	}
	select {
	case <-time.After(3 * time.Millisecond):
	case <-r.Context().Done():
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(page)
}

// TestKillsLeaveNoHoleBetweenPages kills a node in the middle of walks over pages that end where records are known.
func TestKillsLeaveNoHoleBetweenPages(t *testing.T) {
	t.Parallel()
	kills := 5
	if long() {
		kills = 50
	}
	rng := seeded(t)
	feed := &paged{}
	feed.made.Store(500)
	url := serveFeed(t, feed).URL("/")
	stop := feed.grow(t, time.Millisecond, 1)
	dir := t.TempDir()
	args := []string{"--allow-private", "127.0.0.0/8"}
	for round := range kills {
		n := start(t, dir, args...)
		if round == 0 {
			n.register("name: walk\nkind: rest\nurl: " + url + "\ntransform: {split: '.items[]'}\nnative_id: .n\nbackoff: {min: 50ms, max: 200ms}\n" +
				"rest: {every: 50ms, pages: {next: .next, param: before, until: seen, max: 1000}}")
		}
		<-time.After(time.Duration(50+rng.IntN(700)) * time.Millisecond)
		n.kill()
	}
	stop()
	n := start(t, dir, args...)
	last := feed.made.Load()
	eventually(t, "all numbers", 60*time.Second, func() bool { return int64(len(n.numbersOf("walk"))) >= last })
	got := n.numbersOf("walk")
	slices.Sort(got)
	for i, n := range got {
		if n != int64(i+1) {
			t.Fatalf("number %d is %d of %d", i+1, n, last)
		}
	}
	if int64(len(got)) != last {
		t.Errorf("%d numbers of %d", len(got), last)
	}
	n.stop()
	verify(t, dir)
}
