package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"anode/messages"
)

// MostOfTold is the most bytes of what a node tells others of itself at once: a record of its status, or its alarms.
const MostOfTold = 2 << 10

// ToldStatus is how a node says that it is, on $status.<node>.
type ToldStatus struct {
	// Time is that of the node's clock.
	Time time.Time
	Node NodeView
	// Alarms is how many alarms it has itself.
	Alarms int
}

// ReadStatus reads the record of $status.<node> that a node sent. Fields that are not known are passed over, as a newer
// version may send them; it fails where the record is too large, is no such record, is of another node, or has values
// that no node has.
func ReadStatus(node messages.NodeID, text []byte) (ToldStatus, error) {
	var r struct {
		Stream string    `json:"stream"`
		Time   time.Time `json:"time"`
		Data   struct {
			Node   NodeView `json:"node"`
			Alarms int      `json:"alarms"`
		} `json:"data"`
	}
	if err := readTold(text, &r); err != nil {
		return ToldStatus{}, err
	}
	n := &r.Data.Node
	switch {
	case r.Stream != "$status."+string(node):
		return ToldStatus{}, fmt.Errorf("it is on the stream %q", clip(r.Stream))
	case n.ID != node:
		return ToldStatus{}, fmt.Errorf("it names the node %q", clip(string(n.ID)))
	case r.Time.IsZero() || !sound(r.Time) || !sound(n.Started):
		return ToldStatus{}, errors.New("its times are none")
	case n.Sources < 0 || n.Subscribers < 0 || n.Journal.Bytes < 0 || n.Rates.In < 0 || n.Rates.Out < 0 || r.Data.Alarms < 0:
		return ToldStatus{}, errors.New("it has counts below zero")
	case min(n.Latency.MeshP50, n.Latency.MeshP99, n.Latency.DeliveryP50, n.Latency.DeliveryP99) < 0:
		return ToldStatus{}, errors.New("it has latencies below zero")
	}
	for i := range n.Links {
		l := &n.Links[i]
		if _, err := messages.ParseNodeID(string(l.Peer)); err != nil {
			return ToldStatus{}, fmt.Errorf("link %d: %w", i+1, err)
		}
		if l.RTT < 0 || l.Lag < 0 || l.QueuedBytes < 0 {
			return ToldStatus{}, fmt.Errorf("link %d has numbers below zero", i+1)
		}
	}
	n.Started = n.Started.UTC()
	return ToldStatus{Time: r.Time.UTC(), Node: *n, Alarms: r.Data.Alarms}, nil
}

// ReadAlarms reads the alarms that a node sent. Fields that are not known are passed over, and a severity that is not
// known is a warning; it fails where the list is too large, is none, or has an alarm that is not of that node or says nothing.
func ReadAlarms(node messages.NodeID, text []byte) ([]AlarmView, error) {
	var list []AlarmView
	if err := readTold(text, &list); err != nil {
		return nil, err
	}
	for i := range list {
		a := &list[i]
		switch {
		case a.Node != node:
			return nil, fmt.Errorf("alarm %d is of the node %q", i+1, clip(string(a.Node)))
		case a.Reason == "":
			return nil, fmt.Errorf("alarm %d says nothing", i+1)
		case !sound(a.Since):
			return nil, fmt.Errorf("alarm %d is of no time", i+1)
		}
		a.Since = a.Since.UTC()
		if a.Severity != SeverityCritical {
			a.Severity = SeverityWarning
		}
	}
	return list, nil
}

func readTold(text []byte, into any) error {
	if len(text) > MostOfTold {
		return fmt.Errorf("%d bytes, at most %d are allowed", len(text), MostOfTold)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("it can't be read: %w", err)
	}
	return nil
}

// sound tells whether a time can be shown: in UTC, too, its year has four digits.
func sound(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 0 && year <= 9999
}
