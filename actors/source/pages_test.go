package source_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"anode/messages/command"
)

// ledger is a paged feed, the newest first: pages of two, by cursor, link, offset or number.
type paged struct {
	mu    sync.Mutex
	ids   []int
	asked []string
	// fail answers instead, where it gives a status above 0.
	fail func(n int, r *http.Request) int
}

func (p *paged) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, r.URL.RequestURI())
	if p.fail != nil {
		if status := p.fail(len(p.asked), r); status > 0 {
			http.Error(w, "the page fails", status)
			return
		}
	}
	q := r.URL.Query()
	at, _ := strconv.Atoi(strings.TrimPrefix(q.Get("cursor")+q.Get("offset"), "c"))
	if n, _ := strconv.Atoi(q.Get("page")); n > 1 {
		at = 2 * (n - 1)
	}
	page := slices.Clone(p.ids[min(at, len(p.ids)):min(at+2, len(p.ids))])
	next := any(nil)
	if at+2 < len(p.ids) {
		next = "c" + strconv.Itoa(at+2)
		w.Header().Set("Link", fmt.Sprintf(`</x?cursor=c%d>; rel="next", </x>; rel="first"`, at+2))
		w.Header().Set("X-Next", fmt.Sprintf("http://%s/x?cursor=c%d", r.Host, at+2))
	}
	items := []map[string]int{}
	for _, id := range page {
		items = append(items, map[string]int{"id": id})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "next": next, "more": next != nil})
}

func (p *paged) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

func (p *paged) add(ids ...int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids = append(ids, p.ids...)
	p.asked = nil
}

const pagedSpec = "name: p\nkind: rest\nurl: %s\nbackoff: {min: 10ms, max: 20ms}\ntransform: {split: '.items[]'}\nnative_id: .id\n"

func ids(records []string) (all []string) {
	for _, r := range records {
		all = append(all, strings.TrimSuffix(strings.TrimPrefix(r, `{"id":`), "}"))
	}
	return all
}

func TestPagesAreWalked(t *testing.T) {
	for name, c := range map[string]struct {
		rest string
		want []string
	}{
		"by cursor":              {"pages: {next: .next, param: cursor}", []string{"/x", "/x?cursor=c2", "/x?cursor=c4"}},
		"by a placed cursor":     {"query: {a: 1, cursor: '${.page.cursor}', n: '${.page.number // 1}'}, pages: {next: .next}", []string{"/x?a=1&n=1", "/x?a=1&cursor=c2&n=2", "/x?a=1&cursor=c4&n=3"}},
		"by link":                {"query: {a: 1}, pages: {next: link}", []string{"/x?a=1", "/x?cursor=c2", "/x?cursor=c4"}},
		"by URL":                 {"pages: {next: '$meta.headers[\"x-next\"]'}", []string{"/x", "/x?cursor=c2", "/x?cursor=c4"}},
		"by offset":              {"pages: {next: offset}", []string{"/x", "/x?offset=2", "/x?offset=4", "/x?offset=5"}},
		"by a placed offset":     {"query: {offset: '${.page.offset // 0}'}, pages: {next: offset}", []string{"/x?offset=0", "/x?offset=2", "/x?offset=4", "/x?offset=5"}},
		"by number":              {"query: {page: '${.page.number // 1}'}, pages: {next: offset, until: '.more | not'}", []string{"/x?page=1", "/x?page=2", "/x?page=3"}},
		"at most":                {"pages: {next: .next, param: cursor, max: 2}", []string{"/x", "/x?cursor=c2"}},
		"until jq holds":         {"pages: {next: .next, param: cursor, until: 'any(.items[]; .id == 2)'}", []string{"/x", "/x?cursor=c2"}},
		"the cursor of one page": {"pages: {next: 'if .items[0].id == 5 then .next else false end', param: cursor}", []string{"/x", "/x?cursor=c2"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			feed := &paged{ids: []int{5, 4, 3, 2, 1}}
			b.put(pagedSpec+"rest: {every: 1h, %s}", b.serve(feed).URL("/x"), c.rest)
			b.await("all pages", func() bool { return len(feed.requests()) >= len(c.want) })
			b.awaitState("p", command.SourceRunning)
			b.await("the next poll is shown", func() bool { s, _ := b.Status("p"); return s.NextAt != nil })
			if got := feed.requests(); !slices.Equal(got, c.want) {
				t.Errorf("asked for %q", got)
			}
			n := min(2*len(c.want), 5)
			if got := ids(b.awaitRecords("p", n)); strings.Join(got, " ") != "5 4 3 2 1"[:2*n-1] {
				t.Errorf("records %v", got)
			}
			if status, _ := b.Status("p"); status.Errors != 0 {
				t.Errorf("%+v", status)
			}
		})
	}
}

func TestPagesUntilSeen(t *testing.T) {
	b := newBench(t, nil)
	feed := &paged{ids: []int{5, 4, 3, 2, 1}}
	b.put(pagedSpec+"rest: {every: 40ms, pages: {next: .next, param: cursor, until: seen}}", b.serve(feed).URL("/x"))
	b.awaitRecords("p", 5)
	feed.add(8, 7, 6)
	b.awaitRecords("p", 8)
	first := feed.requests()
	b.await("another poll", func() bool { return len(feed.requests()) > len(first) })
	all := feed.requests()
	// Two pages, up to what is known; then one.
	at := slices.Index(all, "/x?cursor=c2")
	if at < 0 || slices.Contains(all, "/x?cursor=c4") || all[at+1] != "/x" {
		t.Errorf("asked for %q", all)
	}
	if got := ids(b.intake.on("p")); strings.Join(got, " ") != "5 4 3 2 1 8 7 6" {
		t.Errorf("records %v", got)
	}
}

func TestAPageThatFailsIsAskedForAgain(t *testing.T) {
	for name, c := range map[string]struct {
		fields string
		status int
		want   string
	}{
		"where it failed":                {"until: seen", 500, "/x /x?cursor=c2 /x?cursor=c2 /x?cursor=c4"},
		"its place is gone":              {"until: seen", 410, "/x /x?cursor=c2 /x /x?cursor=c2 /x?cursor=c4"},
		"without knowing what was seen":  {"max: 9", 503, "/x /x?cursor=c2 /x?cursor=c2 /x?cursor=c4"},
		"with an incremental state":      {"until: seen}}\nsince: {from: '.items[0].id'}\nlabels: {a: 'b'", 500, "/x /x?cursor=c2 /x /x?cursor=c2 /x?cursor=c4"},
		"a request that is too frequent": {"until: seen", 429, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			failed := false
			feed := &paged{ids: []int{5, 4, 3, 2, 1}, fail: func(n int, r *http.Request) int {
				if n > 1 && !failed && r.URL.Query().Get("cursor") == "c2" {
					failed = true
					return c.status
				}
				return 0
			}}
			tail := "}}"
			if strings.Contains(c.fields, "labels") {
				tail = "}"
			}
			b.put(pagedSpec+"rest: {every: 1h, pages: {next: .next, param: cursor, %s%s", b.serve(feed).URL("/x"), c.fields, tail)
			if c.want == "" {
				status := b.awaitState("p", command.SourceBackoff)
				if status.NextAt == nil || time.Until(*status.NextAt) < 50*time.Minute {
					t.Errorf("%+v", status)
				}
				return
			}
			if got := ids(b.awaitRecords("p", 5)); strings.Join(got, " ") != "5 4 3 2 1" {
				t.Errorf("records %v", got)
			}
			b.await("the next poll is shown", func() bool { s, _ := b.Status("p"); return s.NextAt != nil && s.State == command.SourceRunning })
			if got := strings.Join(feed.requests(), " "); got != c.want {
				t.Errorf("asked for %s, want %s", got, c.want)
			}
		})
	}
}

func TestAWalkThatARestartCutIsWalkedAgain(t *testing.T) {
	b := newBench(t, nil)
	hold := make(chan struct{})
	feed := &paged{ids: []int{5, 4, 3, 2, 1}}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") == "c4" {
			select {
			case <-hold:
			case <-r.Context().Done():
				return
			}
		}
		feed.ServeHTTP(w, r)
	})
	b.put(pagedSpec+"rest: {every: 1h, pages: {next: .next, param: cursor, until: seen}}", b.serve(handler).URL("/x"))
	b.awaitRecords("p", 4)
	b.Restart("p") // all that was brought is known now
	close(hold)
	if got := ids(b.awaitRecords("p", 5)); strings.Join(got, " ") != "5 4 3 2 1" {
		t.Errorf("records %v", got)
	}
}

func TestPagesNeverLoop(t *testing.T) {
	for name, c := range map[string]struct {
		pages, want string
		next        func(n int, w http.ResponseWriter, r *http.Request)
		asked       int
	}{
		"the same cursor": {"next: .c, param: c", `same next page twice (\"a\")`, answers(200, `{"c":"a"}`), 2},
		"two in turn": {"next: .c, param: c", "same next page twice", func(n int, w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"c":%d}`, n%2)
		}, 3},
		"a link to itself": {"next: link", "same next page twice", func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</x>; rel=next")
			fmt.Fprint(w, "[1]")
		}, 1},
		"another host": {"next: link", "on another host, 10.0.0.1: it is not asked for", func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "<http://10.0.0.1/>; rel=next")
			fmt.Fprint(w, "[1]")
		}, 1},
		"another scheme":     {"next: .c", "on another host", answers(200, `{"c":"https://127.0.0.1/"}`), 1},
		"nobody takes it":    {"next: .c.d", "neither rest.pages.param", answers(200, `{"c":{"d":1}}`), 1},
		"no text":            {"next: .c, param: c", "no text or number", answers(200, `{"c":{"a":1}}`), 1},
		"jq that fails":      {"next: .c.d.e, param: c", "rest/pages/next: ", answers(200, `{"c":{"d":1}}`), 1},
		"offsets and no end": {"next: offset, max: 7", "", answers(200, `[1,2]`), 7},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			api := &asked{next: c.next}
			b.put("name: p\nkind: rest\nurl: %s\nbackoff: {min: 1h, max: 1h}\nrest: {every: 1h, pages: {%s}}", b.serve(api).URL("/x"), c.pages)
			b.await("the walk ends", func() bool { s, _ := b.Status("p"); return s.NextAt != nil })
			if n := len(api.requests()); n != c.asked {
				t.Errorf("asked %d times", n)
			}
			status, _ := b.Status("p")
			all := strings.Join(b.intake.on("$errors.p"), "") + status.LastError
			if c.want != "" && !strings.Contains(all, c.want) || c.want == "" && all != "" {
				t.Errorf("told %q", all)
			}
		})
	}
}

func TestTooManyNewPagesAreToldOf(t *testing.T) {
	b := newBench(t, nil)
	feed := &paged{ids: []int{2, 1}}
	b.put(pagedSpec+"rest: {every: 40ms, pages: {next: .next, param: cursor, until: seen, max: 2}}", b.serve(feed).URL("/x"))
	b.awaitRecords("p", 2)
	b.await("a poll that brings nothing", func() bool { return len(feed.requests()) > 2 })
	feed.add(8, 7, 6, 5, 4, 3)
	b.await("it is told", func() bool {
		return strings.Contains(strings.Join(b.intake.on("$errors.p"), ""), "all 2 pages were new")
	})
}

func TestPagesAndManners(t *testing.T) {
	b := newBench(t, nil)
	var at []time.Time
	var mu sync.Mutex
	feed := &paged{ids: []int{3, 2, 1}}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		at = append(at, time.Now())
		mu.Unlock()
		w.Header().Set("X-Poll-Interval", "3600") // of polls, not of pages
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset", "0.2")
		w.Header().Set("ETag", `"a"`)
		if r.Header.Get("If-None-Match") != "" {
			t.Error("a page is conditional")
		}
		feed.ServeHTTP(w, r)
	})
	b.put(pagedSpec+"rest: {every: 20ms, pages: {next: .next, param: cursor}}", b.serve(handler).URL("/x"))
	b.awaitRecords("p", 3)
	mu.Lock()
	defer mu.Unlock()
	if len(at) != 2 || at[1].Sub(at[0]) < 200*time.Millisecond {
		t.Errorf("asked at %v", at)
	}
	b.await("the feed's wish is shown", func() bool { s, _ := b.Status("p"); return s.NextAt != nil && time.Until(*s.NextAt) > 50*time.Minute })
}

func TestOnlyTheFirstPageIsConditional(t *testing.T) {
	b := newBench(t, nil)
	api := &asked{next: func(_ int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		if r.URL.RawQuery == "" {
			fmt.Fprint(w, `{"c":"a"}`)
			return
		}
		fmt.Fprint(w, `{}`)
	}}
	b.put("name: p\nkind: rest\nurl: %s\nrest: {every: 20ms, pages: {next: .c, param: c}}", b.serve(api).URL("/x"))
	b.await("several polls", func() bool { return len(api.requests()) >= 5 })
	var got []string
	for _, r := range api.requests()[:4] {
		got = append(got, r.URL.RawQuery+r.Header.Get("If-None-Match"))
	}
	if strings.Join(got, " ") != ` c=a "1" "1"` {
		t.Errorf("%q", got)
	}
}

func TestAnItemEach(t *testing.T) {
	b := newBench(t, nil)
	api := &asked{next: func(_ int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"same"`) // for all items: one's says nothing of another's
		if r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprintf(w, `{"s":%q}`, r.URL.Query().Get("s"))
	}}
	b.put("name: p\nkind: rest\nurl: %s\nitems: [A, 'B&', {n: 3}, 4]\ntransform: {map: '{s, i: $meta.item}'}\n"+
		"rest: {every: 400ms, query: {s: '${.item.n? // .item}'}}", b.serve(api).URL("/x"))
	got := b.awaitRecords("p", 4)
	slices.Sort(got)
	if strings.Join(got, " ") != `{"i":"A","s":"A"} {"i":"B&","s":"B&"} {"i":4,"s":"4"} {"i":{"n":3},"s":"3"}` {
		t.Errorf("%v", got)
	}
	b.await("three rounds", func() bool { return len(api.requests()) >= 12 })
	count := map[string]int{}
	for _, r := range api.requests()[:12] {
		count[r.URL.RawQuery]++
	}
	if len(count) != 4 || count["s=A"] != 3 || count["s=3"] != 3 {
		t.Errorf("%v", count)
	}
	if n := b.intake.count("p"); n != 4 {
		t.Errorf("%d records", n)
	}
}

func TestItemsAtOnce(t *testing.T) {
	b := newBench(t, nil)
	api := &asked{next: answers(200, "1")}
	b.put("name: p\nkind: rest\nurl: '%s?all=${.items | join(\",\")}'\nitems: [A, B]\nrest: {every: 1h}", b.serve(api).URL("/x"))
	b.awaitRecords("p", 1)
	if got := api.requests()[0].URL.RawQuery; got != "all=A,B" {
		t.Error(got)
	}
}

func TestSlowItemsAreAskedAtOnce(t *testing.T) {
	b := newBench(t, nil)
	var mu sync.Mutex
	now, most := 0, 0
	api := &asked{next: func(_ int, w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(30 * time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		fmt.Fprint(w, "1")
	}}
	b.put("name: p\nkind: rest\nurl: '%s?${.item}'\nitems: [1,2,3,4,5,6,7,8]\nrest: {every: 10ms}", b.serve(api).URL("/x"))
	b.await("two rounds", func() bool { return len(api.requests()) >= 16 })
	mu.Lock()
	defer mu.Unlock()
	if most < 2 || most > 4 {
		t.Errorf("%d at once", most)
	}
}

func TestAnItemThatFailsHoldsNobodyUp(t *testing.T) {
	b := newBench(t, nil)
	api := &asked{next: func(n int, w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "B" {
			http.Error(w, "no such symbol", http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"s":%q,"n":%d}`, r.URL.RawQuery, n)
	}}
	b.put("name: p\nkind: rest\nurl: '%s?${.item}'\nitems: [A, B, C]\nrest: {every: 60ms}", b.serve(api).URL("/x"))
	b.awaitRecords("p", 10)
	status := b.awaitState("p", command.SourceRunning)
	if status.Restarts != 0 || status.Errors == 0 {
		t.Errorf("%+v", status)
	}
	if told := strings.Join(b.intake.on("$errors.p"), ""); !strings.Contains(told, "item B: the feed answered 404 Not Found: no such symbol") {
		t.Error(told)
	}
}

func TestAllItemsThatFailAreTheFeeds(t *testing.T) {
	b := newBench(t, nil)
	api := &asked{next: answers(404, "gone")}
	b.put("name: p\nkind: rest\nurl: '%s?${.item}'\nitems: [A, B, C]\nbackoff: {min: 1h, max: 1h}\nrest: {every: 10ms}", b.serve(api).URL("/x"))
	status := b.awaitState("p", command.SourceBackoff)
	if !strings.Contains(status.LastError, "the feed answered 404 Not Found: gone") || len(api.requests()) > 6 {
		t.Errorf("%s, %d requests", status.LastError, len(api.requests()))
	}
}

func TestAnItemThatEndsConnectionsDoesNotStarveTheOthers(t *testing.T) {
	b := newBench(t, nil)
	api := &asked{next: func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "A" {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `%q`, r.URL.RawQuery)
	}}
	b.put("name: p\nkind: rest\nurl: '%s?${.item}'\nitems: [A, B, C]\nbackoff: {min: 10ms, max: 20ms}\nrest: {every: 30ms}", b.serve(api).URL("/x"))
	b.await("the others are asked", func() bool {
		got := b.intake.on("p")
		return slices.Contains(got, `"B"`) && slices.Contains(got, `"C"`)
	})
}

func TestItemsHaveTheirOwnSince(t *testing.T) {
	b := newBench(t, nil)
	api := &asked{next: func(n int, w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		from, _ := strconv.Atoi(q.Get("from"))
		fmt.Fprintf(w, `{"s":%q,"n":%d}`, q.Get("s"), from+1)
	}}
	b.put("name: p\nkind: rest\nurl: '%s?s=${.item}'\nitems: [A, B]\nsince: {from: .n, start: 0}\nrest: {every: 20ms, query: {from: '${.since}'}}", b.serve(api).URL("/x"))
	got := b.awaitRecords("p", 8)
	for _, s := range []string{"A", "B"} {
		for n := 1; n <= 3; n++ {
			if want := fmt.Sprintf(`{"s":%q,"n":%d}`, s, n); slices.Index(got, want) < 0 {
				t.Errorf("no %s in %v", want, got)
			}
		}
	}
}

func TestCronPollsAtOnceAndThenAtItsTimes(t *testing.T) {
	b := newBench(t, nil)
	api := &asked{next: answers(200, "1")}
	b.put("name: p\nkind: rest\nurl: %s\nrest: {cron: '@daily'}", b.serve(api).URL("/x"))
	b.awaitRecords("p", 1)
	b.await("the next poll is shown", func() bool { s, _ := b.Status("p"); return s.NextAt != nil })
	status, _ := b.Status("p")
	if at := status.NextAt.UTC(); at.Hour() != 0 || at.Minute() != 0 || at.Second() != 0 || at.Before(time.Now()) {
		t.Errorf("the next poll is at %s", at)
	}
	faults := b.Check(parse(t, "name: q\nkind: rest\nurl: http://x/\nrest: {cron: '61 * * * *'}"))
	if len(faults) != 1 || faults[0].Path != "/rest/cron" {
		t.Errorf("%v", faults)
	}
}

func TestFaultsOfPages(t *testing.T) {
	b := newBench(t, nil)
	for document, want := range map[string]string{
		"rest: {pages: {next: '.a |'}}":               "/rest/pages/next: ",
		"rest: {pages: {next: link, until: 'foo()'}}": "/rest/pages/until: ",
	} {
		faults := b.Check(parse(t, "name: p\nkind: rest\nurl: http://x/\n"+document))
		if len(faults) != 1 || !strings.HasPrefix(faults.Error(), want) {
			t.Errorf("%s gives %v", document, faults)
		}
	}
}
