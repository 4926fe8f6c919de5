package registry

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
)

// maxSources is the most sources of a mesh.
const maxSources = 100_000

// version is what clients compare: the revision and the node of the last change.
func (e *entry) version() string { return e.last().version() }

func (e *event) version() string {
	return strconv.FormatUint(e.Revision, 10) + "-" + string(e.Node)
}

// decider makes events of commands. It is pure: clock and node are given.
type decider struct {
	sources *sources
	node    messages.NodeID
	now     time.Time
}

// event stamps a change above all that is known of the source.
func (d *decider) event(name, kind string) *event {
	e := &event{Version: formatVersion, Source: name, Kind: kind, Revision: 1, HLC: d.sources.clock.Next(d.now), Node: d.node}
	if at := d.sources.entries[name]; at != nil && at.last() != nil {
		e.Revision = at.last().Revision + 1
	}
	return e
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

// put registers or replaces. No event means that the source is so already.
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
	case at != nil && at.parsed != nil && at.parsed.Hash == s.Hash:
		return nil, nil
	case at == nil && d.sources.live >= maxSources:
		return nil, fmt.Errorf("%w: there are %d sources", command.ErrTooMany, maxSources)
	}
	kind := registered
	if at != nil {
		kind = replaced
	}
	e := d.event(s.Name, kind)
	e.Spec = s.JSON
	if at != nil {
		e.Born = at.spec.Born
	} else {
		e.Born = fmt.Sprintf("%s@%d", e.version(), e.HLC) // revisions begin anew where a removal was forgotten
	}
	events := []*event{e}
	// A pause of an earlier source of that name does not count for this one.
	if before := d.sources.entries[s.Name]; at == nil && (s.Paused || before != nil && before.paused()) {
		p := *e
		p.Kind, p.Spec, p.Born = resumed, nil, ""
		if s.Paused {
			p.Kind = paused
		}
		events = append(events, &p)
	}
	return events, nil
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
	return []*event{d.event(c.Name, removed)}, nil
}

func (d *decider) pause(c *command.PauseSource) ([]*event, error) {
	at, err := d.find(c.Name)
	if err != nil || at.paused() != c.Resume {
		return nil, err
	}
	kind := paused
	if c.Resume {
		kind = resumed
	}
	return []*event{d.event(c.Name, kind)}, nil
}
