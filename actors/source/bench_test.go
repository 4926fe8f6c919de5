package source_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"anode/actors/actor"
	"anode/actors/source"
	"anode/actors/source/egress"
	"anode/actors/source/push"
	"anode/actors/source/rest"
	"anode/actors/source/sse"
	"anode/actors/source/websocket"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/storage/memory"
	"anode/testkit/feeds"
)

// intake is a journal's intake that tests hold up or let fail.
type intake struct {
	mu     sync.Mutex
	drafts []messages.Draft
	taken  []command.Submission
	held   []command.Submission
	// unconfirmed has the next submission answered so, and stored or not.
	unconfirmed *bool
	// uncovered has all be stored, and answered that no peer confirms it.
	uncovered bool
	// seal, where it is set, stores what is taken.
	seal func([]messages.Draft)
	// hold keeps submissions without an answer; refuse answers them with an error.
	hold   bool
	refuse error
}

func (i *intake) Submit(_ context.Context, s command.Submission) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if s.Done == nil {
		s.Done = func(command.Outcome) {}
	}
	switch {
	case s.Chain.Broken() != nil:
		s.Done(command.Outcome{Err: s.Chain.Broken()})
	case i.refuse != nil && !own(s):
		s.Done(command.Outcome{Err: i.refuse})
	case i.hold && !own(s):
		i.held = append(i.held, s)
	default:
		i.take(s)
	}
	return nil
}

// own tells that a submission is what sources tell of themselves.
func own(s command.Submission) bool { return len(s.Drafts) > 0 && s.Drafts[0].Stream.Own() }

func (i *intake) take(s command.Submission) {
	if stored := i.unconfirmed; stored != nil && !own(s) {
		if i.unconfirmed = nil; !*stored {
			s.Done(command.Outcome{Err: command.ErrUnconfirmed})
			return
		}
		defer s.Done(command.Outcome{Err: command.ErrUnconfirmed})
		s.Done = func(command.Outcome) {}
	}
	all := slices.Concat(s.Drafts, s.State)
	i.drafts = append(i.drafts, all...)
	if !own(s) {
		i.taken = append(i.taken, s)
	}
	if i.seal != nil {
		i.seal(all)
	}
	if i.uncovered {
		s.Done(command.Outcome{Err: command.ErrUncovered})
		return
	}
	s.Done(command.Outcome{Positions: make([]messages.Position, len(s.Drafts))})
}

func (i *intake) set(hold bool, refuse error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.hold, i.refuse = hold, refuse
	if !hold {
		for _, s := range i.held {
			i.take(s)
		}
		i.held = nil
	}
}

// submissions are those that were taken, but for what sources tell of themselves.
func (i *intake) submissions() []command.Submission {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.taken)
}

// on are the payloads of a stream, in order.
func (i *intake) on(stream messages.Stream) (all []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, d := range i.drafts {
		if d.Stream == stream {
			all = append(all, string(d.Payload))
		}
	}
	return all
}

// count is how many records are on a stream.
func (i *intake) count(stream messages.Stream) (n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for k := range i.drafts {
		if i.drafts[k].Stream == stream {
			n++
		}
	}
	return n
}

// everything is all that is kept, as text.
func (i *intake) everything() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return fmt.Sprintf("%s", i.drafts)
}

// lines is a log that tests look into.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// bench is sources without the rest of a node.
type bench struct {
	*source.Sources
	t       testing.TB
	intake  *intake
	journal *memory.Journal
	metrics *prometheus.Registry
	log     *lines
	system  *actor.System
	ref     *actor.Ref
	script  *scripted // nil where the kinds are real
	list    map[string]source.Assignment
}

const self = messages.NodeID("self")

func newBench(t testing.TB, change func(*source.Config)) *bench {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks, throttle()) })
	guard, err := egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{
		t: t, intake: &intake{}, journal: memory.NewJournal(memory.Config{Self: self}), metrics: prometheus.NewPedanticRegistry(),
		log: &lines{}, list: make(map[string]source.Assignment),
	}
	cfg := source.Config{
		Node: self, Intake: b.intake, Journal: b.journal, Language: language(), Guard: guard,
		Kinds: map[string]source.Kind{spec.KindPush: push.New, spec.KindREST: rest.New, spec.KindWebSocket: websocket.New, spec.KindSSE: sse.New},
		Clock: time.Now, Logger: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Registerer: b.metrics,
	}
	if change != nil {
		change(&cfg)
	}
	if b.Sources, err = source.New(cfg); err != nil {
		t.Fatal(err)
	}
	if b.system, err = actor.NewSystem(actor.Config{Logger: cfg.Logger}); err != nil {
		t.Fatal(err)
	}
	if b.ref, err = b.system.Spawn(b.Spec()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.intake.set(false, nil)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		begun := time.Now()
		if err := b.system.Stop(ctx); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("stopping took %s", took)
		}
	})
	return b
}

// put assigns a source from YAML, beside those that are assigned already.
func (b *bench) put(format string, args ...any) {
	b.t.Helper()
	s, err := spec.Parse(fmt.Appendf(nil, format, args...), true)
	if err != nil {
		b.t.Fatal(err)
	}
	if faults := b.Check(s); faults != nil {
		b.t.Fatal(faults)
	}
	b.list[s.Name] = source.Assignment{Spec: s}
	b.assign()
}

// parse reads a spec from YAML.
func parse(t *testing.T, document string) *spec.Spec {
	t.Helper()
	s, err := spec.Parse([]byte(document), true)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (b *bench) pause(name string, paused bool) {
	b.t.Helper()
	a := b.list[name]
	a.Paused = paused
	b.list[name] = a
	b.assign()
}

func (b *bench) remove(name string) {
	b.t.Helper()
	delete(b.list, name)
	b.assign()
}

// restart takes a source away as the end of the node does, until it is put again.
func (b *bench) restart(name string) {
	b.t.Helper()
	b.remove(name)
	b.await(name+" is gone", func() bool { _, known := b.Status(name); return !known })
}

func (b *bench) assign() {
	b.t.Helper()
	var all []source.Assignment
	for _, a := range b.list {
		all = append(all, a)
	}
	slices.SortFunc(all, func(x, y source.Assignment) int { return strings.Compare(x.Spec.Name, y.Spec.Name) })
	b.await("the supervisor takes the list", func() bool { return b.Assign(all) })
}

// await waits for a condition.
func (b *bench) await(what string, holds func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			for name := range b.list {
				status, _ := b.Status(name)
				b.t.Logf("%s: %+v", name, status)
			}
			b.t.Fatalf("never: %s\n%s", what, b.log)
		}
	}
}

// awaitState waits until a source is in a state, and gives how it is then.
func (b *bench) awaitState(name, state string) (status command.SourceStatus) {
	b.t.Helper()
	b.await(name+" is "+state, func() bool {
		status, _ = b.Status(name)
		return status.State == state
	})
	return status
}

// awaitError waits until the last error has a text, and gives how the source is then.
func (b *bench) awaitError(name, text string) (status command.SourceStatus) {
	b.t.Helper()
	b.await(name+" has the error "+text, func() bool {
		status, _ = b.Status(name)
		return strings.Contains(status.LastError, text)
	})
	return status
}

func (b *bench) awaitRecords(stream messages.Stream, n int) []string {
	b.t.Helper()
	b.await(fmt.Sprintf("%d records on %s", n, stream), func() bool { return b.intake.count(stream) >= n })
	return b.intake.on(stream)
}

// states are the states that a source told of, in order.
func (b *bench) states(name string) (all []string) {
	for _, text := range b.intake.on(messages.Stream("$sources." + name)) {
		var r struct{ State, Reason string }
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			b.t.Fatal(err)
		}
		all = append(all, r.State)
	}
	return all
}

// awaitStates waits until the states that a source told of begin so.
func (b *bench) awaitStates(name, begin string) {
	b.t.Helper()
	b.await(name+" told of "+begin, func() bool { return strings.HasPrefix(strings.Join(b.states(name), " "), begin) })
}

func (b *bench) serve(h http.Handler) *feeds.Server {
	b.t.Helper()
	server, err := feeds.Start(h)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := server.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return server
}

// throttle is a goroutine that the actor library leaves for a second after a dead letter.
func throttle() goleak.Option {
	return goleak.IgnoreAnyFunction("github.com/asynkron/protoactor-go/actor.NewDeadLetter.NewThrottle.func4.1")
}

// snapshot is all that is kept, in order.
func (i *intake) snapshot() []messages.Draft {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.drafts)
}
