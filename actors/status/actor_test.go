package status

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
)

// in runs a test with a status actor in virtual time; what the configuration leaves out is filled in.
func in(t *testing.T, cfg Config, test func(t *testing.T, ref *actor.Ref)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		run(t, cfg, func(ref *actor.Ref) { test(t, ref) })
	})
}

// run is in for a test that is in virtual time already.
func run(t *testing.T, cfg Config, test func(ref *actor.Ref)) {
	t.Helper()
	cfg.Clock, cfg.Node.ID = time.Now, "self"
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Journal == nil {
		cfg.Journal = memory.NewJournal(memory.Config{Self: "self"})
	}
	if cfg.Sources == nil {
		cfg.Sources = func(context.Context) ([]command.SourceView, error) { return nil, nil }
	}
	if cfg.Publish == nil {
		cfg.Publish = func(command.Ephemeral) {}
	}
	well := func(context.Context) error { return nil }
	cfg.Probe, cfg.Canary = well, well
	system, err := actor.NewSystem(actor.Config{Logger: cfg.Logger})
	if err != nil {
		t.Fatal(err)
	}
	spec, err := Spec(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := system.Spawn(spec)
	if err != nil {
		t.Fatal(err)
	}
	test(ref)
	if err := system.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	time.Sleep(2 * time.Second) // virtual: protoactor's throttle ends
}

// slowLists is a journal with very many streams: to list them takes a while.
type slowLists struct {
	storage.Journal
	asked []int
	gate  chan struct{}
}

func (s *slowLists) StreamsAfter(_ messages.Pattern, after messages.Stream, most int) []storage.StreamInfo {
	s.asked = append(s.asked, most)
	<-s.gate
	return []storage.StreamInfo{{Stream: after + "x", Records: 7, Bytes: 9, Last: 1000}}
}

// Streams are listed a page at a time, and while that takes time the node says how it is.
func TestStreamsAreListedBesideTheActor(t *testing.T) {
	j := &slowLists{Journal: memory.NewJournal(memory.Config{Self: "self"})}
	in(t, Config{Journal: j}, func(t *testing.T, ref *actor.Ref) {
		j.gate = make(chan struct{}) // of the bubble
		page := make(chan any)
		go func() {
			answer, err := ref.Ask(t.Context(), command.Streams{Match: messages.Everything, After: "s.", Most: 3})
			if err != nil {
				t.Error(err)
			}
			page <- answer
		}()
		synctest.Wait()
		if _, err := ref.Ask(t.Context(), command.Status{}); err != nil {
			t.Errorf("while the streams are listed: %v", err)
		}
		close(j.gate)
		want := command.StreamView{Name: "s.x", Records: 7, Bytes: 9, Last: time.UnixMilli(1000).UTC()}
		if list, ok := (<-page).([]command.StreamView); !ok || len(list) != 1 || list[0] != want {
			t.Errorf("%+v, want %+v", list, want)
		}
		if len(j.asked) != 1 || j.asked[0] != 3 {
			t.Errorf("the journal was asked for %v streams, want 3 once", j.asked)
		}
	})
}

// Of each stream that is listed it is counted what it holds, as its rate is what was added: of the mesh's own streams too.
func TestAllStreamsAreCounted(t *testing.T) {
	j := memory.NewJournal(memory.Config{Self: "self"})
	streams := []messages.Stream{"s", "$errors.s", "$sources.s", "$state.s"}
	var drafts []messages.Draft
	for _, stream := range streams {
		drafts = append(drafts, messages.Draft{Stream: stream, Payload: []byte("1")})
	}
	place := wire.Place{First: messages.HLC(0).Next(time.Now())}
	place.Origin, place.Epoch, place.Sequence = "self", 1, 1
	sealed, _, _, err := wire.NewSealer(wire.S2).Seal(place, drafts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(storage.Live, []wire.Sealed{sealed}); err != nil {
		t.Fatal(err)
	}
	counts := (&statusActor{cfg: Config{Journal: j}}).countStreams()
	for _, stream := range streams {
		if counts[stream] != 1 {
			t.Errorf("%s: %d records, want 1", stream, counts[stream])
		}
	}
}

// The record of $status.<node> is small, whatever the node's names are.
func TestTheStatusRecordIsBounded(t *testing.T) {
	var sent []command.Ephemeral
	long := strings.Repeat("é", 2000)
	cfg := Config{Publish: func(e command.Ephemeral) { sent = append(sent, e) }, Node: command.NodeView{
		Name: long, HTTP: long, Mesh: long, Version: long, Labels: map[string]string{"a": long}, Links: []command.LinkView{{Peer: messages.NodeID(long)}},
	}}
	in(t, cfg, func(t *testing.T, _ *actor.Ref) {
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if len(sent) < 2 {
			t.Fatalf("%d records in 3 s, want one each 2 s", len(sent))
		}
		for _, e := range sent {
			if e.Stream != "$status.self" || len(e.JSON) > command.MostOfTold || !utf8.Valid(e.JSON) {
				t.Errorf("%d bytes on %s", len(e.JSON), e.Stream)
			}
		}
	})
}
