package source_test

import (
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

func (b *bench) guess(d time.Duration, document string) command.Trial {
	b.t.Helper()
	view, err := b.Try(b.t.Context(), command.Try{Document: []byte(document), For: d, Records: 20})
	if err != nil {
		b.t.Fatal(err)
	}
	return view
}

const trade = `{"type":"match","trade_id":%d,"product_id":"BTC-USD","price":"1.10","time":"2026-11-22T10:00:0%dZ"}`

func TestAGuessRunsOnWhatWasHeard(t *testing.T) {
	b := newBench(t, nil)
	api := feeds.NewREST(map[string][]http.Handler{"/v1/trades": {feeds.JSON(`{"data":[` + fmt.Sprintf(trade, 1, 1) + "," + fmt.Sprintf(trade, 2, 2) + `]}`), feeds.Status(500, "asked twice")}})
	server := b.serve(api)
	v := b.guess(5*time.Second, `{"url":"`+server.URL("/v1/trades")+`"}`)
	if v.Error != nil || len(v.Records) != 2 || fmt.Sprint(v.RecordFrames) != "[1 1]" {
		t.Fatalf("%s %+v", told(v), v)
	}
	if got := string(v.Records[0]); !strings.HasPrefix(got, `{"stream":"trades.BTC-USD","source":"trades","key":"BTC-USD","native_id":"1","time":"2026-11-22T10:00:01Z","received":"`) ||
		!strings.HasSuffix(got, `"data":`+fmt.Sprintf(trade, 1, 1)+`}`) {
		t.Errorf("record %s", got)
	}
	if s, err := spec.Parse([]byte(v.YAML), true); err != nil || string(s.JSON) != string(v.Spec) || s.Kind != spec.KindREST {
		t.Errorf("%v\n%s\n%s", err, v.YAML, v.Spec)
	}
	if n := len(api.Requests()); n != 1 {
		t.Errorf("the feed was asked %d times", n)
	}
}

func TestAGuessOfASocketTakesItsData(t *testing.T) {
	b := newBench(t, nil)
	socket := feeds.NewSocket(feeds.Play(feeds.Await(1), feeds.Send(`{"type":"subscriptions"}`, fmt.Sprintf(trade, 1, 1), fmt.Sprintf(trade, 2, 2)), feeds.Silence()))
	v := b.guess(500*time.Millisecond, `{"url":"`+b.serve(socket).SocketURL("/feed")+`","websocket":{"open":[{"op":"subscribe"}]}}`)
	if v.Error != nil || len(v.Records) != 2 || len(v.Dropped) != 1 || v.Dropped[0].Reason != "filtered" || v.Dropped[0].Index != 1 {
		t.Fatalf("%s %+v", told(v), v)
	}
	for _, part := range []string{"kind: websocket\n", `websocket: {"open":[{"op":"subscribe"}]}`, `where: '.type == "match"'`} {
		if !strings.Contains(v.YAML, part) {
			t.Errorf("without %s:\n%s", part, v.YAML)
		}
	}
}

// flow sends text, a piece at a time, and then nothing more until the client goes.
func flow(kind string, pieces ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		out := http.NewResponseController(w)
		for _, piece := range pieces {
			if _, err := w.Write([]byte(piece)); err != nil || out.Flush() != nil {
				return
			}
		}
		<-r.Context().Done()
	})
}

func TestAGuessFindsStreamsOverHTTP(t *testing.T) {
	b := newBench(t, nil)
	one, two := fmt.Sprintf(trade, 1, 1), fmt.Sprintf(trade, 2, 2)
	for name, h := range map[string]http.Handler{
		"events":       flow("text/event-stream", "data: "+one+"\n\n", "data: "+two+"\n\n"),
		"lines":        flow("application/x-ndjson", one+"\n", two+"\n"),
		"lines, as it": flow("application/json", one+"\n", two+"\n"),
	} {
		v := b.guess(4*time.Second, `{"url":"`+b.serve(h).URL("/trades")+`"}`)
		if v.Error != nil || len(v.Records) != 2 || !strings.Contains(v.YAML, "kind: sse\n") {
			t.Errorf("%s: %s\n%s\n%+v", name, told(v), v.YAML, v.Records)
		}
		s, err := spec.Parse([]byte(v.YAML), true)
		if err != nil {
			t.Fatal(err)
		}
		again := b.try(2, "%s", v.YAML)
		if len(again.Records) != 2 {
			t.Errorf("%s: the guess makes %d records: %s\n%s", name, len(again.Records), told(again), s.JSON)
		}
	}
}

func TestAGuessThatCanNotBeSaysWhy(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(cfg *source.Config) { cfg.Secrets = source.Secrets{Dir: dir} })
	silent := feeds.NewSocket(feeds.Play(feeds.Silence()))
	for document, want := range map[string]string{
		b.serve(feeds.HTML()).URL("/"):                             "HTML page",
		b.serve(feeds.Status(401, "no")).URL("/?k=${secret:key}"):  "credentials",
		b.serve(feeds.Status(404, "no")).URL("/"):                  "404",
		b.serve(feeds.Redirect("http://10.0.0.1/")).URL("/"):       "--allow-private",
		b.serve(silent).SocketURL("/"):                             "websocket: {open: […]}",
		"http://169.254.169.254/":                                  "a cloud's metadata",
		b.serve(feeds.Body(200, nil, []byte(" "))).URL("/"):        "nothing came",
		b.serve(feeds.Body(200, nil, []byte("\xff\x00"))).URL("/"): "nothing came",
	} {
		v := b.guess(400*time.Millisecond, `{"url":"`+document+`"}`)
		if v.Error == nil || !strings.Contains(told(v), want) || v.Spec != nil || v.YAML != "" {
			t.Errorf("%s: told %s, want %s\n%s", document, told(v), want, v.YAML)
		}
		if strings.Contains(fmt.Sprintf("%+v", v), "s3cret") {
			t.Errorf("a secret is shown: %+v", v)
		}
	}
	for _, document := range []string{`{"url":"ftp://a.example/"}`, `{"url":"nothing"}`, `{"url":5}`, `{"url":"https://a.example/","speed":5}`, `{"url":"https://user:pw@a.example/"}`, `{"kind":"rest"}`, `{}`} {
		var faults spec.Faults
		if _, err := b.Try(t.Context(), command.Try{Document: []byte(document), For: time.Second, Records: 1}); !errors.As(err, &faults) {
			t.Errorf("%s gives %v", document, err)
		}
	}
}
