package status

import (
	"bytes"
	"time"

	"anode/messages/command"
)

// toldAgain is the pace at which alarms that did not change are told.
const toldAgain = 10 * time.Second

// told is what the other nodes were told of this one's alarms last. Its zero value is that of a node that was started:
// others may know alarms of its past.
type told struct {
	alarms []byte
	at     time.Time
}

// due tells whether alarms are to be told: when they are others than before, and again while there are any.
func (t *told) due(alarms []byte, some bool, at time.Time) bool {
	age := at.Sub(t.at)
	return !bytes.Equal(alarms, t.alarms) || some && (age >= toldAgain || age < 0)
}

// publish sends the node's record and its alarms: first how many, then which.
func (s *statusActor) publish() {
	at, own, node := s.cfg.Clock(), s.fold.own(), s.fold.node(s.cfg.Node)
	s.pace.note(at, s.fold.mesh.nodes(node))
	text, err := newRecord(at, node, s.fold.last.components, len(own)).encode()
	if err != nil {
		s.cfg.Logger.Error("the node's status can't be written", "error", err)
		return
	}
	s.cfg.Publish(command.Ephemeral{Stream: stream(node.ID), JSON: text})
	if s.cfg.Spread == nil {
		return
	}
	s.cfg.Spread(command.KindStatus, text)
	alarms, err := encodeAlarms(own, node)
	if err != nil {
		s.cfg.Logger.Error("the node's alarms can't be told", "error", err)
		return
	}
	if s.told.due(alarms, len(own) > 0, at) {
		s.told = told{alarms, at}
		s.cfg.Spread(command.KindAlarms, alarms)
	}
}
