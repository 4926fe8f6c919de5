package source_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"anode/actors/source"
	"anode/messages/command"
	"anode/testkit/feeds"
)

// follow serves answers at /x and follows them.
func follow(b *bench, fields string, answers ...http.Handler) *feeds.REST {
	b.t.Helper()
	api := feeds.NewREST(map[string][]http.Handler{"/x": answers})
	b.put("name: e\nkind: sse\nurl: %s\nbackoff: {min: 10ms, max: 50ms}\n%s", b.serve(api).URL("/x"), fields)
	return api
}

// lastIDs are the Last-Event-IDs of the requests.
func lastIDs(api *feeds.REST) (all []string) {
	for _, r := range api.Requests() {
		all = append(all, r.Header.Get("Last-Event-ID"))
	}
	return all
}

func TestEventsBecomeRecords(t *testing.T) {
	b := newBench(t, nil)
	api := follow(b, `stream: 'm.{e}'
headers: {X-A: b}
sse: {events: [trade, message]}
transform: {map: '{e: $meta.event, id: $meta.id, s: $meta.status, h: $meta.headers["content-type"], p: .}'}`,
		feeds.Events(feeds.Say("\ufeff: hello\nretry: 10000\n\n", "event: trade\nid: 1\nda", "ta: {\"p\":1.10,\ndata: \"n\":9007199254740993}\n\n",
			"event: other\nid: 2\ndata: {}\n\n", "data: plain text\r\r", "id: 3\n\n"), feeds.Hold()))
	b.awaitRecords("m.message", 1)
	if got := b.intake.on("m.trade"); len(got) != 1 || got[0] != `{"e":"trade","h":"text/event-stream","id":"1","p":{"n":9007199254740993,"p":1.10},"s":200}` {
		t.Errorf("trade: %v", got)
	}
	if got := b.intake.on("m.message"); got[0] != `{"e":"message","h":"text/event-stream","id":"2","p":"plain text","s":200}` {
		t.Errorf("message: %v", got)
	}
	r := api.Requests()[0]
	if r.Header.Get("Accept") != "text/event-stream" || r.Header.Get("Cache-Control") != "no-cache" || r.Header.Get("X-A") != "b" || r.Header.Get("User-Agent") != "anode" {
		t.Errorf("request %v", r.Header)
	}
	status := b.awaitState("e", command.SourceRunning)
	if status.Dropped.Filtered != 1 || status.Records != 2 || status.Errors != 0 || !status.Transport.OK || !status.Protocol.OK {
		t.Errorf("status %+v", status)
	}
}

func TestTheLastEventIDIsSentAgain(t *testing.T) {
	b := newBench(t, nil)
	api := follow(b, "native_id: .n",
		feeds.Events(feeds.Say("data: {\"n\":1}\n\n")),
		feeds.Events(feeds.Say("id: a\ndata: {\"n\":2}\n\nid: b\n\nid: c\ndata: {\"n\":3}\n")), // c is no event
		feeds.Events(feeds.Say("id: d\x00e\ndata: {\"n\":3}\n\n"), feeds.Abort()),
		feeds.Status(503, "soon"),
		feeds.Events(feeds.Say("data: {\"n\":4}\n\nid: \n\n")),
		feeds.Events(feeds.Say("data: {\"n\":5}\n\n"), feeds.Hold()))
	if got := b.awaitRecords("e", 5); strings.Join(got, "") != `{"n":1}{"n":2}{"n":3}{"n":4}{"n":5}` {
		t.Errorf("records %v", got)
	}
	if got, want := lastIDs(api), []string{"", "", "b", "b", "b", ""}; !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
	status := b.awaitState("e", command.SourceRunning)
	if status.Restarts != 5 || status.Errors != 2 { // the cut and the 503
		t.Errorf("%+v", status)
	}
}

func TestTheLastEventIDIsNeverAheadOfTheJournal(t *testing.T) {
	b := newBench(t, nil)
	refused := make(chan struct{})
	api := follow(b, "native_id: .n",
		feeds.Events(feeds.Say("id: 1\ndata: {\"n\":1}\n\n"), feeds.HoldUntil(refused), feeds.Say("id: 2\ndata: {\"n\":2}\n\n", "id: 3\ndata: {\"n\":3}\n\n"), feeds.Hold()),
		feeds.Events(feeds.Say("id: 2\ndata: {\"n\":2}\n\n", "id: 3\ndata: {\"n\":3}\n\n"), feeds.Hold()))
	b.awaitRecords("e", 1)
	b.intake.set(false, command.ErrStorageFull)
	close(refused)
	b.awaitState("e", command.SourceBackoff)
	b.intake.set(false, nil)
	if got := b.awaitRecords("e", 3); strings.Join(got, "") != `{"n":1}{"n":2}{"n":3}` {
		t.Errorf("records %v", got)
	}
	for i, id := range lastIDs(api)[1:] {
		if id == "2" || id == "3" {
			t.Errorf("request %d asked for what comes after %s, which was not stored", i+2, id)
		}
	}
	if status := b.awaitState("e", command.SourceRunning); status.Dropped.Duplicate != 0 {
		t.Errorf("what was not stored counted as seen: %+v", status)
	}
}

func TestTheFeedsWishForThePauseCounts(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.Handler
		want   time.Duration
		words  string
		errors uint64
	}{
		"retry":         {feeds.Events(feeds.Say("retry: 3600000\ndata: 1\n\n")), time.Hour, "", 0},
		"retry and cut": {feeds.Events(feeds.Say("retry: 1800000\ndata: 1\n\n"), feeds.Abort()), 30 * time.Minute, "the feed cut the connection", 1},
		"204":           {feeds.Status(204, ""), time.Hour, "204 No Content", 1},
		"429":           {feeds.TooMany(30 * time.Minute), 30 * time.Minute, "too many requests", 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			follow(b, "", c.answer)
			status := b.awaitState("e", command.SourceBackoff)
			in := time.Until(*status.NextAt)
			if in < c.want-time.Minute || in > c.want || status.Errors != c.errors || !strings.Contains(status.LastError, c.words) || c.words == "" && status.LastError != "" {
				t.Errorf("the next connection is in %s: %+v", in, status)
			}
			component, err := command.Ask(t.Context(), b.ref, command.Component{})
			if inOrder := c.errors == 0; err != nil || status.Resting != inOrder || (component.State == command.StateOK) != inOrder {
				t.Errorf("resting %v, component %s, %v", status.Resting, component.State, err)
			}
		})
	}
}

func TestLinesOfJSONBecomeRecords(t *testing.T) {
	for _, c := range []struct{ kind, fields, want string }{
		{kind: "application/x-ndjson"},
		{kind: "application/jsonl; charset=utf-8"},
		{kind: "application/stream+json"},
		{kind: "application/json", fields: "parse: ndjson"},
		{kind: "text/plain", fields: "parse: ndjson"},
		{kind: "text/event-stream; charset=utf-8", fields: "parse: json"},
		{kind: "application/json", want: "say parse: ndjson"},
		{kind: "text/html", want: "content type text/html"},
	} {
		t.Run(c.kind+" "+c.fields, func(t *testing.T) {
			b := newBench(t, nil)
			text := "{\"a\":1.10}\r\n\n\r\n {\"a\":2}\n{\"a\":3}"
			if strings.HasPrefix(c.kind, "text/event") {
				text = "data: {\"a\":1.10}\n\ndata: {\"a\":2}\n\ndata: {\"a\":3}\n\n"
			}
			api := follow(b, c.fields, feeds.Flowing(c.kind, feeds.Say(text)), feeds.Flowing(c.kind, feeds.Hold()))
			if c.want != "" {
				b.awaitError("e", c.want)
				return
			}
			if got := b.awaitRecords("e", 3); strings.Join(got, "") != `{"a":1.10}{"a":2}{"a":3}` {
				t.Errorf("%s: %v", c.kind, got)
			}
			if accept := api.Requests()[0].Header.Get("Accept"); (c.fields == "parse: ndjson") != strings.Contains(accept, "application/x-ndjson") {
				t.Errorf("%s: Accept is %s", c.kind, accept)
			}
			if status, _ := b.Status("e"); status.Errors != 0 || status.Dropped.Failed != 0 {
				t.Errorf("%s: %+v", c.kind, status)
			}
		})
	}
	b := newBench(t, nil)
	follow(b, "", feeds.Flowing("application/json-seq", feeds.Say("\x1e{\"a\":\n 1}\n\x1e[2]\n"), feeds.Hold()))
	if got := b.awaitRecords("e", 2); strings.Join(got, "") != `{"a":1}[2]` {
		t.Errorf("a sequence: %v", got)
	}
}

func TestStreamsThatFailAreTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name, fields string
		answer       http.Handler
		want         string
		max          int // of records before the end
	}{
		{name: "an error", answer: feeds.Status(503, "down for\n  maintenance"), want: "the feed answered 503 Service Unavailable: down for maintenance"},
		{name: "a reset", answer: feeds.Drop()},
		{name: "a cut", answer: feeds.Events(feeds.Say("data: 1\n\ndata: 2\n"), feeds.Abort()), want: "the feed cut the connection", max: 1},
		{name: "an end without data", answer: feeds.Events(feeds.Say(": hello\n\n")), want: "before it brought data"},
		{name: "a page", answer: feeds.HTML(), want: "the feed answered with the content type text/html"},
		{name: "no content type", answer: feeds.Body(200, http.Header{"Content-Type": {""}}, nil), want: "without a content type"},
		{name: "another encoding", answer: feeds.Body(200, http.Header{"Content-Type": {"text/event-stream"}, "Content-Encoding": {"br"}}, []byte("x")), want: `content encoding "br"`},
		{name: "no gzip", answer: feeds.Body(200, http.Header{"Content-Type": {"text/event-stream"}, "Content-Encoding": {"gzip"}}, []byte("data: this is no gzip\n\n")), want: "gzip"},
		{name: "a redirect inside", answer: feeds.Redirect("http://10.1.2.3/"), want: "--allow-private"},
		{name: "a redirect in circles", answer: feeds.Redirect("/x?"), want: "redirects"},
		{name: "a rule", fields: "on: [{when: '.error', fail: 'it says ${.frame.error}'}]", answer: feeds.Events(feeds.Say("data: {\"error\":\"no\"}\n\n"), feeds.Hold()), want: "it says no"},
		{name: "no answer", fields: "liveness: {transport: 50ms}", answer: feeds.Hang(), want: "nothing came for 50ms"},
		{name: "silence", fields: "liveness: {transport: 50ms}", answer: feeds.Events(feeds.Hold()), want: "nothing came for 50ms"},
		{name: "only comments", fields: "liveness: {protocol: 100ms}", answer: feeds.Events(feeds.Trickle(strings.Repeat(":\n\n", 1000), time.Millisecond)), want: "no message that can be read came for 100ms"},
		{name: "no end of a line", answer: feeds.Events(feeds.Flood(strings.Repeat("x", 1<<20))), want: source.ErrTooLarge.Error()},
		{name: "no end of an event", answer: feeds.Events(feeds.Flood("data: " + strings.Repeat("x", 1<<20) + "\n")), want: source.ErrTooLarge.Error()},
		{name: "no end of a JSON line", answer: feeds.Flowing("application/x-ndjson", feeds.Flood(strings.Repeat("x", 1<<20))), want: source.ErrTooLarge.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, nil)
			answers := []http.Handler{c.answer, feeds.Events(feeds.Say("data: \"good\"\n\n"), feeds.Wait(20*time.Millisecond), feeds.Say("data: \"good\"\n\n"), feeds.Hold())}
			if c.name == "a redirect in circles" {
				answers = slices.Concat(slices.Repeat(answers[:1], 6), answers[1:])
			}
			follow(b, c.fields, answers...)
			b.awaitRecords("e", c.max+2)
			status, _ := b.Status("e")
			if !strings.Contains(status.LastError, c.want) || status.LastError == "" || status.Errors == 0 || status.Restarts == 0 {
				t.Errorf("want %q: %+v", c.want, status)
			}
		})
	}
}

func TestASlowFeedIsNoFault(t *testing.T) {
	b := newBench(t, nil)
	api := follow(b, "liveness: {transport: 500ms}", feeds.Events(feeds.Trickle("id: 1\r\ndata: {\"a\":1}\r\n\r\n: life\r\rdata: 2\r\r", 20*time.Millisecond), feeds.Hold()))
	if got := b.awaitRecords("e", 2); strings.Join(got, "") != `{"a":1}2` || len(api.Requests()) != 1 {
		t.Errorf("%v, %d requests", got, len(api.Requests()))
	}
}

func TestAMessageThatIsTooLargeIsPassedOverAndReported(t *testing.T) {
	b := newBench(t, nil)
	huge := strings.Repeat("x", source.MaxMessage/2)
	api := follow(b, "", feeds.Events(
		feeds.Say("id: 1\ndata: "+huge+"\ndata: "+huge+"\n\n", "data: "+huge+huge+"x\n\n", "id: 3\ndata: 3\n\n"), feeds.Hold()))
	b.awaitRecords("e", 1)
	status := b.awaitState("e", command.SourceRunning)
	if status.Dropped.Failed != 2 || status.Errors != 2 || status.Restarts != 0 || len(api.Requests()) != 1 {
		t.Errorf("%+v", status)
	}
	reports := b.awaitRecords("$errors.e", 2)
	if len(reports) != 2 || !strings.Contains(reports[0], `"size":16777217`) || !strings.Contains(reports[1], `"frame":"xxxx`) || len(reports[1]) > 6000 {
		t.Errorf("%d reports, %.200v", len(reports), reports)
	}
}

func TestALargeMessageIsRead(t *testing.T) {
	b := newBench(t, nil)
	huge := strings.Repeat("x", 900<<10)
	follow(b, "", feeds.Events(feeds.Say("data: \""+huge+"\"\n\n"), feeds.Hold()))
	if got := b.awaitRecords("e", 1); len(got[0]) != len(huge)+2 {
		t.Errorf("%d bytes", len(got[0]))
	}
}

func TestCompressedEventsComeAtOnce(t *testing.T) {
	b := newBench(t, nil)
	more := make(chan struct{})
	follow(b, "", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			http.Error(w, "only gzip", http.StatusNotAcceptable)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Content-Encoding", "gzip")
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		for i := range 2 {
			_, _ = fmt.Fprintf(z, "data: {\"i\":%d}\n\n", i)
			_ = z.Flush()
			_, _ = w.Write(packed.Bytes())
			_ = http.NewResponseController(w).Flush()
			packed.Reset()
			select {
			case <-more:
			case <-r.Context().Done():
			}
		}
		<-r.Context().Done()
	}))
	if got := b.awaitRecords("e", 1); got[0] != `{"i":0}` {
		t.Errorf("%v", got)
	}
	close(more)
	b.awaitRecords("e", 2)
}

func TestARedirectKeepsTheLastEventIDAndNothingSecret(t *testing.T) {
	b := newBench(t, nil)
	other := feeds.NewREST(map[string][]http.Handler{"/y": {feeds.Events(feeds.Say("id: 1\ndata: 1\n\n")), feeds.Events(feeds.Say("id: 2\ndata: 2\n\n"), feeds.Hold())}})
	follow(b, "headers: {X-Key: abc}", feeds.Redirect(b.serve(other).URL("/y")))
	b.awaitRecords("e", 2)
	if got := lastIDs(other); !slices.Equal(got, []string{"", "1"}) {
		t.Errorf("sent %q", got)
	}
	for _, r := range other.Requests() {
		if r.Header.Get("X-Key") != "" || r.Header.Get("Accept") != "text/event-stream" {
			t.Errorf("the other host got %v", r.Header)
		}
	}
}

func TestNothingOfAStreamIsLeft(t *testing.T) {
	b := newBench(t, nil)
	server := b.serve(feeds.Events(feeds.Say("data: 1\n\n"), feeds.Hold()))
	b.put("name: e\nkind: sse\nurl: %s", server.URL("/"))
	b.awaitRecords("e", 1)
	for i := range 3 {
		b.await("a restart", func() bool { return b.Restart("e") })
		b.awaitRecords("e", i+2)
	}
	b.pause("e", true)
	b.awaitState("e", command.SourcePaused)
	b.await("the connection is gone", func() bool { open, _ := server.Connections(); return open == 0 })
	if _, ever := server.Connections(); ever != 4 {
		t.Errorf("%d connections", ever)
	}
}

func TestASlowJournalHoldsAStreamUp(t *testing.T) {
	b := newBench(t, nil)
	b.intake.set(true, nil)
	event := "data: \"" + strings.Repeat("x", 64<<10) + "\"\n\n"
	const events = 400
	api := follow(b, "liveness: {transport: 300ms, protocol: 300ms}", feeds.Events(feeds.Say(slices.Repeat([]string{event}, events)...), feeds.Trickle(strings.Repeat("data: 1\n\n", 1000), 5*time.Millisecond)))
	time.Sleep(time.Second) // three times the clocks
	if status, _ := b.Status("e"); status.Restarts != 0 || status.Errors != 0 {
		t.Errorf("our own slowness counted as the feed's: %+v", status)
	}
	b.intake.set(false, nil)
	b.awaitRecords("e", events)
	if n := len(api.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}
