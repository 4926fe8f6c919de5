package examples_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"anode/client"
	"anode/testkit/feeds"
	"anode/testkit/local"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lastStream is where a record tells that everything before it was seen.
const lastStream = "test.last"

// TestCapturedFeedsArriveAtASubscriber is the whole way: the captured feed on a local server, the example as a
// source at a node, its journal, and a subscriber over WebSocket who gets exactly what the frames hold.
func TestCapturedFeedsArriveAtASubscriber(t *testing.T) {
	dir := captures(t)
	for _, c := range captured {
		t.Run(c.example, func(t *testing.T) {
			capture, err := feeds.OpenCapture(filepath.Join(dir, c.capture))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			n := startNode(ctx, t)
			event := feeds.Frame
			if strings.HasSuffix(c.capture, ".http.txt") {
				event = feeds.Answered
			}
			var want []wanted
			for _, e := range capture.Of(event) {
				want = append(want, c.expect(t, decode(t, e.Body), e.Body, e.URL)...)
			}
			if want = deduplicated(want, make(map[string]bool)); len(want) == 0 {
				t.Fatal("the capture makes no record")
			}
			settled := n.socket
			if event == feeds.Answered {
				settled = n.rest
			}
			settled(ctx, t, c.example, capture)
			got := n.collect(ctx, t, len(want))
			check(t, c.example, want, got)
		})
	}
}

// mesh is a node and a client of it.
type mesh struct {
	client *client.Client
}

func startNode(ctx context.Context, t *testing.T) *mesh {
	t.Helper()
	n, err := local.Start(ctx, local.Config{Args: []string{"--allow-private", "127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := client.New(client.Config{Servers: []string{n.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &mesh{client: c}
}

// serve is a server until the test ends.
func serve(t *testing.T, h http.Handler) *feeds.Server {
	t.Helper()
	s, err := feeds.Start(h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// register registers the example under another name and address, with more fields.
func (n *mesh) register(ctx context.Context, t *testing.T, name, as, url string, more object) {
	t.Helper()
	var document object
	if err := json.Unmarshal(example(t, name).JSON, &document); err != nil {
		t.Fatal(err)
	}
	for field, v := range more {
		document[field] = v
	}
	document["name"], document["url"] = as, url
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.client.CreateSource(ctx, client.Document{Text: text}); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// socket replays a WebSocket feed: the connection is cut in the middle, and who comes again gets the rest.
func (n *mesh) socket(ctx context.Context, t *testing.T, name string, capture *feeds.Capture) {
	t.Helper()
	s := example(t, name)
	open := len(s.WebSocket.Open)
	half := len(capture.Of(feeds.Frame)) / 2
	first, err := feeds.Replay(feeds.ReplayConfig{Capture: capture, Await: open, Count: half})
	if err != nil {
		t.Fatal(err)
	}
	second, err := feeds.Replay(feeds.ReplayConfig{Capture: capture, Await: open, From: half})
	if err != nil {
		t.Fatal(err)
	}
	socket := feeds.NewSocket(feeds.Play(first, feeds.HalfClose()), feeds.Play(second, feeds.Silence()))
	server := serve(t, socket)
	address, err := server.Rewrite(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	n.register(ctx, t, name, name, address, object{"backoff": object{"min": "10ms", "max": "20ms"}})
	asked := func(s *feeds.Socket) bool { return s.Handshakes() >= 2 && len(s.Received()) >= 2*open }
	if err := socket.Await(ctx, asked); err != nil {
		t.Fatalf("%d handshakes, %d messages of the source, faults %v: %v", socket.Handshakes(), len(socket.Received()), socket.Faults(), err)
	}
}

// rest answers what was captured, with a source for each address, each asked several times.
func (n *mesh) rest(ctx context.Context, t *testing.T, name string, capture *feeds.Capture) {
	t.Helper()
	answers, err := feeds.Answers(capture)
	if err != nil {
		t.Fatal(err)
	}
	rest := feeds.NewREST(answers)
	server := serve(t, rest)
	entries := capture.Of(feeds.Answered)
	for i, e := range entries {
		address, err := server.Rewrite(e.URL)
		if err != nil {
			t.Fatal(err)
		}
		n.register(ctx, t, name, fmt.Sprintf("%s-%d", name, i), address, object{"rest": object{"every": "50ms"}})
	}
	if err := rest.Await(ctx, 4*len(entries)); err != nil {
		t.Fatalf("%d requests: %v", len(rest.Requests()), err)
	}
}

// collect subscribes from the beginning and gives all records of sources up to one that is published
// when so many have come.
func (n *mesh) collect(ctx context.Context, t *testing.T, count int) []*client.Record {
	t.Helper()
	sub, err := n.client.Subscribe(client.Subscribe{Start: "earliest"})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	var all []*client.Record
	for event, err := range sub.All(ctx) {
		if err != nil {
			t.Fatalf("%d records of %d came: %v", len(all), count, err)
		}
		switch e := event.(type) {
		case client.Gap:
			t.Errorf("gap %+v", e)
		case *client.Record:
			if e.Stream == lastStream {
				return all
			}
			if all = append(all, e); len(all) == count {
				if _, err := n.client.Publish(ctx, client.Draft{Stream: lastStream, Payload: []byte("true")}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return all
}

// check compares what came with what was to come: for each stream the same records in the same order.
func check(t *testing.T, name string, want []wanted, got []*client.Record) {
	t.Helper()
	streams := make(map[string][]wanted)
	for _, w := range want {
		streams[w.stream] = append(streams[w.stream], w)
	}
	if len(got) != len(want) {
		t.Errorf("%d records came, %d were to come", len(got), len(want))
	}
	for _, r := range got {
		left := streams[r.Stream]
		if len(left) == 0 {
			t.Fatalf("one too many: %.300s", r.Raw)
		}
		w := left[0]
		streams[r.Stream] = left[1:]
		if !strings.HasPrefix(r.Source, name) || r.Key != w.key || r.NativeID != w.native {
			t.Fatalf("%.300s: want key %q, native_id %q", r.Raw, w.key, w.native)
		}
		if at := w.time; !at.IsZero() && !r.Time.Equal(at) || at.IsZero() && !r.Time.Equal(r.Received) {
			t.Fatalf("%.300s: want the time %s", r.Raw, w.time)
		}
		if w.raw != nil && string(w.raw) != string(r.Data) || w.raw == nil && !equal(t, w.data, r.Data) {
			t.Fatalf("the data differ: %.500s", r.Raw)
		}
	}
	t.Logf("%d records in %d streams", len(got), len(streams))
}
