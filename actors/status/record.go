package status

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/units"
)

// record is what goes out on $status.<node>: a record without an id. command.ReadStatus reads it.
type record struct {
	Stream   string    `json:"stream"`
	Time     time.Time `json:"time"`
	Received time.Time `json:"received"`
	Data     data      `json:"data"`
}

type data struct {
	Node       node    `json:"node"`
	Components []brief `json:"components"`
	// Alarms is how many the node has itself.
	Alarms int `json:"alarms"`
}

// node is a node's view whose links may be short.
type node struct {
	command.NodeView
	Links []link `json:"links"`
}

// link is one of a node's; the figures are not there where there is no room.
type link struct {
	Peer  messages.NodeID `json:"peer"`
	State string          `json:"state"`
	*figures
}

type figures struct {
	RTT         float64 `json:"rtt_ms"`
	Lag         float64 `json:"lag"`
	QueuedBytes int64   `json:"queued_bytes"`
	SentBytes   uint64  `json:"sent_bytes"`
}

// brief is a component in the record.
type brief struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// newRecord makes the record of a node at a time.
func newRecord(at time.Time, n command.NodeView, components []command.ComponentView, alarms int) record {
	at = at.UTC().Truncate(time.Millisecond)
	r := record{Stream: string(stream(n.ID)), Time: at, Received: at, Data: data{Node: node{NodeView: n, Links: []link{}}, Alarms: alarms}}
	for _, l := range n.Links {
		r.Data.Node.Links = append(r.Data.Node.Links, link{l.Peer, l.State, &figures{hundredths(l.RTT), hundredths(l.Lag), l.QueuedBytes, l.SentBytes}})
	}
	for _, c := range components {
		b := brief{Name: c.Name, State: c.State}
		if c.State != command.StateOK && c.State != command.StateOff {
			b.Detail = units.Clip(c.Detail, detailInShort)
		}
		r.Data.Components = append(r.Data.Components, b)
	}
	return r
}

// stream is where a node's records are.
func stream(id messages.NodeID) messages.Stream { return messages.Stream("$status." + string(id)) }

func hundredths(v float64) float64 { return math.Round(v*100) / 100 }

// encode gives the record's JSON. Where it is too long, what others can do without goes, one after the other.
func (r record) encode() ([]byte, error) {
	n := &r.Data.Node
	shorter := []func(){
		func() {
			for i := range r.Data.Components {
				r.Data.Components[i].Detail = ""
			}
		},
		func() { n.Labels = map[string]string{} },
		func() {
			for i := range n.Links {
				n.Links[i].figures = nil
			}
		},
		func() {
			for _, long := range []*string{&n.Name, &n.Mesh, &n.HTTP, &n.Version} {
				*long = units.Clip(*long, textInShort)
			}
		},
		func() { n.Links = []link{} },
	}
	for {
		text, err := json.Marshal(r)
		switch {
		case err != nil:
			return nil, err
		case len(text) <= command.MostOfTold:
			return text, nil
		case len(shorter) == 0:
			return nil, fmt.Errorf("it has %d bytes, at most %d are allowed", len(text), command.MostOfTold)
		}
		shorter[0]()
		shorter = shorter[1:]
	}
}

// encodeAlarms gives the JSON of a node's alarms, the worst first. Where it is too long texts are cut, and then the last
// ones are only counted, in an alarm that says where the others are.
func encodeAlarms(list []command.AlarmView, n command.NodeView) ([]byte, error) {
	if len(list) <= mostSpread {
		if text, err := json.Marshal(nonNil(list)); err != nil || len(text) <= command.MostOfTold {
			return text, err
		}
	}
	short := slices.Clone(list[:min(len(list), mostSpread)])
	for i := range short {
		short[i].Reason, short[i].Hint = units.Clip(short[i].Reason, textInShort), units.Clip(short[i].Hint, textInShort)
	}
	// The biggest number that fits is found from above: of 2 KiB there are few.
	for kept := len(short); kept >= 0; kept-- {
		cut := short[:kept:kept]
		if kept < len(list) {
			cut = append(cut, remaining(list[kept:], n))
		}
		if text, err := json.Marshal(cut); err != nil || len(text) <= command.MostOfTold {
			return text, err
		}
	}
	return nil, errors.New("there is no room for any")
}

// mostSpread is how many alarms are tried to be told: none is shorter than 70 bytes.
const mostSpread = command.MostOfTold / 70

// remaining is one alarm for those for which there is no room.
func remaining(rest []command.AlarmView, n command.NodeView) command.AlarmView {
	a := command.AlarmView{
		Severity: rest[0].Severity, Node: n.ID, Since: rest[0].Since,
		Reason: fmt.Sprintf("and %s more, ask node %s", units.Count(len(rest), "alarm"), units.Clip(called(n.ID, n.Name), textInShort)),
		Hint:   "`anode alarms --server " + units.Clip(n.HTTP, textInShort) + "` shows all of them",
	}
	for i := range rest {
		if rest[i].Since.Before(a.Since) {
			a.Since = rest[i].Since
		}
	}
	return a
}

// called is a node as people know it: its id, and its name.
func called(id messages.NodeID, name string) string {
	if name == "" {
		return string(id)
	}
	return string(id) + " (" + name + ")"
}

func nonNil(list []command.AlarmView) []command.AlarmView {
	if list == nil {
		return []command.AlarmView{}
	}
	return list
}
