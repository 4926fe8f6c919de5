package registry

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"anode/messages/spec"
	"anode/messages/units"
	"anode/messages/wire/frame"
)

// The first parts of the keys of registers that this version follows. Registers of other keys are kept, and passed on.
const (
	keySource = "source/"
	keyNode   = "node/"
	keyBan    = "ban/"
)

// The last parts of a source's keys.
const (
	lastSpec  = "/spec"
	lastPause = "/paused"
)

// key is the register that the event is of, in the mesh.
func (e *event) key() string { return keySource + registerKey(e) }

// wire is the event as it travels.
func (e *event) wire() frame.Event {
	return frame.Event{Key: e.key(), Revision: e.Revision, HLC: e.HLC, Node: e.Node, Body: e.body}
}

// sourceOf reads the key of a source's register; false is that it is none of this version's.
func sourceOf(key string) (name string, pause, ok bool) {
	rest, ok := strings.CutPrefix(key, keySource)
	if !ok {
		return "", false, false
	}
	if name, pause = strings.CutSuffix(rest, lastPause); !pause {
		if name, ok = strings.CutSuffix(rest, lastSpec); !ok {
			return "", false, false
		}
	}
	return name, pause, spec.Named(name)
}

// readWire reads an event that came, of whatever origin: it is nil where its key is no source's. One whose body this version
// can't read, or which is not what the key and the stamp say, is unread: it counts, so that all nodes agree on who holds the
// register, and says why.
func readWire(w *frame.Event) *event {
	name, pause, ok := sourceOf(w.Key)
	if !ok {
		return nil
	}
	e, err := readBody(w.Body)
	if err == nil {
		err = e.agrees(w)
	}
	if err != nil {
		e = &event{Source: name, Kind: unreadSpec, Revision: w.Revision, HLC: w.HLC, Node: w.Node, fault: err}
		if pause {
			e.Kind = unreadPause
		}
	}
	e.body = w.Body
	return e
}

// readBody reads an event from what is stored or came.
func readBody(body []byte) (*event, error) {
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, err
	}
	if e.Version != formatVersion {
		return nil, fmt.Errorf("format version %d is not known to this version", e.Version)
	}
	switch e.Kind {
	case registered, replaced, removed, paused, resumed:
	default:
		return nil, fmt.Errorf("%q is no kind of event", units.Clip(e.Kind, 80))
	}
	e.body = body
	return &e, nil
}

// agrees tells whether an event says what its key and stamp say.
func (e *event) agrees(w *frame.Event) error {
	if e.key() != w.Key || e.Revision != w.Revision || e.HLC != w.HLC || e.Node != w.Node {
		return errors.New("the event is not what its key and stamp say")
	}
	return nil
}

// compareWire orders events of one register as event.compare does.
func compareWire(a, b *frame.Event) int {
	return cmp.Or(cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.HLC, b.HLC), cmp.Compare(a.Node, b.Node), strings.Compare(string(a.Body), string(b.Body)))
}

func version(w *frame.Event) string { return fmt.Sprintf("%d-%s", w.Revision, w.Node) }

// held is how a register is stored whose value is no event of a source that can be read.
type held struct {
	Version  int    `json:"v"`
	Revision uint64 `json:"revision"`
	HLC      uint64 `json:"hlc"`
	Node     string `json:"node"`
	Body     []byte `json:"body"`
}
