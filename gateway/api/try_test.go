package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"anode/messages/command"
	"anode/messages/spec"
)

func TestTry(t *testing.T) {
	w := newWorld(t)
	why := "refused"
	w.node.answer = says(command.Trial{
		Spec: json.RawMessage(`{"name":"a"}`), Frames: []command.Frame{{Received: someTime, Dir: command.FrameIn, Data: []byte("1")}, {Skipped: 2}},
		Records: []json.RawMessage{json.RawMessage(`{"stream":"a"}`)}, RecordFrames: []int{-1}, Dropped: []command.TrialDrop{{Reason: "filtered", Count: 1}},
		Error: &why, Hints: []string{"do"}, More: command.TrialMore{Frames: 1},
	}, nil)
	w.is(w.do("POST", "/api/v1/sources/try?for=30s&max=1000&node=berlin", "name: a", yamlType), 200, "")
	if q := w.node.last().(command.Try); q.Node != "berlin" || q.For != 30*time.Second || q.Records != 1000 || !q.YAML || string(q.Document) != "name: a" {
		t.Errorf("%+v", q)
	}
	w.is(w.do("POST", "/api/v1/sources/try", `{"url":"https://a.example/"}`, jsonType), 200, "")
	if q := w.node.last().(command.Try); q.Node != "" || q.For != 5*time.Second || q.Records != 20 || q.YAML {
		t.Errorf("%+v", q)
	}
}

func TestTryRefused(t *testing.T) {
	w := newWorld(t)
	for _, query := range []string{"for=31s", "for=0s", "for=x", "max=0", "max=1001", "max=x", "nothing=1"} {
		w.is(w.do("POST", "/api/v1/sources/try?"+query, "{}", jsonType), 422, "invalid_parameter")
	}
	w.is(w.do("POST", "/api/v1/sources/try", "{}"), 415, "unsupported_media_type")
	w.is(w.do("POST", "/api/v1/sources/try", "{", jsonType), 400, "bad_json")
	w.is(w.do("POST", "/api/v1/sources/try", "# "+strings.Repeat("x", spec.MaxDocument), yamlType), 413, "too_large")
	if len(w.node.asked) > 0 {
		t.Errorf("the node was asked %v", w.node.asked)
	}
	for err, code := range map[error]string{
		command.ErrTooMany: "429 rate_limited", command.ErrUnavailable: "503 unavailable", command.ErrNotFound: "404 not_found", errOver: "503 unavailable", errors.New("secret"): "500 internal",
	} {
		w.node.answer = says(nil, fmt.Errorf("%w", err))
		a := w.do("POST", "/api/v1/sources/try", "{}", jsonType)
		if got := fmt.Sprint(a.status, " ", a.code()); got != code {
			t.Errorf("%v is %s", err, got)
		}
	}
	w.node.answer = says(nil, spec.Faults{{Path: "/kind", Message: "is required"}})
	w.is(w.do("POST", "/api/v1/sources/try", "{}", jsonType), 422, "invalid_spec")
}

func TestATryEndsWithTheServer(t *testing.T) {
	w := newWorld(t)
	closing := make(chan struct{})
	w.config.Closing = closing
	var err error
	if w.api, err = New(w.config); err != nil {
		t.Fatal(err)
	}
	w.node.answer = func(ctx context.Context, _ any) (any, error) {
		close(closing)
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	w.is(w.do("POST", "/api/v1/sources/try", "{}", jsonType), 503, "unavailable")
}

// A source may be called try: only POST means something else there.
func TestASourceCalledTry(t *testing.T) {
	w := newWorld(t)
	w.node.answer = says(oneSource("try"), nil)
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, request("GET", "/api/v1/sources/try", ""))
	if rec.Code != 200 || w.node.last() != (command.GetSource{Name: "try"}) {
		t.Errorf("%d, asked %+v", rec.Code, w.node.last())
	}
}
