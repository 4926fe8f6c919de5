package node

import (
	"encoding/json"
	"fmt"
	"slices"

	"anode/actors/placement"
	"anode/messages"
	"anode/messages/command"
)

// reply is the last part of an answer, or the only one. What is in it another node says: it is read by the methods
// below, which take of it what was asked for, within bounds.
type reply struct {
	Said     []placement.Said                `json:"said,omitempty"`
	Statuses map[string]command.SourceStatus `json:"statuses,omitempty"`
	// Opened: frames follow, each a part.
	Opened bool           `json:"opened,omitempty"`
	Trial  *command.Trial `json:"trial,omitempty"`
	Error  *fault         `json:"error,omitempty"`
}

func (r reply) encode() []byte {
	text, err := json.Marshal(r)
	if err != nil {
		return []byte(`{"error":{"code":"unavailable","detail":"the answer can't be written"}}`)
	}
	return text
}

// readReply reads an answer; an error of the other node is one.
func readReply(text []byte) (reply, error) {
	var r reply
	if err := json.Unmarshal(text, &r); err != nil {
		return r, errUnread
	}
	if r.Error != nil {
		return r, r.Error.err()
	}
	return r, nil
}

// errUnread: another node's answer is none.
var errUnread = fmt.Errorf("%w: the other node's answer can't be read", command.ErrUnavailable)

// said is what the other node says of sources, in the order in which they were asked about. What this version does not
// know is that it said nothing.
func (r *reply) said(sources []string) ([]placement.Said, error) {
	if len(r.Said) != len(sources) {
		return nil, errUnread
	}
	for i, said := range r.Said {
		if said > placement.SaidRunning {
			r.Said[i] = placement.SaidNothing
		}
	}
	return r.Said, nil
}

// The bounds of what another node says of a source: more than one of this version says.
const (
	mostState  = 32
	mostResume = 2 << 10
)

// named tells that all are names of nodes.
func named(ids []messages.NodeID) bool {
	return !slices.ContainsFunc(ids, func(id messages.NodeID) bool {
		_, err := messages.ParseNodeID(string(id))
		return err != nil
	})
}

// statuses are those of the sources that were asked about: of others their own owners speak. Who owns a source each node knows by
// itself.
func (r *reply) statuses(sources []string) map[string]command.SourceStatus {
	list := make(map[string]command.SourceStatus, len(sources))
	for _, name := range sources {
		status, ok := r.Statuses[name]
		if !ok || status.State == "" || len(status.State) > mostState {
			continue
		}
		status.Owners, status.Why = nil, ""
		if at := status.Moved; at != nil && (len(at.From) > placement.MaxRedundancy || len(at.To) > placement.MaxRedundancy || !named(at.From) || !named(at.To)) {
			status.Moved = nil
		}
		status.LastError, status.Hint = clean(status.LastError), clean(status.Hint)
		if at := status.Resume; at != nil && (len(at.Since) > mostResume || len(at.Cursor) > mostResume) {
			status.Resume = &command.SourceResume{Turn: at.Turn, At: at.At}
		}
		list[name] = status
	}
	return list
}
