package sessiontest

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/actor"
	"anode/actors/hub"
	"anode/actors/subscriber"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
)

// World is a journal in memory with the hub and the sessions on it.
type World struct {
	t       testing.TB
	Journal *memory.Journal
	Hub     *hub.Hub
	System  *actor.System
	// Actor is the hub's, Subs the sessions'.
	Actor, Subs *actor.Ref
}

// Self is the node that the World is.
const Self = messages.NodeID("self")

// Config says how a World is made; zero is the defaults. What the hub needs besides is filled in.
type Config struct {
	Hub     hub.Config
	Session subscriber.Config
	Journal memory.Config
	// HubReads is put around the journal that the hub reads; nil is nothing.
	HubReads func(storage.Journal) storage.Journal
}

// NewWorld makes a World, with what the batches given are held of before the hub begins.
func NewWorld(t testing.TB, cfg Config, before ...wire.Sealed) *World {
	t.Helper()
	cfg.Journal.Self = Self
	w := &World{t: t, Journal: memory.NewJournal(cfg.Journal)}
	log := slog.New(slog.DiscardHandler)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(before) > 0 {
		_, err := w.Journal.Append(storage.Own, before)
		must(err)
	}
	cfg.Hub.Journal, cfg.Hub.Logger, cfg.Hub.Clock, cfg.Hub.Node = w.Journal, log, time.Now, Self
	cfg.Hub.Nodes = func() []string { return []string{"http://here"} }
	cfg.Hub.Archived = cfg.Session.Replay != nil
	if cfg.HubReads != nil {
		cfg.Hub.Journal = cfg.HubReads(w.Journal)
	}
	var err error
	w.Hub, err = hub.New(cfg.Hub)
	must(err)
	w.System, err = actor.NewSystem(actor.Config{Logger: log})
	must(err)
	w.Actor, err = w.System.Spawn(w.Hub.Spec())
	must(err)
	if cfg.Session.Journal == nil {
		cfg.Session.Journal = w.Journal
	}
	if cfg.Session.Compile == nil {
		cfg.Session.Compile = func(text string) (command.Filter, error) { return NativeID(text), nil }
	}
	if cfg.Session.Tail == nil {
		cfg.Session.Tail = tail{w.Journal}
	}
	cfg.Session.Hub, cfg.Session.Clock, cfg.Session.Logger = w.Hub, time.Now, log
	spec, err := subscriber.Spec(cfg.Session)
	must(err)
	w.Subs, err = w.System.Spawn(spec)
	must(err)
	synctest.Wait() // the hub's loops run
	return w
}

// Stop ends it. In a synctest bubble it takes the time that dead letters need.
func (w *World) Stop() {
	w.t.Helper()
	if err := w.System.Stop(context.Background()); err != nil {
		w.t.Error(err)
	}
	time.Sleep(2 * time.Second) // virtual: protoactor's dead letters have a ticker of a second
}

// Open opens a session.
func (w *World) Open(out command.Outlet) command.Session {
	w.t.Helper()
	s, err := command.Ask(w.t.Context(), w.Subs, command.OpenSession{Outlet: out, Remote: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// Subscribe opens a session whose outlet has much room, with one subscription "1".
func (w *World) Subscribe(ask command.Subscribe) (*Client, command.Session) {
	w.t.Helper()
	c := NewClient(w.t, "client", NewPipe(64<<20, false))
	s := w.Open(c.Out)
	if ask.Sub == "" {
		ask.Sub = "1"
	}
	c.Sub(ask.Sub).Last = ask.Start.Last > 0
	if err := s.Ask(w.t.Context(), ask); err != nil {
		w.t.Fatal(err)
	}
	return c, s
}

// Store appends batches and announces those that are new, live or as backfill.
func (w *World) Store(live bool, batches ...wire.Sealed) {
	w.t.Helper()
	family := storage.Backfill
	if live {
		family = storage.Live
	}
	held, err := w.Journal.Append(family, batches)
	if err != nil {
		w.t.Fatal(err)
	}
	var stored command.Stored
	for i, h := range held {
		if h == storage.HeldNew || h == storage.HeldLate {
			stored.Batches = append(stored.Batches, command.StoredBatch{Sealed: batches[i], Live: live, Late: h == storage.HeldLate})
		}
	}
	w.Hub.Announce(stored)
}

// GiveUp marks a hole as gone for good.
func (w *World) GiveUp(origin messages.NodeID, epoch uint64, gone messages.Range) {
	w.t.Helper()
	if err := w.Journal.GiveUp(origin, epoch, gone); err != nil {
		w.t.Fatal(err)
	}
	w.Hub.GaveUp(command.GaveUp{Origin: origin})
}

// NativeID is a filter: a native id that begins with the text.
type NativeID string

// Match implements command.Filter.
func (f NativeID) Match(r *messages.Record) bool {
	return bytes.HasPrefix([]byte(r.NativeID), []byte(f))
}

// String implements command.Filter.
func (f NativeID) String() string { return string(f) }

// tail reads the newest of a stream from the journal, batch by batch.
type tail struct{ journal storage.Journal }

// Archived implements subscriber.Tail.
func (tail) Archived(context.Context, messages.Pattern, messages.Stream, int) []messages.Stream {
	return nil
}

// Last implements subscriber.Tail.
func (t tail) Last(_ context.Context, stream messages.Stream, n int, upTo messages.Cursor, give func([]*messages.Record) error) error {
	list, err := t.last(stream, n, upTo)
	if err != nil {
		return err
	}
	return give(list)
}

func (t tail) last(stream messages.Stream, n int, upTo messages.Cursor) ([]*messages.Record, error) {
	var list []*messages.Record
	for origin, epochs := range t.journal.Digest() {
		for _, e := range epochs {
			for ref, err := range t.journal.Scan(storage.Scan{Stream: stream, Origin: origin, Epoch: e.Epoch}) {
				if err != nil {
					return nil, err
				}
				sealed, err := t.journal.Read(ref.ID)
				if err != nil {
					return nil, err
				}
				b, err := sealed.Open()
				if err != nil {
					return nil, err
				}
				g := b.Group(stream)
				for i := range g.Records {
					if upTo.Covers(g.Records[i].Position) {
						list = append(list, &g.Records[i])
					}
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b *messages.Record) int {
		if a.HLC != b.HLC {
			return int(int64(a.HLC) - int64(b.HLC))
		}
		return a.Position.Compare(b.Position)
	})
	return list[max(0, len(list)-n):], nil
}
