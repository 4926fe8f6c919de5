package source_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anode/actors/source"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/testkit/feeds"
)

// try tries a spec for at most ten seconds, or until there are max records.
func (b *bench) try(max int, format string, args ...any) command.Trial {
	b.t.Helper()
	view, err := b.Try(b.t.Context(), command.Try{Document: fmt.Appendf(nil, format, args...), YAML: true, For: 10 * time.Second, Records: max})
	if err != nil {
		b.t.Fatal(err)
	}
	return view
}

// told is what ended a try, and its hints.
func told(v command.Trial) string {
	text := ""
	if v.Error != nil {
		text = *v.Error
	}
	return text + " | " + strings.Join(v.Hints, " | ")
}

func TestATryShowsFramesRecordsAndDropsAndSavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(cfg *source.Config) { cfg.Secrets = source.Secrets{Dir: dir} })
	socket := feeds.NewSocket(feeds.Play(feeds.Await(1),
		feeds.Send(`{"n":1,"k":"s3cret"}`, `{"skip":true}`, `{"n":1,"k":"s3cret"}`, `{"n":{}}`, `{"n":2,"t":"soon","k":"b"}`), feeds.Silence()))
	v := b.try(2, "name: a\nkind: websocket\nurl: %s/?k=${secret:key}\nwebsocket: {open: ['${secret:key}']}\ntransform: {where: .n}\nnative_id: .n\nkey: .k\ntime: .t\n", b.serve(socket).SocketURL(""))
	if told(v) != " | time: 2 of the records have none that can be read: it must be RFC 3339, or a Unix time in s, ms, µs or ns" {
		t.Errorf("told %q", told(v))
	}
	var frames []string
	for _, f := range v.Frames {
		frames = append(frames, f.Dir+" "+string(f.Data))
	}
	if got := strings.Join(frames, "\n"); got != "out ***\nin {\"n\":1,\"k\":\"***\"}\nin {\"skip\":true}\nin {\"n\":1,\"k\":\"***\"}\nin {\"n\":{}}\nin {\"n\":2,\"t\":\"soon\",\"k\":\"b\"}" {
		t.Errorf("frames\n%s", got)
	}
	if len(v.Records) != 2 || fmt.Sprint(v.RecordFrames) != "[1 5]" || !strings.HasPrefix(string(v.Records[0]), `{"stream":"a","source":"a","key":"***","native_id":"1","time":"`) {
		t.Errorf("records %s of %v", v.Records, v.RecordFrames)
	}
	var drops []string
	for _, d := range v.Dropped {
		drops = append(drops, fmt.Sprintf("%d %s %s", d.Index, d.Reason, d.Frame))
	}
	if got := strings.Join(drops, "\n"); !strings.HasPrefix(got, "2 filtered {\"skip\":true}\n3 duplicate {\"n\":1,\"k\":\"***\"}\n4 native_id: is an object or an array, not a text, number or boolean") || !strings.HasSuffix(got, " {\"n\":{}}") {
		t.Errorf("dropped\n%s", got)
	}
	if !strings.Contains(v.Frames[0].Meta.URL, "?k=***") || strings.Contains(fmt.Sprintf("%+v %s", v, v.Records), "s3cret") {
		t.Error("the answer shows a secret")
	}
	if all := b.intake.everything(); all != "[]" {
		t.Errorf("stored %s", all)
	}
	if _, known := b.Status("a"); known {
		t.Error("a try is known as a source")
	}
}

func TestATryOfAPollEndsWhenNothingComesBeforeItsEnd(t *testing.T) {
	b := newBench(t, nil)
	begun := time.Now()
	v := b.try(20, "name: p\nkind: rest\nurl: %s\nrest: {every: 1h}\ntransform: {split: '.[]'}", b.serve(feeds.JSON(`[{"a":1},{"a":2}]`)).URL("/"))
	if len(v.Records) != 2 || told(v) != " | " || time.Since(begun) > 5*time.Second {
		t.Errorf("%+v after %s", v, time.Since(begun))
	}
}

// What a try asks of a host is over with it.
func TestATryGivesItsBudgetsUp(t *testing.T) {
	b := newBench(t, nil)
	url := b.serve(feeds.JSON(`[1]`)).URL("/")
	b.try(1, "name: p\nkind: rest\nurl: %s\nbudget: {connects: 1/h, requests: 1/h}", url)
	if v := b.try(1, "name: q\nkind: rest\nurl: %s", url); len(v.Records) != 1 {
		t.Errorf("another try waits for the budget of one that is over: %s", told(v))
	}
}

func TestATryTellsWhatToDo(t *testing.T) {
	b := newBench(t, nil)
	rest := func(h http.Handler) string {
		return fmt.Sprintf("name: p\nkind: rest\nurl: %s/x", b.serve(h).URL(""))
	}
	for document, want := range map[string][]string{
		rest(feeds.Status(401, "no key")):  {"the feed answered 401 Unauthorized: no key | ", "auth: {bearer: '${secret:NAME}'}"},
		rest(feeds.Status(403, "go away")): {"403 Forbidden: go away", "credentials"},
		rest(feeds.Body(403, nil, []byte("<!DOCTYPE html><html><head><title>x</title><style>a{}</style></head><body><h1>Blocked &amp; gone</h1><script>x()</script></body></html>"))): {"403 Forbidden: Blocked & gone |"},
		rest(feeds.Status(404, "")):              {"404 Not Found", "the path and the version in url"},
		rest(feeds.TooMany(time.Hour)):           {"429", "asked less often"},
		rest(feeds.Status(503, "maintenance")):   {"503", "the feed itself fails"},
		rest(feeds.HTML()):                       {" | ", "HTML page"},
		rest(feeds.Redirect("http://10.1.2.3/")): {"10.1.2.3 is private: address is not allowed", "--allow-private"},
		rest(feeds.Body(200, http.Header{"Content-Type": {"text/event-stream"}}, []byte("data: 1\n\n"))):              {"server-sent events", "write kind: sse"},
		"name: p\nkind: rest\nurl: http://127.0.0.1:1/":                                                               {"connection refused", "nobody listens there"},
		"name: p\nkind: rest\nurl: https://" + strings.TrimPrefix(b.serve(feeds.JSON("1")).URL("/"), "http://"):       {"HTTPS client", "does not speak TLS"},
		"name: p\nkind: rest\nurl: http://169.254.169.254/latest/meta-data":                                           {"a cloud's metadata", "public addresses only"},
		fmt.Sprintf("name: p\nkind: websocket\nurl: %s/", b.serve(feeds.JSON("1")).SocketURL("")):                     {"handshake with 200", "plain HTTP: kind: rest"},
		"name: p\nkind: rest\nurl: '" + b.serve(feeds.JSON(`{"a":1}`)).URL("/") + "'\ntransform: {where: .b}":         {"all that came was filtered"},
		"name: p\nkind: rest\nparse: json\nurl: '" + b.serve(feeds.Body(200, nil, []byte("a,b\n1,2"))).URL("/") + "'": {""},
	} {
		v := b.try(20, "%s", document)
		for _, part := range want {
			if !strings.Contains(told(v), part) {
				t.Errorf("%s\ntold %s, without %s", document, told(v), part)
			}
		}
	}
}

func TestATryThatHearsNothingSaysSo(t *testing.T) {
	b := newBench(t, nil)
	socket := feeds.NewSocket(feeds.Play(feeds.Silence()))
	v, err := b.Try(t.Context(), command.Try{Document: []byte("name: a\nkind: websocket\nurl: " + b.serve(socket).SocketURL("/")), YAML: true, For: 200 * time.Millisecond, Records: 1})
	if err != nil || v.Error != nil || !strings.Contains(told(v), "websocket: {open: […]}") {
		t.Errorf("%v %s", err, told(v))
	}
}

func TestTriesAreFewAndEndWithTheNode(t *testing.T) {
	b := newBench(t, nil)
	socket := feeds.NewSocket(feeds.Play(feeds.Silence()))
	document := []byte("name: a\nkind: websocket\nurl: " + b.serve(socket).SocketURL("/"))
	ended := make(chan error, 4)
	for range 4 {
		go func() {
			_, err := b.Try(context.Background(), command.Try{Document: document, YAML: true, For: time.Minute, Records: 1})
			ended <- err
		}()
	}
	b.await("all run", func() bool { return socket.Handshakes() == 4 })
	if _, err := b.Try(t.Context(), command.Try{Document: document, YAML: true, For: time.Second, Records: 1}); !errors.Is(err, command.ErrTooMany) {
		t.Errorf("a fifth gives %v", err)
	}
	if err := b.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if err := <-ended; !errors.Is(err, command.ErrUnavailable) {
			t.Errorf("ended with %v", err)
		}
	}
	if _, err := b.Try(t.Context(), command.Try{Document: document, YAML: true, For: time.Second, Records: 1}); !errors.Is(err, command.ErrUnavailable) {
		t.Errorf("a drained node gives %v", err)
	}
	var faults spec.Faults
	if _, err := b.Try(t.Context(), command.Try{Document: []byte("name: NO\nkind: rest\ntime: '.['"), YAML: true, For: time.Second, Records: 1}); !errors.As(err, &faults) || len(faults) < 2 {
		t.Errorf("a wrong spec gives %v", err)
	}
}
