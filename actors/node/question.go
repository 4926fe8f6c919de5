package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"anode/actors/placement"
	"anode/actors/source"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire/frame"
)

// question is what one node asks another about sources, as JSON over a link. Fields that are not known are passed
// over, and a question that is not known is answered with an error: versions may differ.
type question struct {
	Version int `json:"v"`
	// Ask is one of the questions below.
	Ask string `json:"q"`
	// Sources are what it is about.
	Sources []string `json:"sources"`
	// Opens has the answer begin with a part that says so, before any frame came.
	Opens bool `json:"opens,omitempty"`
	// Try is what is to be tried.
	Try *tryAsked `json:"try,omitempty"`
}

// The questions.
const (
	// askSay: what a node says of sources, for placement.
	askSay = "say"
	// askStatus: how sources are that run there.
	askStatus = "status"
	// askRestart: one is to connect anew.
	askRestart = "restart"
	// askFrames: the frames of one as they come, each a part of the answer.
	askFrames = "frames"
	// askTry: a spec is to be run for a while.
	askTry = "try"
)

const questionVersion = 1

// mostAbout is the most sources that one question is about, mostStatuses how many this node asks about at a time where each answer may
// have some KiB, of the 2 MiB of a frame. mostQuestion is the longest question in bytes: one of mostAbout names of the longest fits.
const (
	mostAbout    = 10_000
	mostStatuses = 500
	mostQuestion = 1 << 20
)

// answer answers a question of another node.
func (n *Node) answer(ctx context.Context, from messages.NodeID, text []byte, send func([]byte) error) []byte {
	var q question
	if len(text) > mostQuestion || json.Unmarshal(text, &q) != nil || q.Version < 1 || len(q.Sources) > mostAbout {
		return refuse("invalid", "the question can't be read")
	}
	office, feeds := n.seated.Load(), n.learns.Load()
	if office == nil || feeds == nil { // it is starting
		return refuse("unavailable", "the node that was asked has just started")
	}
	switch q.Ask {
	case askSay:
		return reply{Said: office.Say(ctx, from, q.Sources)}.encode()
	case askStatus:
		return reply{Statuses: statuses(office, q.Sources)}.encode()
	case askRestart:
		if len(q.Sources) != 1 || !feeds.Restart(q.Sources[0]) {
			return refuse("unavailable", "the source does not run on the node that owns it now")
		}
		return reply{}.encode()
	case askFrames:
		return n.ended(from, n.sendFrames(ctx, feeds, from, &q, send))
	case askTry:
		return n.tryFor(ctx, feeds, from, q.Try)
	}
	return refuse("invalid", fmt.Sprintf("the question %.32q is not known to this version", q.Ask))
}

func refuse(code, detail string) []byte {
	return reply{Error: &fault{Code: code, Detail: detail}}.encode()
}

// statuses are how sources are, as this node knows.
func statuses(office *placement.Office, names []string) map[string]command.SourceStatus {
	list := make(map[string]command.SourceStatus, len(names))
	for _, name := range names {
		if status, known := office.Status(name); known {
			list[name] = status
		}
	}
	return list
}

// ended is the last part of an answer to a node that has no more to say than whether it failed.
func (n *Node) ended(from messages.NodeID, err error) []byte {
	if err == nil {
		return reply{}.encode()
	}
	f, whole := faultOf(err)
	if !whole {
		n.log.Warn("a question of another node failed, which is not told all of why", "peer", from, "error", err)
	}
	return reply{Error: f}.encode()
}

// sendFrames sends a source's frames as they come, until nobody listens or the source is gone. One that is too long for a link is left out, and
// said to be.
func (n *Node) sendFrames(ctx context.Context, feeds *source.Sources, from messages.NodeID, q *question, send func([]byte) error) error {
	if len(q.Sources) != 1 {
		return fmt.Errorf("%w: frames are of one source", command.ErrInvalid)
	}
	leave, err := n.guests.enter(from, q.Ask)
	if err != nil {
		return err
	}
	defer leave()
	reader, err := feeds.Frames(q.Sources[0])
	if err != nil {
		return err
	}
	defer reader.Close()
	if q.Opens {
		if err := send(reply{Opened: true}.encode()); err != nil {
			return nil //nolint:nilerr // nobody listens any more
		}
	}
	for {
		f, err := reader.Next(ctx)
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		text, err := f.AppendJSON(nil)
		if err != nil {
			return err
		}
		err = send(text)
		if errors.Is(err, frame.ErrFrame) {
			skipped := command.Frame{Skipped: 1}
			if text, err = skipped.AppendJSON(nil); err == nil {
				err = send(text)
			}
		}
		if err != nil {
			return nil //nolint:nilerr // nobody listens any more
		}
	}
}

// askNode asks another node, if there are not too many questions open, and reads an answer of one part.
func (n *Node) askNode(ctx context.Context, node messages.NodeID, q *question) (reply, error) {
	leave, err := n.asking.enter(node)
	if err != nil {
		return reply{}, err
	}
	defer leave()
	return n.askAtOnce(ctx, node, q)
}

// askAtOnce is askNode for placement, for which there is always a place.
func (n *Node) askAtOnce(ctx context.Context, node messages.NodeID, q *question) (reply, error) {
	q.Version = questionVersion
	text, err := json.Marshal(q)
	if err != nil {
		return reply{}, err
	}
	var last []byte
	if err := n.gossip.Ask(ctx, node, text, func(part []byte) error { last = part; return nil }); err != nil {
		return reply{}, err
	}
	return readReply(last)
}

// say asks another node what it says of sources.
func (n *Node) say(ctx context.Context, node messages.NodeID, sources []string) ([]placement.Said, error) {
	if n.gossip == nil {
		return nil, command.ErrUnavailable
	}
	said := make([]placement.Said, 0, len(sources))
	for some := range slices.Chunk(sources, mostAbout) {
		r, err := n.askAtOnce(ctx, node, &question{Ask: askSay, Sources: some})
		if err != nil {
			return nil, err
		}
		list, err := r.said(some)
		if err != nil {
			return nil, err
		}
		said = append(said, list...)
	}
	return said, nil
}
