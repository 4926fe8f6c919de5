package node_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"anode/actors/node"
	"anode/actors/registry"
	"anode/messages"
	"anode/messages/command"
	"anode/storage"
	"anode/storage/memory"
	"anode/testkit/feeds"
)

// whole is a whole node in memory.
type whole struct {
	*node.Node
	t       *testing.T
	journal *memory.Journal
	metrics *prometheus.Registry
}

type noHistory struct{ noTail }

func (noHistory) Walk(context.Context, command.History) (command.Walk, error) {
	return nil, fmt.Errorf("%w: no history here", command.ErrUnavailable)
}

func startNode(t *testing.T, journal *memory.Journal, state storage.State, sources node.Sources) *whole {
	t.Helper()
	metrics := prometheus.NewPedanticRegistry()
	n, err := node.Start(node.Config{
		View: command.NodeView{ID: self, Name: "test", HTTP: "http://here"}, Cluster: "test",
		Epoch: journal.Head(self).Epoch + 1, Journal: journal, State: state,
		History: noHistory{}, Sources: sources, Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
		Registerer: metrics,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &whole{Node: n, t: t, journal: journal, metrics: metrics}
}

func (w *whole) stop() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.Stop(ctx); err != nil {
		w.t.Error(err)
	}
}

// await waits for a condition.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// payloads are the data of a stream's records, in order.
func payloads(t *testing.T, j storage.Journal, stream messages.Stream) (all []string) {
	t.Helper()
	for origin, epochs := range j.Digest() {
		for _, e := range epochs {
			for ref, err := range j.Scan(storage.Scan{Stream: stream, Origin: origin, Epoch: e.Epoch}) {
				if err != nil {
					t.Fatal(err)
				}
				sealed, err := j.Read(ref.ID)
				if err != nil {
					t.Fatal(err)
				}
				b, err := sealed.Open()
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range b.Group(stream).Records {
					all = append(all, string(r.Payload))
				}
			}
		}
	}
	return all
}

func loopback() node.Sources {
	return node.Sources{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}

func serve(t *testing.T, h http.Handler) *feeds.Server {
	t.Helper()
	server, err := feeds.Start(h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func TestASourceThatIsPutBringsRecords(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks, throttle()) })
	server := serve(t, feeds.NewREST(map[string][]http.Handler{"/price": {feeds.JSON(`{"s":"BTC","p":1.10,"id":1}`), feeds.JSON(`{"s":"BTC","p":1.20,"id":2}`)}}))
	journal, state := memory.NewJournal(memory.Config{Self: self}), memory.NewState()
	w := startNode(t, journal, state, loopback())
	put, err := command.Ask(t.Context(), w, command.PutSource{YAML: true, Document: []byte(
		"name: price\nkind: rest\nurl: " + server.URL("/price") + "\nstream: 'm.{s}'\nnative_id: .id\nrest: {every: 20ms}\n")})
	if err != nil || !put.Created {
		t.Fatal(put, err)
	}
	await(t, "two records", func() bool { return len(payloads(t, journal, "m.BTC")) == 2 })
	if got := fmt.Sprint(payloads(t, journal, "m.BTC")); got != `[{"s":"BTC","p":1.10,"id":1} {"s":"BTC","p":1.20,"id":2}]` {
		t.Errorf("got %s", got)
	}
	await(t, "a duplicate", func() bool {
		view, err := command.Ask(t.Context(), w, command.GetSource{Name: "price"})
		return err == nil && view.Status.State == command.SourceRunning && view.Status.Records == 2 && view.Status.Dropped.Duplicate > 0
	})
	w.stop()

	// The registry and the window of deduplication outlive the node.
	w = startNode(t, journal, state, loopback())
	defer w.stop()
	await(t, "the source runs again", func() bool {
		view, err := command.Ask(t.Context(), w, command.GetSource{Name: "price"})
		return err == nil && view.Status.State == command.SourceRunning && view.Status.Dropped.Duplicate > 2
	})
	if n := len(payloads(t, journal, "m.BTC")); n != 2 {
		t.Errorf("%d records after a restart, want 2", n)
	}
	var states string
	await(t, "both lives told of their states", func() bool {
		states = strings.Join(payloads(t, journal, "$sources.price"), "\n")
		return strings.Count(states, `"state":"running"`) == 2
	})
	for _, want := range []string{`"state":"connecting"`, `"state":"running"`, `"before":"pending"`} {
		if !strings.Contains(states, want) {
			t.Errorf("no %s in\n%s", want, states)
		}
	}
	actors, err := w.Ask(t.Context(), command.Actors{})
	if err != nil || !strings.Contains(fmt.Sprint(actors), "/sources/price") {
		t.Errorf("%v %v", actors, err)
	}
}

func TestSourcesAreAskedOfTheNode(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks, throttle()) })
	socket := feeds.NewSocket(feeds.Play(feeds.Send("{broken", `{"a":1}`), feeds.Silence()))
	url := serve(t, socket).SocketURL("/")
	w := startNode(t, memory.NewJournal(memory.Config{Self: self}), memory.NewState(), loopback())
	defer w.stop()
	changed, err := command.Ask(t.Context(), w, registry.Apply{YAML: true, Document: []byte("name: feed\nkind: websocket\nparse: json\nurl: " + url)})
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	await(t, "a record and an error", func() bool {
		return len(w.journal.Streams("feed")) == 1 && len(w.journal.Streams("$errors.feed")) == 1
	})
	if got := payloads(t, w.journal, "$errors.feed"); !strings.Contains(got[0], `"frame":"{broken"`) {
		t.Errorf("%s", got)
	}
	families, err := w.metrics.Gather()
	if err != nil {
		t.Error(err)
	}
	found := make(map[string]bool)
	for _, f := range families {
		found[f.GetName()] = true
	}
	for _, name := range []string{"anode_source_records_total", "anode_source_state", "anode_source_dropped_total", "anode_queue_dropped_total"} {
		if !found[name] {
			t.Errorf("no metric %s", name)
		}
	}
	status, err := command.Ask(t.Context(), w, command.Status{})
	if err != nil || !strings.Contains(fmt.Sprint(status), "1 source: 1 running") {
		t.Errorf("%+v %v", status, err)
	}
	if _, err := command.Ask(t.Context(), w, command.RestartSource{Name: "feed"}); err != nil {
		t.Error(err)
	}
	await(t, "another connection", func() bool { return socket.Handshakes() == 2 })
	view, err := command.Ask(t.Context(), w, command.PauseSource{Name: "feed"})
	if err != nil || view.Status.State != command.SourcePaused {
		t.Errorf("%+v %v", view, err)
	}
	if _, err := command.Ask(t.Context(), w, command.RemoveSource{Name: "feed"}); err != nil {
		t.Error(err)
	}
	await(t, "no series", func() bool {
		families, err := w.metrics.Gather()
		for _, f := range families {
			if f.GetName() == "anode_source_state" {
				return false
			}
		}
		return err == nil
	})
}

func TestWhereSourcesMayConnect(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks, throttle()) })
	server := serve(t, feeds.JSON("1"))
	address, err := netip.ParseAddrPort(strings.TrimPrefix(server.URL(""), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		sources node.Sources
		state   string
	}{
		"public only":  {node.Sources{}, command.SourceBackoff},
		"its own":      {node.Sources{Own: []netip.AddrPort{address}}, command.SourceRunning},
		"another port": {node.Sources{Own: []netip.AddrPort{netip.AddrPortFrom(address.Addr(), 1)}}, command.SourceBackoff},
		"none":         {node.Sources{Takes: "none", Own: []netip.AddrPort{address}}, command.SourcePending},
	} {
		t.Run(name, func(t *testing.T) {
			w := startNode(t, memory.NewJournal(memory.Config{Self: self}), memory.NewState(), c.sources)
			defer w.stop()
			if _, err := command.Ask(t.Context(), w, command.PutSource{YAML: true, Document: []byte("name: p\nkind: rest\nurl: " + server.URL("/"))}); err != nil {
				t.Fatal(err)
			}
			await(t, c.state, func() bool {
				view, err := command.Ask(t.Context(), w, command.GetSource{Name: "p"})
				return err == nil && view.Status.State == c.state
			})
		})
	}
}

// throttle is a goroutine that the actor library leaves for a second after a dead letter.
func throttle() goleak.Option {
	return goleak.IgnoreAnyFunction("github.com/asynkron/protoactor-go/actor.NewDeadLetter.NewThrottle.func4.1")
}
