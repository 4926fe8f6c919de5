package subscriber

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/units"
	"anode/storage"
	"anode/storage/replay"
)

// Name is the supervisor's name in the tree.
const Name = "subscribers"

// Hub is what sessions need of the hub.
type Hub interface {
	Open(outlet command.Outlet, remote string) command.Seat
}

// Tail gives the n newest records of a stream, ascending, that stand at or below a cursor: in parts that
// are small enough to be held, the next when give has returned. An error of give ends it.
type Tail interface {
	Last(ctx context.Context, stream messages.Stream, n int, upTo messages.Cursor, give func([]*messages.Record) error) error
	// Archived gives the first streams by name that match, come after one, and of which the archive has something: at most so many.
	Archived(ctx context.Context, match messages.Pattern, after messages.Stream, most int) []messages.Stream
}

// Compile makes a filter of its text; an error says what is wrong with it.
type Compile func(text string) (command.Filter, error)

// Config is what sessions need. All fields are required but those of which it is said.
type Config struct {
	Hub     Hub
	Journal storage.Journal
	Tail    Tail
	Compile Compile
	// Replay reads what the journal has not any more; nil is no archive.
	Replay *replay.Replay
	// Heads are the newest places of origins that peers know of; nil is none.
	Heads  func() []messages.Position
	Clock  func() time.Time
	Logger *slog.Logger
	// LatestFrom is how far back an origin that turns up later counts as live: 1 h.
	LatestFrom time.Duration
	// MostSubscriptions and MostOfNode bound subscriptions of a connection (64) and of the node (100,000).
	MostSubscriptions int
	MostOfNode        int64
}

// The bounds of one subscription.
const (
	mostPatterns = 64
	mostWhere    = 2 << 10
	mostSub      = 256
)

func (c Config) withDefaults() Config {
	if c.LatestFrom <= 0 {
		c.LatestFrom = time.Hour
	}
	if c.MostSubscriptions <= 0 {
		c.MostSubscriptions = 64
	}
	if c.MostOfNode <= 0 {
		c.MostOfNode = 100_000
	}
	return c
}

// Validate names all faults of the configuration.
func (c Config) Validate() error {
	return actor.Missing("subscriber", map[string]bool{
		"Hub": c.Hub == nil, "Journal": c.Journal == nil, "Tail": c.Tail == nil, "Compile": c.Compile == nil,
		"Clock": c.Clock == nil, "Logger": c.Logger == nil,
	})
}

// shared is what all sessions of a node have in common.
type shared struct {
	Config
	subscriptions atomic.Int64
}

// Spec says how the supervisor is made.
func Spec(cfg Config) (actor.Spec, error) {
	if err := cfg.Validate(); err != nil {
		return actor.Spec{}, err
	}
	s := &shared{Config: cfg.withDefaults()}
	return actor.Spec{Name: Name, Limit: 1 << 20, New: func() actor.Actor { return &supervisor{shared: s} }}, nil
}

// supervisor makes sessions.
type supervisor struct{ shared *shared }

// hungUp tells that a session's connection has ended.
type hungUp struct{ session *actor.Ref }

// Receive implements actor.Actor.
func (s *supervisor) Receive(ctx *actor.Context, message any) {
	switch m := message.(type) {
	case command.OpenSession:
		session, err := s.open(ctx, m)
		actor.Answer(ctx, m, session, err)
	case hungUp:
		ctx.Stop(m.session)
	case command.Component:
		actor.Answer(ctx, m, s.view(ctx), nil)
	}
}

func (s *supervisor) open(ctx *actor.Context, m command.OpenSession) (command.Session, error) {
	seat := s.shared.Hub.Open(m.Outlet, m.Remote)
	lives := 0
	ref, err := ctx.Spawn(actor.Spec{
		Name: seat.ID(),
		New: func() actor.Actor {
			lives++
			return &session{shared: s.shared, seat: seat, subs: make(map[string]*subscription), spent: lives > 1}
		},
	})
	if err != nil {
		seat.Close(command.CloseUnavailable, "the node can't take more sessions now")
		return nil, err
	}
	h := &handle{Seat: seat, ref: ref, supervisor: ctx.Self()}
	if m.Taken != nil && !m.Taken(h) {
		seat.Close(0, "")
		ctx.Stop(ref)
		return nil, fmt.Errorf("%w: the connection did not wait for its session", command.ErrUnavailable)
	}
	return h, nil
}

func (s *supervisor) view(ctx *actor.Context) command.ComponentView {
	sessions := len(ctx.Self().Children())
	subscriptions := s.shared.subscriptions.Load()
	return command.ComponentView{
		Name: Name, State: command.StateOK, Detail: units.Count(sessions, "session") + " with " + units.Count(subscriptions, "subscription"),
		Figures: map[string]float64{"sessions": float64(sessions), "subscriptions": float64(subscriptions)},
	}
}

// handle is the gateway's hold on a session.
type handle struct {
	command.Seat
	ref, supervisor *actor.Ref
}

// Ask implements command.Session.
func (h *handle) Ask(ctx context.Context, operation any) error {
	_, err := h.ref.Ask(ctx, operation)
	return err
}

// Hangup implements command.Session.
func (h *handle) Hangup() {
	h.Close(0, "")
	h.supervisor.Tell(hungUp{h.ref})
}
