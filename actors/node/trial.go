package node

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"anode/actors/source"
	"anode/messages"
	"anode/messages/command"
)

const (
	// mostTrial is how many bytes of what came of a try another node is told: it is one part of an answer, and a frame of a link has 2 MiB.
	mostTrial = 1792 << 10
	// tryTail is how much longer than its time a try may take to end.
	tryTail = 15 * time.Second
)

// tryAsked is a try that another node is asked for.
type tryAsked struct {
	Document []byte `json:"document"`
	YAML     bool   `json:"yaml,omitempty"`
	// For is in milliseconds.
	For     int64 `json:"for"`
	Records int   `json:"records"`
}

// try runs a spec on the node that is named, this one where none is.
func (n *Node) try(ctx context.Context, q command.Try) (command.Trial, error) {
	node, err := n.named(ctx, q.Node)
	if err != nil {
		return command.Trial{}, err
	}
	if node == n.self.ID {
		return n.feeds.Try(ctx, q)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, q.For+tryTail, fmt.Errorf("%w: the try on node %s did not end in time", command.ErrUnavailable, node))
	defer cancel()
	asked := &tryAsked{Document: q.Document, YAML: q.YAML, For: q.For.Milliseconds(), Records: q.Records}
	r, err := n.askNode(ctx, node, &question{Ask: askTry, Try: asked})
	if err != nil {
		return command.Trial{}, err
	}
	return r.trial(q.Records)
}

// tryFor runs a spec for another node.
func (n *Node) tryFor(ctx context.Context, feeds *source.Sources, from messages.NodeID, q *tryAsked) []byte {
	if q == nil || q.For < 1 || q.For > command.MaxTry.Milliseconds() || q.Records < 1 || q.Records > command.MaxTryRecords {
		return refuse("invalid", "the try can't be read")
	}
	leave, err := n.guests.enter(from, askTry)
	if err != nil {
		return n.ended(from, err)
	}
	defer leave()
	d := time.Duration(q.For) * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, d+tryTail)
	defer cancel()
	view, err := feeds.Try(ctx, command.Try{Document: q.Document, YAML: q.YAML, For: d, Records: q.Records})
	if err != nil {
		return n.ended(from, err)
	}
	if err := fit(&view, mostTrial); err != nil {
		return n.ended(from, err)
	}
	return reply{Trial: &view}.encode()
}

// fit leaves out of a trial what is last until it has no more bytes, and counts that.
func fit(view *command.Trial, most int) error {
	bare := *view
	bare.Frames, bare.Records, bare.RecordFrames, bare.Dropped = nil, nil, nil, nil
	room := most - sizeOf(bare) - 4096
	if room < 0 {
		return fmt.Errorf("%w: what came of the try is too long for another node", command.ErrUnavailable)
	}
	drops := fitting(view.Dropped, room/4)
	for _, d := range view.Dropped[drops:] {
		view.More.Dropped += d.Count
	}
	view.Dropped = view.Dropped[:drops]
	room -= sizeOf(view.Dropped)
	records := fitting(view.Records, room/2)
	view.More.Records += len(view.Records) - records
	view.Records, view.RecordFrames = view.Records[:records], view.RecordFrames[:records]
	room -= sizeOf(view.Records) + sizeOf(view.RecordFrames)
	frames := fitting(view.Frames, room)
	view.More.Frames += len(view.Frames) - frames
	view.Frames = view.Frames[:frames]
	for i, at := range view.RecordFrames {
		if at >= frames {
			view.RecordFrames[i] = -1
		}
	}
	for i := range view.Dropped {
		if view.Dropped[i].Index >= frames {
			view.Dropped[i].Index = -1
		}
	}
	return nil
}

// fitting is how many of a list, from the first, have no more bytes together.
func fitting[T any](list []T, most int) int {
	for i := range list {
		if most -= sizeOf(list[i]) + 1; most < 0 {
			return i
		}
	}
	return len(list)
}

// sizeOf is how long a value is over a link; what can't be written has no room.
func sizeOf(v any) int {
	text, err := json.Marshal(v)
	if err != nil {
		return mostTrial
	}
	return len(text)
}

// trial is what another node says that came of a try for so many records.
func (r *reply) trial(records int) (command.Trial, error) {
	view := r.Trial
	switch {
	case view == nil, len(view.Records) > records, len(view.RecordFrames) != len(view.Records):
		return command.Trial{}, errUnread
	}
	within := func(at int) bool { return at >= -1 && at < len(view.Frames) }
	for _, at := range view.RecordFrames {
		if !within(at) {
			return command.Trial{}, errUnread
		}
	}
	for i := range view.Dropped {
		if !within(view.Dropped[i].Index) {
			return command.Trial{}, errUnread
		}
	}
	return *view, nil
}

// named is the node that has an id or a name; this one where none is given. One that does not live is ErrUnavailable, one that is not known
// ErrNotFound.
func (n *Node) named(ctx context.Context, text string) (messages.NodeID, error) {
	if text == "" || text == string(n.self.ID) {
		return n.self.ID, nil
	}
	nodes := []command.PeerView{{ID: n.self.ID, Name: n.self.Name, State: command.NodeAlive}}
	if n.gossip != nil {
		ctx, cancel := context.WithTimeout(ctx, askPatience)
		defer cancel()
		view, err := command.Ask(ctx, n.gossipActor, command.Peers{})
		if err != nil {
			return "", err
		}
		nodes = view.Nodes
	}
	return find(nodes, text)
}

// find is the one of some nodes that has an id or a name. Of several with a name it is the one that lives.
func find(nodes []command.PeerView, text string) (messages.NodeID, error) {
	var live, down []command.PeerView
	for i := range nodes {
		v := &nodes[i]
		switch {
		case string(v.ID) != text && v.Name != text:
		case v.State == command.NodeDead || v.State == command.NodeLeft || v.Banned:
			down = append(down, *v)
		case string(v.ID) == text:
			return v.ID, nil
		default:
			live = append(live, *v)
		}
	}
	switch {
	case len(live) == 1:
		return live[0].ID, nil
	case len(live) > 1:
		ids := make([]string, len(live))
		for i := range live {
			ids[i] = string(live[i].ID)
		}
		return "", fmt.Errorf("%w: %d nodes have the name %s: give the id of one, %s", command.ErrInvalid, len(live), clean(text), strings.Join(ids, " or "))
	case len(down) == 0:
		return "", fmt.Errorf("%w: no node of the mesh has the id or the name %s", command.ErrNotFound, clean(text))
	}
	state := down[0].State
	if down[0].Banned {
		state = "banned"
	}
	return "", fmt.Errorf("%w: node %s (%s) can't be asked: it is %s", command.ErrUnavailable, down[0].Name, down[0].ID, state)
}
