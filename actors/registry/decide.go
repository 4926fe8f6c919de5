package registry

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/messages/wire/frame"
)

// maxSources is the most sources of a mesh.
const maxSources = 100_000

// version is what clients compare: the revision and the node of the last change.
func (e *entry) version() string { return e.last().version() }

func (e *event) version() string {
	return strconv.FormatUint(e.Revision, 10) + "-" + string(e.Node)
}

// decider makes events of commands. It is pure: clock and node are given. Its readings follow this node's clock and its last
// one, no other node's: one clock set to 2100 poisons nobody.
type decider struct {
	sources *sources
	node    messages.NodeID
	now     time.Time
	// peers: other nodes may have decided what is not known here yet.
	peers bool
}

// event stamps a change above all that is known of the source, and above what was forgotten.
func (d *decider) event(name, kind string) (*event, error) {
	e := &event{Version: formatVersion, Source: name, Kind: kind, Revision: d.sources.horizon + 1, HLC: d.sources.clock.Next(d.now), Node: d.node}
	if at := d.sources.entries[name]; at != nil {
		e.Revision = at.last().Revision + 1
		before := *at.register(e)
		e.follow(before)
		if e.Revision > frame.MaxRevision && before != nil {
			e.Revision = before.Revision + 1 // the other register is where it ends
		}
	}
	if e.Revision > frame.MaxRevision {
		return nil, fmt.Errorf("%w: source %s is at the highest revision there is, %d: no edit can come after it. Use another name, and look "+
			"for who wrote it: no honest node counts so far", command.ErrInvalid, name, uint64(frame.MaxRevision))
	}
	return e, nil
}

// seal gives an event its body; it fails where it could not travel.
func (e *event) seal() error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	e.body = body
	wire := e.wire()
	if err := wire.Check(); err != nil {
		return fmt.Errorf("%w: source %s: %w", messages.ErrTooLarge, e.Source, err)
	}
	return nil
}

// sealed are events with their bodies.
func sealed(list ...*event) ([]*event, error) {
	for _, e := range list {
		if err := e.seal(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// matches checks the condition of an If-Match: one of several versions stands.
func matches(at *entry, name, condition string) error {
	condition = strings.ReplaceAll(condition, `"`, "")
	switch {
	case condition == "":
		return nil
	case at == nil:
		return fmt.Errorf("%w: source %s does not exist", command.ErrConflict, name)
	case condition != "*" && !slices.Contains(strings.Split(condition, ","), at.version()):
		return fmt.Errorf("%w: source %s is at version %s, not %s", command.ErrConflict, name, at.version(), condition)
	}
	return nil
}

// put registers or replaces. No event means that the source is so already, and that no other node may know of a later edit: as of pause.
func (d *decider) put(s *spec.Spec, c *command.PutSource) ([]*event, error) {
	if c.Name != "" && c.Name != s.Name {
		return nil, spec.Faults{{Path: "/name", Message: fmt.Sprintf("is %q, and the address names %q", s.Name, c.Name)}}
	}
	at := d.sources.get(s.Name)
	if err := matches(at, s.Name, c.IfMatch); err != nil {
		return nil, err
	}
	switch {
	case at != nil && !c.Replace:
		return nil, fmt.Errorf("%w: source %s; replace it with PUT", command.ErrExists, s.Name)
	case at != nil && at.parsed != nil && at.parsed.Hash == s.Hash && !d.peers:
		return nil, nil
	case at == nil && d.sources.live >= maxSources:
		return nil, fmt.Errorf("%w: there are %d sources", command.ErrTooMany, maxSources)
	}
	kind := registered
	if at != nil {
		kind = replaced
	}
	e, err := d.event(s.Name, kind)
	if err != nil {
		return nil, err
	}
	e.Spec = s.JSON
	if at != nil && at.home() != "" {
		e.Born = at.spec.Born
	} else {
		e.Born = fmt.Sprintf("%s@%d", e.version(), e.HLC) // two nodes, and two lives of one, may give the same version
	}
	events := []*event{e}
	// A pause of an earlier source of that name does not count for this one.
	if before := d.sources.entries[s.Name]; at == nil && (s.Paused || before != nil && before.paused()) {
		p := *e
		p.Kind, p.Spec, p.Born, p.Line, p.Was = resumed, nil, "", nil, nil
		if s.Paused {
			p.Kind = paused
		}
		if before != nil {
			p.follow(before.pause)
		}
		events = append(events, &p)
	}
	return sealed(events...)
}

func (d *decider) find(name string) (*entry, error) {
	if at := d.sources.get(name); at != nil {
		return at, nil
	}
	return nil, fmt.Errorf("%w: source %s", command.ErrNotFound, name)
}

func (d *decider) remove(c *command.RemoveSource) ([]*event, error) {
	at, err := d.find(c.Name)
	if err != nil {
		return nil, err
	}
	if err := matches(at, c.Name, c.IfMatch); err != nil {
		return nil, err
	}
	e, err := d.event(c.Name, removed)
	if err != nil {
		return nil, err
	}
	return sealed(e)
}

// pause pauses or resumes. Who wants what is so here already may know of a change at another node that is on its way to this one: there is an
// event all the same, so that of both the later one holds. Neither knew the other, so that the clocks of the two nodes tell which that is.
// Alone there is no such.
func (d *decider) pause(c *command.PauseSource) ([]*event, error) {
	at, err := d.find(c.Name)
	if err != nil {
		return nil, err
	}
	if same := at.paused() != c.Resume && (at.pause == nil || !at.pause.unread()); same && !d.peers {
		return nil, nil
	}
	kind := paused
	if c.Resume {
		kind = resumed
	}
	e, err := d.event(c.Name, kind)
	if err != nil {
		return nil, err
	}
	return sealed(e)
}
