package node

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
)

// push opens the way into a push source.
func (n *Node) push(ctx context.Context, q command.OpenPush) (pusher command.Pusher, err error) {
	if _, here := n.feeds.Status(q.Name); !here {
		if err := n.mayPush(ctx, q.Name); err != nil {
			return nil, err
		}
	}
	err = n.running(ctx, q.Name, func() (err error) {
		pusher, err = n.feeds.OpenPush(ctx, q)
		return err
	})
	return pusher, err
}

// mayPush tells why a source that does not run here takes no pushes here; nil is that it is about to run.
func (n *Node) mayPush(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	view, err := command.Ask(ctx, n.registry, command.GetSource{Name: name})
	if err != nil {
		return err
	}
	var s struct {
		Kind  string            `json:"kind"`
		Nodes map[string]string `json:"nodes"`
	}
	if err := json.Unmarshal(view.Spec, &s); err != nil {
		return fmt.Errorf("%w: source %s can't be read", command.ErrUnavailable, name)
	}
	switch missing := n.lacks(s.Nodes); {
	case s.Kind != spec.KindPush:
		return fmt.Errorf("%w: source %s is of kind %s: it fetches its data itself", command.ErrNotPush, name, s.Kind)
	case n.gossip != nil && n.gossip.Usurped():
		return fmt.Errorf("%w: another node with this one's identity lives in the mesh: this one takes no pushes", command.ErrUnavailable)
	case n.office.Banned():
		return fmt.Errorf("%w: this node is banned from the mesh, and takes no pushes until the ban is lifted: %s", command.ErrUnavailable, n.whereTo(ctx, name))
	case missing != "":
		return fmt.Errorf("%w: source %s takes pushes on nodes with the label %s, and this one has it not: %s", command.ErrUnavailable, name, missing, n.whereTo(ctx, name))
	}
	return nil
}

// lacks is a label that this node does not have; empty is none.
func (n *Node) lacks(labels map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if has, ok := n.self.Labels[name]; !ok || has != labels[name] {
			return name + "=" + labels[name]
		}
	}
	return ""
}

// whereTo says which node takes pushes for a source.
func (n *Node) whereTo(ctx context.Context, name string) string {
	hosts := n.office.Owners(name)
	if len(hosts) == 0 || n.gossip == nil {
		return "no node of the mesh has all its labels now"
	}
	if view, err := command.Ask(ctx, n.gossipActor, command.Peers{}); err == nil {
		if at, ok := nearest(view.Nodes, hosts); ok {
			return fmt.Sprintf("push to node %s (%s), %s", at.Name, at.ID, at.HTTP)
		}
	}
	return "push to node " + string(hosts[0])
}

// nearest is the first of some nodes that lives and of which it is known where users reach it.
func nearest(nodes []command.PeerView, among []messages.NodeID) (command.PeerView, bool) {
	at := slices.IndexFunc(nodes, func(v command.PeerView) bool {
		return v.State == command.NodeAlive && strings.HasPrefix(v.HTTP, "http") && slices.Contains(among, v.ID)
	})
	if at < 0 {
		return command.PeerView{}, false
	}
	return nodes[at], true
}
