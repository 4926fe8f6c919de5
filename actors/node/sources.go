package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"anode/actors/expr"
	"anode/actors/registry"
	"anode/actors/source"
	"anode/actors/source/egress"
	"anode/actors/source/rest"
	"anode/actors/source/sse"
	"anode/actors/source/websocket"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/storage"
)

// Sources is how a node's sources connect. The zero value runs them to public addresses, without
// a directory of secrets.
type Sources struct {
	// None runs no source on this node; all are registered nevertheless.
	None bool
	// AllowPrivate are networks that sources may reach besides public addresses.
	AllowPrivate []netip.Prefix
	// Own are single addresses that they may reach too: where this node serves feeds itself.
	Own []netip.AddrPort
	// Secrets is the directory of the files that ${secret:NAME} reads; empty means that only the
	// environment has secrets.
	Secrets string
}

// kinds are the connectors: a further kind is a folder beside theirs and a line here.
func kinds() map[string]source.Kind {
	return map[string]source.Kind{
		spec.KindREST:      rest.New,
		spec.KindWebSocket: websocket.New,
		spec.KindSSE:       sse.New,
	}
}

// StateStreams are the streams of records that a node needs beyond what the journal keeps.
const StateStreams = source.StateStreams

// KeepStates gives what keeps records of StateStreams in a node's state, to be called before a journal drops them.
func KeepStates(state storage.State, log *slog.Logger) func([]*messages.Record) error {
	return source.NewKept(state, log).Keep
}

// startSources makes the actors of sources and registry.
func (n *Node) startSources(cfg *Config) error {
	guard, err := egress.New(egress.Config{Allow: cfg.Sources.AllowPrivate, Own: cfg.Sources.Own})
	if err != nil {
		return err
	}
	sources, err := source.New(source.Config{
		Node: cfg.View.ID, Intake: n, Journal: cfg.Journal, Language: source.Language(expr.NewEngine(expr.EngineConfig{Clock: cfg.Clock})), Guard: guard, Kinds: kinds(),
		Clock: cfg.Clock, Logger: cfg.Logger, Registerer: cfg.Registerer,
		Secrets: source.Secrets{Dir: cfg.Sources.Secrets, Getenv: os.Getenv},
		Kept:    source.NewKept(cfg.State, cfg.Logger), None: cfg.Sources.None,
	})
	if err != nil {
		return err
	}
	n.feeds = sources
	if n.sources, err = n.system.Spawn(sources.Spec()); err != nil {
		return err
	}
	spec, err := registry.Spec(registry.Config{
		Node: cfg.View.ID, State: cfg.State, Sources: assigner{sources}, Check: sources.Check,
		Clock: cfg.Clock, Logger: cfg.Logger,
	})
	if err != nil {
		return err
	}
	n.registry, err = n.system.Spawn(spec)
	return err
}

// The wait of frames for a source that was registered just now.
const (
	framesPatience = 2 * time.Second
	framesPause    = 10 * time.Millisecond
)

// frames opens the frames of a source that runs here.
func (n *Node) frames(ctx context.Context, name string) (command.FrameReader, error) {
	for until := time.Now().Add(framesPatience); ; {
		reader, err := n.feeds.Frames(name)
		if !errors.Is(err, command.ErrNotFound) {
			return reader, err
		}
		if _, err := command.Ask(ctx, n, command.GetSource{Name: name}); err != nil {
			return nil, err
		}
		if time.Now().After(until) {
			return nil, fmt.Errorf("%w: source %s does not run on this node", command.ErrUnavailable, name)
		}
		timer := time.NewTimer(framesPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		}
	}
}

// assigner is who runs sources to the registry.
type assigner struct {
	sources *source.Sources
}

// Assign implements registry.Sources.
func (a assigner) Assign(all []registry.Assignment) bool {
	list := make([]source.Assignment, len(all))
	for i, one := range all {
		list[i] = source.Assignment(one)
	}
	return a.sources.Assign(list)
}

// Restart implements registry.Sources.
func (a assigner) Restart(name string) bool { return a.sources.Restart(name) }

// Status implements registry.Sources.
func (a assigner) Status(name string) (command.SourceStatus, bool) { return a.sources.Status(name) }
