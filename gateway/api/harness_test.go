package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"anode/gateway/auth"
	"anode/gateway/dashboard"
	"anode/gateway/document"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/testkit/documents"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeNode answers questions as a test says, and remembers them.
type fakeNode struct {
	mu     sync.Mutex
	answer func(ctx context.Context, question any) (any, error)
	asked  []any
}

func (n *fakeNode) Ask(ctx context.Context, question any) (any, error) {
	n.mu.Lock()
	n.asked = append(n.asked, question)
	answer := n.answer
	n.mu.Unlock()
	if answer == nil {
		return nil, fmt.Errorf("nobody expected a %T", question)
	}
	return answer(ctx, question)
}

func (n *fakeNode) last() any {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.asked) == 0 {
		return nil
	}
	return n.asked[len(n.asked)-1]
}

// says has the node answer every question with the same.
func says(answer any, err error) func(context.Context, any) (any, error) {
	return func(context.Context, any) (any, error) { return answer, err }
}

// fakeIntake is a journal that has room, or fails.
type fakeIntake struct {
	mu        sync.Mutex
	taken     []command.Submission
	submitErr error
	outcome   func(s command.Submission) command.Outcome
}

func (i *fakeIntake) Submit(_ context.Context, s command.Submission) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.submitErr != nil {
		return i.submitErr
	}
	i.taken = append(i.taken, s)
	if i.outcome != nil {
		s.Done(i.outcome(s))
		return nil
	}
	o := command.Outcome{}
	for n, d := range s.Drafts {
		p := messages.Position{Origin: "self", Epoch: 1, Sequence: uint64(len(i.taken)), Index: uint32(n)}
		if d.NativeID == "again" {
			p = messages.Position{}
		}
		o.Positions = append(o.Positions, p)
	}
	s.Done(o)
	return nil
}

func (i *fakeIntake) drafts() []messages.Draft {
	i.mu.Lock()
	defer i.mu.Unlock()
	var all []messages.Draft
	for _, s := range i.taken {
		all = append(all, s.Drafts...)
	}
	return all
}

// world is the API over a fake node. Every answer that goes through do is held to the document.
type world struct {
	t      testing.TB
	node   *fakeNode
	intake *fakeIntake
	judge  *documents.Judge
	api    http.Handler
	log    *bytes.Buffer
	config Config
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, node: &fakeNode{}, intake: &fakeIntake{}, judge: documents.New(t), log: &bytes.Buffer{}}
	socket := func(name string) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprintf(rw, "%s %s", name, r.PathValue("pattern"))
		})
	}
	page, err := dashboard.Files(dashboard.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w.config = Config{
		Node: w.node, Intake: w.intake, Logger: slog.New(slog.NewTextHandler(w.log, nil)),
		Guard:     auth.New(auth.Config{Bound: "127.0.0.1:8080", Advertised: "http://mesh.example:8080", Machine: "lab", Origins: []string{"https://page.example"}}),
		Subscribe: socket("subscribe"), Events: socket("events"), Push: socket("push"),
		Metrics: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.Header().Set("Content-Type", "text/plain") }),
		Documents: map[string][]byte{
			"/openapi.json": document.OpenAPI(), "/asyncapi.json": document.AsyncAPI(), "/schemas/source.json": spec.Schema(),
		},
		Page: page, Fault: dashboard.Fault,
	}
	if w.api, err = New(w.config); err != nil {
		t.Fatal(err)
	}
	return w
}

// answered is an answer whose body is read.
type answered struct {
	status int
	header http.Header
	body   []byte
}

// request makes a request from "Name: value" headers.
func request(method, target string, body string, headers ...string) *http.Request {
	var from io.Reader
	if body != "" {
		from = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, from)
	r.Host = "127.0.0.1:8080"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	return r
}

// do asks, and holds the answer to the document.
func (w *world) do(method, target, body string, headers ...string) answered {
	w.t.Helper()
	return w.serve(request(method, target, body, headers...))
}

// serve answers a request, and holds the answer to the document.
func (w *world) serve(r *http.Request) answered {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	a := answered{rec.Code, rec.Header(), rec.Body.Bytes()}
	if r.Method == http.MethodHead {
		a.body = nil // a recorder keeps what a server does not send
	}
	if err := w.judge.Answer(r.Method, r.URL.EscapedPath(), a.status, a.header, a.body); err != nil {
		w.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	return a
}

// code is the code of a problem.
func (a answered) code() string {
	var p struct{ Code string }
	if json.Unmarshal(a.body, &p) != nil {
		return ""
	}
	return p.Code
}

// is checks status and, of a problem, its code.
func (w *world) is(a answered, status int, code string) {
	w.t.Helper()
	if a.status != status || code != "" && a.code() != code {
		w.t.Errorf("%d %s, want %d %s: %.300s", a.status, a.code(), status, code, a.body)
	}
	if a.status >= 400 && code != "" && a.header.Get("Content-Type") != "application/problem+json" {
		w.t.Errorf("a problem came as %q", a.header.Get("Content-Type"))
	}
}

func decode[T any](t testing.TB, body []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return v
}

var someTime = time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.UTC)

// oneSource is a source as a registry shows it.
func oneSource(name string) command.SourceView {
	return command.SourceView{
		Name: name, Version: "1-self", Spec: json.RawMessage(`{"name":"` + name + `"}`),
		Status: command.SourceStatus{
			State: command.SourceRunning, Owners: []messages.NodeID{"self"}, Since: someTime, NextAt: &someTime,
			Resume:  &command.SourceResume{Since: json.RawMessage(`{"id":7}`), Cursor: "7", Turn: 3, At: someTime},
			Standby: &command.SourceStandby{Rank: 1, Records: 12},
		},
	}
}
