package registry

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire/frame"
)

// others is the fold of all events that are of no source: registers of nodes, bans, and what later versions have.
type others map[string]frame.Event

// apply joins an event; it tells whether that holds its register now.
func (o others) apply(e *frame.Event) bool {
	if old, ok := o[e.Key]; ok && compareWire(&old, e) >= 0 {
		return false
	}
	o[e.Key] = *e
	return true
}

// next stamps a value of a register above what holds it; false is that there is no revision above.
func (o others) next(key string, node messages.NodeID, clock messages.HLC, now time.Time, body []byte) (frame.Event, bool) {
	e := frame.Event{Key: key, Revision: o[key].Revision + 1, HLC: clock.Next(now), Node: node, Body: body}
	return e, e.Check() == nil
}

// nodes are the registers of nodes that can be read.
func (o others) nodes() map[messages.NodeID]Register {
	all := make(map[messages.NodeID]Register)
	for key := range o {
		e := o[key]
		if id, ok := idOf(key, keyNode); ok && e.Node == id {
			r, err := readRegister(e.Body)
			if err != nil { // of a later version: what it takes is not known, so nothing is to be given to it
				r = command.NodeRegister{Own: unread}
			}
			all[id] = Register{NodeRegister: r, Version: version(&e)}
		}
	}
	return all
}

// unread is the Own of a register that this version can't read.
const unread = "unread"

// bans are the nodes that are shut out.
func (o others) bans() map[messages.NodeID]command.BanView {
	all := make(map[messages.NodeID]command.BanView)
	for key := range o {
		e := o[key]
		id, ok := idOf(key, keyBan)
		if !ok {
			continue
		}
		if b, err := readBan(e.Body); err == nil && b.Banned {
			all[id] = command.BanView{Node: id, By: e.Node, At: b.At}
		}
	}
	return all
}

// idOf reads the node that a key names after a first part.
func idOf(key, first string) (messages.NodeID, bool) {
	text, ok := strings.CutPrefix(key, first)
	if !ok {
		return "", false
	}
	id, err := messages.ParseNodeID(text)
	return id, err == nil
}

// ban is the value of ban/<node>.
type ban struct {
	Version int       `json:"v"`
	Banned  bool      `json:"banned"`
	At      time.Time `json:"at"`
	// By is who was told to: the event's node, by which it is shown.
	By messages.NodeID `json:"by"`
}

func readBan(body []byte) (b ban, err error) {
	if err := json.Unmarshal(body, &b); err != nil {
		return ban{}, err
	}
	if b.Version != formatVersion {
		return ban{}, fmt.Errorf("format version %d is not known to this version", b.Version)
	}
	if year := b.At.UTC().Year(); year < 0 || year > 9999 {
		return ban{}, fmt.Errorf("the year %d is none", year)
	}
	b.At = b.At.UTC()
	return b, nil
}

// stored is the value of node/<id>.
type stored struct {
	Version int `json:"v"`
	command.NodeRegister
}

func readRegister(body []byte) (command.NodeRegister, error) {
	var r stored
	if err := json.Unmarshal(body, &r); err != nil {
		return command.NodeRegister{}, err
	}
	if r.Version != formatVersion {
		return command.NodeRegister{}, fmt.Errorf("format version %d is not known to this version", r.Version)
	}
	return r.NodeRegister, r.Check()
}

func writeRegister(r *command.NodeRegister) ([]byte, error) {
	return json.Marshal(stored{Version: formatVersion, NodeRegister: *r})
}

// Register is what a node says of itself to all, as it came: of another Version it was said anew.
type Register struct {
	command.NodeRegister
	Version string
}

func sameRegister(a, b *command.NodeRegister) bool {
	same := a.Own == b.Own && a.Said == b.Said && maps.Equal(a.Labels, b.Labels) && len(a.Yields) == len(b.Yields)
	for i := range a.Yields {
		same = same && a.Yields[i] == b.Yields[i]
	}
	if a.Archive == nil || b.Archive == nil {
		return same && a.Archive == b.Archive
	}
	return same && *a.Archive == *b.Archive
}
