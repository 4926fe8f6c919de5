package source_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"anode/actors/source"
	"anode/messages/command"
	"anode/testkit/feeds"
)

// poll serves answers at /x and polls them.
func poll(b *bench, fields string, answers ...http.Handler) *feeds.REST {
	b.t.Helper()
	api := feeds.NewREST(map[string][]http.Handler{"/x": answers})
	b.put("name: p\nkind: rest\nurl: %s\nbackoff: {min: 10ms, max: 50ms}\n%s", b.serve(api).URL("/x"), fields)
	return api
}

func TestPollsAreConditional(t *testing.T) {
	b := newBench(t, nil)
	api := poll(b, "rest: {every: 15ms}", feeds.Tagged(`"1"`, `{"a":1.10}`), feeds.Tagged(`"1"`, `{"a":1.10}`), feeds.Tagged(`"2"`, `{"a":2}`))
	got := b.awaitRecords("p", 2)
	if err := api.Await(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got, " ") != `{"a":1.10} {"a":2}` || len(b.intake.on("p")) != 2 {
		t.Errorf("records %v", b.intake.on("p"))
	}
	requests := api.Requests()
	for i, want := range []string{"", `"1"`, `"1"`, `"2"`} {
		if got := requests[i].Header.Get("If-None-Match"); got != want {
			t.Errorf("request %d has If-None-Match %s, want %s", i, got, want)
		}
	}
	status := b.awaitState("p", command.SourceRunning)
	if status.Restarts != 0 || !status.Transport.OK || !status.Protocol.OK || status.Data.Last == nil || status.Records != 2 {
		t.Errorf("status %+v", status)
	}
}

func TestTheNextPollIsShown(t *testing.T) {
	b := newBench(t, nil)
	begun := time.Now()
	poll(b, "rest: {every: 1h, jitter: 10m}", feeds.JSON(`1`))
	b.awaitRecords("p", 1)
	b.await("the next poll is shown", func() bool { s, _ := b.Status("p"); return s.NextAt != nil })
	status, _ := b.Status("p")
	if in := status.NextAt.Sub(begun); in < time.Hour || in > time.Hour+10*time.Minute+time.Second {
		t.Errorf("the next poll is in %s", in)
	}
}

func TestARequestIsMadeAsTheSpecSays(t *testing.T) {
	b := newBench(t, nil)
	api := feeds.NewREST(map[string][]http.Handler{"/x": {feeds.JSON("1")}})
	b.put("name: p\nkind: rest\nurl: %s/x?q=a%%20b\nheaders: {X-A: b, Accept: text/csv}\n"+
		"rest: {method: POST, every: 1h, query: {n: 100, many: [a, '&'], none: null, t: true}, body: {a: 1.10, b: [x]}}", b.serve(api).URL(""))
	if err := api.Await(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	r := api.Requests()[0]
	if r.Method != "POST" || r.Target != "/x?many=a&many=%26&n=100&q=a+b&t=true" || string(r.Body) != `{"a":1.10,"b":["x"]}` {
		t.Errorf("%s %s %s", r.Method, r.Target, r.Body)
	}
	if r.Header.Get("X-A") != "b" || r.Header.Get("Accept") != "text/csv" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("User-Agent") != "anode" {
		t.Errorf("%v", r.Header)
	}
}

func TestWhatFailsIsShownInTheFeedsWordsAndTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name, fields string
		answer       http.Handler
		want         string
	}{
		{"an error", "", feeds.Status(503, "down for\n  maintenance"), "the feed answered 503 Service Unavailable: down for maintenance"},
		{"not found", "", feeds.Status(404, ""), "the feed answered 404 Not Found"},
		{"a long text is cut", "", feeds.Status(500, strings.Repeat("x", 5000)), strings.Repeat("x", 300) + "…"},
		{"silence", "rest: {timeout: 400ms}", feeds.Hang(), "the feed did not answer within 400ms"},
		{"a slow loris", "rest: {timeout: 60ms}", feeds.Dribble(`{"a":"aaaaaaaaaaaaaaaaaaaaaaaa"}`, 20*time.Millisecond), "the feed did not answer within 60ms"},
		{"a cut", "", feeds.CutBody(`{"a":"b"}`, 4), "unexpected EOF"},
		{"a reset", "", feeds.Drop(), ""},
		{"too much", "", feeds.Big(source.MaxMessage + 1), source.ErrTooLarge.Error()},
		{"a private redirect", "", feeds.Redirect("http://10.0.0.1/"), "10.0.0.1 is private: address is not allowed"},
		{"a loop of redirects", "", feeds.Redirect("/x"), "more than 5 redirects"},
		{"a rule", "on: [{when: '.error', fail: 'it says no'}]", feeds.JSON(`{"error":true}`), "it says no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, nil)
			answers := []http.Handler{c.answer, feeds.JSON(`{"ok":1}`)}
			if c.name == "a loop of redirects" {
				answers = []http.Handler{c.answer, c.answer, c.answer, c.answer, c.answer, c.answer, feeds.JSON(`{"ok":1}`)}
			}
			if !strings.Contains(c.fields, "rest:") {
				c.fields += "\nrest: {every: 20ms}"
			}
			poll(b, c.fields, answers...)
			b.awaitRecords("p", 1)
			status := b.awaitState("p", command.SourceRunning)
			if !strings.Contains(status.LastError, c.want) || status.LastError == "" {
				t.Errorf("last error %q, want %q", status.LastError, c.want)
			}
			if status.Errors == 0 || status.Restarts == 0 {
				t.Errorf("status %+v", status)
			}
			b.awaitStates("p", "connecting backoff connecting running")
		})
	}
}

func TestAFeedThatAsksToWaitIsLeftAlone(t *testing.T) {
	for name, answer := range map[string]http.Handler{
		"429":                 feeds.TooMany(90 * time.Second),
		"503 with a date":     feeds.Body(503, http.Header{"Retry-After": {time.Now().Add(91 * time.Second).UTC().Format(http.TimeFormat)}}, nil),
		"a spent limit":       feeds.Body(403, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"90"}}, nil),
		"200 and an interval": feeds.Body(200, http.Header{"X-Poll-Interval": {"90"}}, []byte("1")),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			api := poll(b, "rest: {every: 10ms}", answer)
			begun := time.Now()
			b.await("a pause", func() bool { s, _ := b.Status("p"); return s.NextAt != nil })
			status, _ := b.Status("p")
			if in := status.NextAt.Sub(begun); in < 88*time.Second || in > 92*time.Second {
				t.Errorf("the next poll is in %s", in)
			}
			if n := len(api.Requests()); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
	t.Run("a limit that is not spent does not count", func(t *testing.T) {
		b := newBench(t, nil)
		poll(b, "rest: {every: 10ms}", feeds.Body(200, http.Header{"X-Ratelimit-Remaining": {"1"}, "X-Ratelimit-Reset": {"90"}}, []byte("1")))
		b.awaitRecords("p", 3)
	})
}

func TestWhatIsNoRecordIsReported(t *testing.T) {
	b := newBench(t, nil)
	poll(b, "parse: json\nrest: {every: 10ms}", feeds.HTML())
	reports := b.awaitRecords("$errors.p", 10)
	if !strings.Contains(reports[0], `"reason":"parse: at byte 0`) || !strings.Contains(reports[0], `"frame":"<!doctype html`) || !strings.Contains(reports[0], `"size":`) {
		t.Errorf("report %s", reports[0])
	}
	b.await("more failures than reports", func() bool { s, _ := b.Status("p"); return s.Dropped.Failed > 40 })
	status, _ := b.Status("p")
	if n := len(b.intake.on("$errors.p")); n > 10+int(time.Since(status.Since).Seconds()*10)+1 {
		t.Errorf("%d reports", n)
	}
	if status.State != command.SourceRunning || status.Errors < 40 || status.Records != 0 || !strings.HasPrefix(status.LastError, "parse: at byte 0") {
		t.Errorf("status %+v", status)
	}
}

func TestWhatTheJournalRefusesIsAskedForAgain(t *testing.T) {
	b := newBench(t, nil)
	b.intake.set(false, command.ErrStorageFull)
	api := poll(b, "native_id: .n\nrest: {every: 10ms}", feeds.Tagged(`"1"`, `{"n":1}`))
	status := b.awaitError("p", "the journal does not take records: storage is full")
	b.awaitState("p", command.SourceBackoff)
	if status.Dropped.Failed != 0 || status.Dropped.Duplicate != 0 {
		t.Errorf("status %+v", status)
	}
	b.intake.set(false, nil)
	b.awaitRecords("p", 1)
	n := len(api.Requests())
	if err := api.Await(t.Context(), n+2); err != nil {
		t.Fatal(err)
	}
	if got := b.intake.on("p"); len(got) != 1 {
		t.Errorf("records %v", got)
	}
	for _, r := range api.Requests()[:n-1] {
		if r.Header.Get("If-None-Match") != "" {
			t.Error("a tag was kept whose answer the journal did not have")
		}
	}
}

func TestASlowJournalHoldsThePollsUp(t *testing.T) {
	b := newBench(t, nil)
	b.intake.set(true, nil)
	api := poll(b, "liveness: {transport: 30ms, protocol: 30ms}\nrest: {every: 10ms}", feeds.JSON(`1`))
	if err := api.Await(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // several polls, were they not held up
	if n := len(api.Requests()); n != 1 {
		t.Errorf("%d requests while the journal has no room", n)
	}
	status, _ := b.Status("p")
	if status.Restarts != 0 || status.Errors != 0 {
		t.Errorf("our own slowness counted as the feed's: %+v", status)
	}
	b.intake.set(false, nil)
	b.awaitRecords("p", 3)
}
