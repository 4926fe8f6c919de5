package node

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"anode/messages"
	"anode/messages/command"
)

// leastPrefix is how much of a node's id names it.
const leastPrefix = 4

// ban shuts the node out that somebody means, or lets it in again. Of one that is known and not banned here a lift is written all the same,
// as a ban may be on its way; that it is not banned is the answer nevertheless.
func (n *Node) ban(ctx context.Context, q command.Ban) (any, error) {
	nodes, err := n.known(ctx)
	if err != nil {
		return nil, err
	}
	bans, err := command.Ask(ctx, n.registry, command.Bans{})
	if err != nil {
		return nil, err
	}
	id, err := meant(nodes, bans, n.self.ID, q.Node)
	if err != nil {
		return nil, err
	}
	banned := slices.ContainsFunc(bans, func(b command.BanView) bool { return b.Node == id })
	missing := fmt.Errorf("%w: node %s is not banned, as far as this node knows", command.ErrNotFound, id)
	if q.Lift && !banned && !slices.ContainsFunc(nodes, func(v command.PeerView) bool { return v.ID == id }) {
		return nil, missing
	}
	q.Node = string(id)
	answer, err := n.registry.Ask(ctx, q)
	if err == nil && q.Lift && !banned {
		return nil, missing
	}
	return answer, err
}

// known are the nodes of the mesh, this one too.
func (n *Node) known(ctx context.Context) ([]command.PeerView, error) {
	self := command.PeerView{ID: n.self.ID, Name: n.self.Name, State: command.NodeAlive}
	if n.gossip == nil {
		return []command.PeerView{self}, nil
	}
	view, err := command.Ask(ctx, n.gossipActor, command.Peers{})
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(view.Nodes, func(v command.PeerView) bool { return v.ID == n.self.ID }) {
		view.Nodes = append(view.Nodes, self)
	}
	return view.Nodes, nil
}

// meant is the node that somebody means by an id, a name that only one has, or the beginning of an id. One that is known to nobody, as
// one may be that is to come, is named by its whole id, and must look like one: as long as this node's.
func meant(nodes []command.PeerView, bans []command.BanView, self messages.NodeID, text string) (messages.NodeID, error) {
	var named, begun []messages.NodeID
	note := func(id messages.NodeID) {
		if len(text) >= leastPrefix && strings.HasPrefix(string(id), text) && !slices.Contains(begun, id) {
			begun = append(begun, id)
		}
	}
	for i := range nodes {
		if string(nodes[i].ID) == text {
			return nodes[i].ID, nil
		}
		if nodes[i].Name == text {
			named = append(named, nodes[i].ID)
		}
		note(nodes[i].ID)
	}
	for i := range bans {
		note(bans[i].Node)
	}
	for _, found := range [][]messages.NodeID{named, begun} {
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return "", fmt.Errorf("%w: %d nodes are called %s: give the id of one", command.ErrInvalid, len(found), clean(text))
		}
	}
	id, err := messages.ParseNodeID(text)
	if err != nil || len(id) != len(self) {
		return "", fmt.Errorf("%w: no node of the mesh has the id or the name %s: one that is not known now is named by its whole id", command.ErrNotFound, clean(text))
	}
	return id, nil
}
