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
	"anode/actors/gossip"
	"anode/actors/registry"
	"anode/actors/source"
	"anode/actors/source/egress"
	"anode/actors/source/push"
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
	// Takes is whose sources this node fetches: all (also when empty), local or none. All are registered nevertheless.
	Takes string
	// AllowPrivate are networks that sources may reach besides public addresses.
	AllowPrivate []netip.Prefix
	// Own are single addresses that they may reach too: where this node serves feeds itself.
	Own []netip.AddrPort
	// Secrets is the directory of the files that ${secret:NAME} reads; empty means that only the
	// environment has secrets.
	Secrets string
	// Exposed tells that other machines reach the node's API: who may push should be told from who may not.
	Exposed bool
}

// kinds are the connectors: a further kind is a folder beside theirs and a line here.
func kinds() map[string]source.Kind {
	return map[string]source.Kind{
		spec.KindPush:      push.New,
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
	var catchUp func(context.Context, time.Duration)
	if n.gossip != nil {
		catchUp = n.catchUp(cfg.Journal)
	}
	sources, err := source.New(source.Config{
		Node: cfg.View.ID, Intake: n, Journal: cfg.Journal, Language: source.Language(expr.NewEngine(expr.EngineConfig{Clock: cfg.Clock})), Guard: guard, Kinds: kinds(),
		Clock: cfg.Clock, Logger: cfg.Logger, Registerer: cfg.Registerer,
		Secrets: source.Secrets{Dir: cfg.Sources.Secrets, Getenv: os.Getenv},
		Kept:    source.NewKept(cfg.State, cfg.Logger),
		Exposed: cfg.Sources.Exposed, CatchUp: catchUp,
	})
	if err != nil {
		return err
	}
	n.feeds = sources
	n.learns.Store(sources)
	if n.sources, err = n.system.Spawn(sources.Spec()); err != nil {
		return err
	}
	if err := n.makeOffice(cfg, cfg.Mesh != nil && (len(cfg.Mesh.Seeds) > 0 || gossip.Knows(cfg.State))); err != nil {
		return err
	}
	sources.SetShare(n.office.Share)
	sources.SetBudgets(n.office.Budget)
	n.seat()
	if n.placement, err = n.system.Spawn(n.office.Spec()); err != nil {
		return err
	}
	config := registry.Config{
		Node: cfg.View.ID, State: cfg.State, Sources: assigner{n.office}, Check: sources.Check, Compile: sources.Compile,
		Clock: cfg.Clock, Logger: cfg.Logger,
	}
	n.join(&config)
	spec, err := registry.Spec(config)
	if err != nil {
		return err
	}
	if n.registry, err = n.system.Spawn(spec); err != nil {
		return err
	}
	close(n.registered)
	return nil
}

// The wait for a source that was registered just now, or changes.
const (
	runsPatience = 2 * time.Second
	runsPause    = 10 * time.Millisecond
)

// running does what needs a source that runs here: again for a little while where it does not yet.
func (n *Node) running(ctx context.Context, name string, do func() error) error {
	for until := time.Now().Add(runsPatience); ; {
		err := do()
		missing := errors.Is(err, command.ErrNotFound)
		if !missing && !errors.Is(err, source.ErrNotYet) {
			return err
		}
		if missing {
			if _, err := command.Ask(ctx, n, command.GetSource{Name: name}); err != nil {
				return err
			}
		}
		if time.Now().After(until) {
			if missing {
				err = fmt.Errorf("%w: source %s does not run on this node", command.ErrUnavailable, name)
			}
			return err
		}
		timer := time.NewTimer(runsPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// frames opens the frames of a source, wherever it runs.
func (n *Node) frames(ctx context.Context, name string) (reader command.FrameReader, err error) {
	if owner := n.office.Elsewhere(name); owner != "" && n.gossip != nil {
		return n.framesAt(ctx, owner, name)
	}
	err = n.running(ctx, name, func() (err error) {
		reader, err = n.feeds.Frames(name)
		return err
	})
	return reader, err
}
