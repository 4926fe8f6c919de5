package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anode/client"
)

// serve makes a server that counts its requests.
func serve(t testing.TB, handler http.HandlerFunc) (server string, requests *atomic.Int64) {
	requests = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, requests
}

// refuse answers with a problem document.
func refuse(w http.ResponseWriter, status int, document string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprint(w, document)
}

func unavailable(w http.ResponseWriter, _ *http.Request) {
	refuse(w, http.StatusServiceUnavailable, `{"status":503,"code":"unavailable","detail":"shutting down"}`)
}

func unavailableServer(t testing.TB) string {
	server, _ := serve(t, unavailable)
	return server
}

func TestCallsGoToTheNextServerAndStayThere(t *testing.T) {
	down, asked := serve(t, unavailable)
	up, answered := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[]`) })
	c := newClient(t, deadServer(t), down, up)
	for range 3 {
		if _, err := c.Alarms(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	if asked.Load() != 1 || answered.Load() != 3 {
		t.Errorf("the one that is down was asked %d times, the other %d, want 1 and 3", asked.Load(), answered.Load())
	}
}

func TestAllServersDownNamesEach(t *testing.T) {
	down, _ := serve(t, unavailable)
	dead := deadServer(t)
	_, err := newClient(t, dead, down).Status(within(t))
	for _, part := range []string{dead, down, "refused", "shutting down"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %q", err, part)
		}
	}
	var p *client.Problem
	if !errors.As(err, &p) || p.Code != "unavailable" {
		t.Errorf("%v is not the problem that the one said", err)
	}
}

func TestProblems(t *testing.T) {
	for name, of := range map[string]struct {
		status     int
		body, want string
	}{
		"faults of a document": {
			422, `{"status":422,"code":"invalid_spec","detail":"the spec has 2 faults","errors":[{"path":"/url","message":"is missing"},{"path":"","message":"is odd"}]}`,
			"invalid_spec: the spec has 2 faults: /url: is missing; is odd",
		},
		"words of the code":   {404, `{"code":"not_found","detail":"not found: not found: no source \"x\""}`, `not_found: no source "x"`},
		"a proxy's page":      {502, `<html>`, "bad_gateway: the server answers 502 Bad Gateway"},
		"a redirect":          {302, ``, "found: the server answers 302 Found"},
		"JSON without a code": {400, `{"error":"x"}`, "bad_request: the server answers 400 Bad Request"},
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, of.status, of.body) })
			_, err := newClient(t, server).Source(within(t), "x")
			var p *client.Problem
			if !errors.As(err, &p) || p.Status != of.status || p.Error() != of.want {
				t.Errorf("got %v, want %s", err, of.want)
			}
		})
	}
}

func TestReadinessIsAnAnswerNotAFailure(t *testing.T) {
	server, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, `{"ready":false,"checks":{"journal":"can't write","hub":""}}`)
	})
	view, err := newClient(t, server).Ready(within(t))
	if err != nil || view.Ready || view.Checks["journal"] != "can't write" {
		t.Errorf("got %+v, %v", view, err)
	}
}

// breaking is a server that takes a request and cuts the connection.
func breaking(t testing.TB) (server string, requests *atomic.Int64) {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	})
}

func TestWhatMayBeDoneIsNotDoneTwice(t *testing.T) {
	broken, _ := breaking(t)
	up, published := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"records":[{"id":"a-1-1-0"}]}`) })

	_, err := newClient(t, broken, up).Publish(within(t), client.Draft{Stream: "s", Payload: []byte("1")})
	if !errors.Is(err, client.ErrUnknown) || published.Load() != 0 {
		t.Errorf("without a native id: %v, published %d times elsewhere; want ErrUnknown and 0", err, published.Load())
	}
	answer, err := newClient(t, broken, up).Publish(within(t), client.Draft{Stream: "s", NativeID: "1", Payload: []byte("1")})
	if err != nil || answer.ID != "a-1-1-0" || published.Load() != 1 {
		t.Errorf("with a native id: %+v, %v, want it published at the other", answer, err)
	}
	for name, says := range map[string]func(http.ResponseWriter){
		"a node that has it, and can't sync": func(w http.ResponseWriter) {
			refuse(w, http.StatusServiceUnavailable, `{"status":503,"code":"unconfirmed","detail":"stored, but not yet durable"}`)
		},
		"a proxy that lost its node":   func(w http.ResponseWriter) { refuse(w, http.StatusBadGateway, `<html>`) },
		"a proxy that waits no longer": func(w http.ResponseWriter) { refuse(w, http.StatusGatewayTimeout, `<html>`) },
	} {
		unsure, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { says(w) })
		before := published.Load()
		_, err = newClient(t, unsure, up).Publish(within(t), client.Draft{Stream: "s", Payload: []byte("1")})
		if !errors.Is(err, client.ErrUnknown) || published.Load() != before {
			t.Errorf("%s: %v, published %d times elsewhere; want ErrUnknown and 0", name, err, published.Load()-before)
		}
		answer, err = newClient(t, unsure, up).Publish(within(t), client.Draft{Stream: "s", NativeID: "1", Payload: []byte("1")})
		if err != nil || answer.ID != "a-1-1-0" || published.Load() != before+1 {
			t.Errorf("%s, with a native id: %+v, %v, want it published at the other", name, answer, err)
		}
		if _, err = newClient(t, unsure).Publish(within(t), client.Draft{Stream: "s", NativeID: "1", Payload: []byte("1")}); !errors.Is(err, client.ErrUnknown) {
			t.Errorf("%s, and no other: %v, want ErrUnknown", name, err)
		}
	}
	published.Store(0)
	answer, err = newClient(t, unavailableServer(t), up).Publish(within(t), client.Draft{Stream: "s", Payload: []byte("1")})
	if err != nil || published.Load() != 1 {
		t.Errorf("a node that has nothing of it: %+v, %v, want it published at the other", answer, err)
	}
	answer, err = newClient(t, deadServer(t), up).Publish(within(t), client.Draft{Stream: "s", Payload: []byte("1")})
	if err != nil || answer.ID != "a-1-1-0" {
		t.Errorf("after a refused connection: %+v, %v, want it published at the other", answer, err)
	}
}

func TestPublishKeepsTheDatumsText(t *testing.T) {
	var body []byte
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		if got := r.Header.Get("Content-Type"); got != "application/vnd.anode.records+json" {
			t.Errorf("Content-Type %q", got)
		}
		fmt.Fprint(w, `{"records":[{"id":"a-1-1-0"},{"duplicate":true},{"error":{"code":"too_large","message":"is big"}},{"id":"a-1-1-1"}]}`)
	})
	at := time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.FixedZone("", 3600))
	answers, err := newClient(t, server).PublishAll(within(t), []client.Draft{
		{Stream: "s", Key: `k"1`, NativeID: "7", Time: at, Payload: []byte(`{"a": 1.10, "b":"<&\u0041>"}`)},
		{Stream: "s", ContentType: "text/plain", Payload: []byte("a \"b\"\n")},
		{Stream: "s", Payload: []byte(`{"open":`)},
		{Stream: "s", ContentType: "application/json", Payload: []byte(`12345678901234567890`)},
		{Stream: "s", ContentType: "image/png", Payload: []byte{0x89, 'P', 0xff}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"records":[{"stream":"s","key":"k\"1","native_id":"7","time":"2026-11-22T09:00:00.123456789Z","data":{"a": 1.10, "b":"<&\u0041>"}},` +
		`{"stream":"s","content_type":"text/plain","text":"a \"b\"\n"},{"stream":"s","data":12345678901234567890},` +
		`{"stream":"s","content_type":"image/png","base64":"iVD/"}]}`
	if string(body) != want {
		t.Errorf("sent\n%s\nwant\n%s", body, want)
	}
	text, err := json.Marshal(answers)
	if err != nil {
		t.Fatal(err)
	}
	const places = `[{"id":"a-1-1-0"},{"duplicate":true},` +
		`{"error":{"status":422,"code":"invalid_record","detail":"the data is not JSON: mend it, or give a content type such as text/plain"}},` +
		`{"error":{"status":422,"code":"too_large","detail":"is big"}},{"id":"a-1-1-1"}]`
	if string(text) != places {
		t.Errorf("answers\n%s\nwant\n%s", text, places)
	}
}

func TestAllRefusedIsToldInEachPlace(t *testing.T) {
	server, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, 422, `{"code":"invalid_record","detail":"none","errors":[{"path":"/records/0","message":"one"},{"path":"/records/1","message":"two"}]}`)
	})
	c := newClient(t, server)
	answers, err := c.PublishAll(within(t), []client.Draft{{Stream: "a", Payload: []byte("1")}, {Stream: "b", Payload: []byte("2")}})
	if err != nil || answers[0].Error == nil || answers[0].Error.Detail != "one" || answers[1].Error == nil || answers[1].Error.Detail != "two" {
		t.Errorf("got %+v, %v", answers, err)
	}
	_, err = c.Publish(within(t), client.Draft{Stream: "a", Payload: []byte("1")})
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 422 {
		t.Errorf("one alone gives %v, want the problem", err)
	}
}

// lineServer stores what is published but records whose data is "bad".
func lineServer(t testing.TB, batches *[]int) string {
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Records []struct {
				Data json.RawMessage `json:"data"`
			} `json:"records"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		*batches = append(*batches, len(in.Records))
		answers := make([]string, len(in.Records))
		for i, record := range in.Records {
			answers[i] = `{"id":"a-1-1-0"}`
			if string(record.Data) == `"bad"` {
				answers[i] = `{"error":{"code":"invalid_record","message":"is bad"}}`
			}
		}
		fmt.Fprintf(w, `{"records":[%s]}`, strings.Join(answers, ","))
	})
	return server
}

func TestLinesTellWhatBecameOfEach(t *testing.T) {
	var batches []int
	server := lineServer(t, &batches)
	var told []string
	tally, err := newClient(t, server).PublishLines(within(t), client.Lines{
		Stream: "s", From: strings.NewReader("1\n\n\"bad\"\r\n{no\n" + strings.Repeat(" ", 5<<20) + "\n5"),
		Each: func(line int, p client.Published) error {
			word := "stored"
			if p.Error != nil {
				word = p.Error.Code
			}
			told = append(told, fmt.Sprintf("%d %s", line, word))
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(told, ", "); got != "1 stored, 3 invalid_record, 4 invalid_record, 5 too_large, 6 stored" {
		t.Errorf("told %s", got)
	}
	if tally.Stored != 2 || tally.Refused != 3 || tally.Duplicate != 0 {
		t.Errorf("tally %+v", tally)
	}
}

func TestLinesAreSentInBoundedRequests(t *testing.T) {
	var batches []int
	server := lineServer(t, &batches)
	tally, err := newClient(t, server).PublishLines(within(t), client.Lines{Stream: "s", From: strings.NewReader(strings.Repeat("1\n", 2500) + strings.Repeat(`"`+strings.Repeat("x", 900_000)+"\"\n", 5))})
	if err != nil || tally.Stored != 2505 {
		t.Fatalf("%+v, %v", tally, err)
	}
	for i, n := range batches {
		if n > 1000 || i >= 3 && n > 3 {
			t.Errorf("request %d has %d records", i, n)
		}
	}
}

func TestLinesDoNotWaitForMore(t *testing.T) {
	var batches []int
	server := lineServer(t, &batches)
	r, w := io.Pipe()
	stored := make(chan int)
	done := make(chan error)
	c := newClient(t, server)
	ctx := within(t)
	go func() {
		_, err := c.PublishLines(ctx, client.Lines{Stream: "s", From: r, Each: func(line int, _ client.Published) error { stored <- line; return nil }})
		done <- err
	}()
	for want := 1; want <= 3; want++ {
		if _, err := io.WriteString(w, "1\n"); err != nil {
			t.Fatal(err)
		}
		if got := <-stored; got != want {
			t.Errorf("line %d was stored, want %d", got, want)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// historyServer has so many records, and gives pages of at most 3.
func historyServer(t testing.TB, records int, queries *[]url.Values) string {
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		*queries = append(*queries, q)
		from, limit := 0, 0
		if page := q.Get("page"); page != "" {
			fmt.Sscan(page, &from)
		}
		fmt.Sscan(q.Get("limit"), &limit)
		to := min(from+min(limit, 3), records)
		items := []string{}
		for i := from; i < to; i++ {
			items = append(items, recordJSON(fmt.Sprintf("a-1-%d-0", i+1)))
		}
		next := ""
		if to < records {
			next = fmt.Sprintf(`,"next":"%d"`, to)
		}
		fmt.Fprintf(w, `{"items":[%s]%s,"cursor":["a-1-%d-0"]}`, strings.Join(items, ","), next, to)
	})
	return server
}

func TestHistoryWalksPages(t *testing.T) {
	for _, of := range []struct{ limit, want, pages int }{{0, 8, 3}, {5, 5, 2}, {3, 3, 1}, {100, 8, 3}} {
		t.Run(fmt.Sprint(of.limit), func(t *testing.T) {
			var queries []url.Values
			walk := newClient(t, historyServer(t, 8, &queries)).History(client.History{
				Stream: "a.b", Limit: of.limit, From: time.Unix(1, 5), Descending: true, Unique: true,
			})
			if _, ok := walk.Cursor(); ok {
				t.Error("has a cursor before anything was asked")
			}
			n := 0
			for record, err := range walk.All(within(t)) {
				if err != nil {
					t.Fatal(err)
				}
				if n++; record.ID != fmt.Sprintf("a-1-%d-0", n) {
					t.Errorf("record %d is %s", n, record.ID)
				}
			}
			cursor, ok := walk.Cursor()
			if n != of.want || len(queries) != of.pages || !ok || cursor.String() != fmt.Sprintf("a-1-%d-0", of.want) {
				t.Errorf("%d records of %d pages, cursor %s, want %d of %d", n, len(queries), cursor, of.want, of.pages)
			}
			if q := queries[0]; q.Get("from") != "1970-01-01T00:00:01.000000005Z" || q.Get("order") != "desc" || q.Get("unique") != "true" {
				t.Errorf("asked %v", q)
			}
		})
	}
}

func TestHistoryPagesAreAsLargeAsRecordsAreSmall(t *testing.T) {
	for name, of := range map[string]struct {
		record int
		limits string
	}{
		"small": {300, "[100 1000 6990]"}, "large": {50_000, "[100 41 41]"},
	} {
		t.Run(name, func(t *testing.T) {
			var limits []int
			server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				var limit int
				fmt.Sscan(r.URL.Query().Get("limit"), &limit)
				limits = append(limits, limit)
				record := fmt.Sprintf(`{"id":"a-1-1-0","data":"%s"}`, strings.Repeat("x", of.record-26))
				next := ""
				if len(limits) < 3 {
					next = `,"next":"x"`
				}
				fmt.Fprintf(w, `{"items":[%s]%s,"cursor":[]}`, strings.Repeat(record+",", min(limit, 100)-1)+record, next)
			})
			for _, err := range newClient(t, server).History(client.History{Stream: "s"}).All(within(t)) {
				if err != nil {
					t.Fatal(err)
				}
			}
			if got := fmt.Sprint(limits); got != of.limits {
				t.Errorf("asked for pages of %s, want %s", got, of.limits)
			}
		})
	}
}

func TestHistoryAsksForLessWhereAPageIsTooLong(t *testing.T) {
	record := fmt.Sprintf(`{"id":"a-1-1-0","data":"%s"}`, strings.Repeat("x", 1<<20))
	var limits []string
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		limits = append(limits, r.URL.Query().Get("limit"))
		n := 3
		if len(limits) == 1 {
			n = 70 // more than the client takes
		}
		fmt.Fprintf(w, `{"items":[%s],"cursor":[]}`, strings.Repeat(record+",", n-1)+record)
	})
	n := 0
	for _, err := range newClient(t, server).History(client.History{Stream: "s"}).All(within(t)) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if got := fmt.Sprint(limits); n != 3 || got != "[100 6]" {
		t.Errorf("%d records of pages of %s, want 3 of [100 6]", n, got)
	}
}

func TestAnAnswerThatBreaksOffIsAskedForElsewhere(t *testing.T) {
	broken, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, `[{"severity":`)
	})
	up, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, oneAlarm) })
	alarms, err := newClient(t, broken, up).Alarms(within(t))
	if err != nil || len(alarms) != 1 {
		t.Errorf("got %v, %v", alarms, err)
	}
	_, err = newClient(t, broken, up).Publish(within(t), client.Draft{Stream: "s", Payload: []byte("1")})
	if !errors.Is(err, client.ErrUnknown) {
		t.Errorf("a publication gives %v, want ErrUnknown", err)
	}
}

const oneAlarm = `[{"severity":"warning","node":"n","since":"2026-01-01T00:00:00Z","reason":"r","hint":"h"}]`

func TestListsWalkPages(t *testing.T) {
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("page") {
		case "":
			if got := r.URL.Query().Get("match"); got != "lab.>" {
				t.Errorf("match %q", got)
			}
			fmt.Fprint(w, `{"items":[{"name":"a"},{"name":"b"}],"next":"2"}`)
		default:
			fmt.Fprint(w, `{"items":[{"name":"c"}]}`)
		}
	})
	streams, err := newClient(t, server).Streams(within(t), "lab.>")
	if err != nil || len(streams) != 3 || streams[2].Name != "c" {
		t.Errorf("got %v, %v", streams, err)
	}
}

func TestSources(t *testing.T) {
	var got []string
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", r.Method, r.URL.EscapedPath(), r.Header.Get("Content-Type"), r.Header.Get("If-Match"), body)))
		switch {
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		case r.Method == http.MethodPut && r.Header.Get("If-Match") == "":
			w.WriteHeader(http.StatusCreated)
			fallthrough
		default:
			fmt.Fprint(w, `{"name":"a/b","version":"1-n","spec":{},"status":{"state":"running"}}`)
		}
	})
	c, ctx := newClient(t, server), within(t)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	_, created, err := c.PutSource(ctx, "a/b", client.Document{Text: []byte("name: a"), YAML: true}, "")
	if check(err); !created {
		t.Error("201 is not told as created")
	}
	_, created, err = c.PutSource(ctx, "a", client.Document{Text: []byte(`{}`)}, "1-n")
	if check(err); created {
		t.Error("200 is told as created")
	}
	_, err = c.CreateSource(ctx, client.Document{Text: []byte(`{}`)})
	check(err)
	for _, act := range []func(context.Context, string) error{
		func(ctx context.Context, name string) error { _, err := c.PauseSource(ctx, name); return err },
		func(ctx context.Context, name string) error { _, err := c.ResumeSource(ctx, name); return err },
		func(ctx context.Context, name string) error { _, err := c.RestartSource(ctx, name); return err },
		func(ctx context.Context, name string) error { return c.RemoveSource(ctx, name, "*") },
	} {
		check(act(ctx, "a"))
	}
	want := []string{
		"PUT /api/v1/sources/a%2Fb application/yaml  name: a", `PUT /api/v1/sources/a application/json "1-n" {}`,
		"POST /api/v1/sources application/json  {}",
		"POST /api/v1/sources/a/pause", "POST /api/v1/sources/a/resume", "POST /api/v1/sources/a/restart", "DELETE /api/v1/sources/a  *",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("asked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestConfigNamesAllFaults(t *testing.T) {
	_, err := client.New(client.Config{Servers: []string{"ftp://x", "http://", "http://u:p@h", "h:8080", "http://h/?q=1"}, Token: "a\nb", Silence: -1})
	for _, part := range []string{`"ftp://x"`, `"http://"`, `u:xxxxx@h`, `?q=1`, "token", "Silence"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %s", err, part)
		}
	}
	if err != nil && strings.Contains(err.Error(), "h:8080") {
		t.Errorf("%v names a good server", err)
	}
}
