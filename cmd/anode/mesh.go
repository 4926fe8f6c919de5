package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"anode/client"
	"anode/messages"
	"anode/messages/command"
)

// The widths of a table of nodes, in characters.
const (
	nameWidth    = 20
	idWidth      = 8
	versionWidth = 14
)

// mesh prints the nodes, and the links of the one that was asked, where there are several, and gives them.
func (c *connect) mesh(ctx context.Context, node *client.Client, self messages.NodeID) ([]command.NodeView, error) {
	var raw json.RawMessage
	if err := node.Get(ctx, "/cluster", nil, &raw); err != nil {
		return nil, err
	}
	var cluster command.ClusterView
	if err := json.Unmarshal(raw, &cluster); err != nil {
		return nil, err
	}
	switch {
	case len(cluster.Nodes) < 2:
		return cluster.Nodes, nil
	case c.json():
		return cluster.Nodes, object(c.sh.out, raw)
	}
	return cluster.Nodes, c.printMesh(cluster.Nodes, self)
}

// nameOf is how people call a node: its name, with its id where another one has that too, or its id.
func nameOf(id messages.NodeID, nodes []command.NodeView) string {
	name, twins := "", 0
	for i := range nodes {
		if nodes[i].ID == id {
			name = nodes[i].Name
		}
	}
	for i := range nodes {
		if nodes[i].Name == name {
			twins++
		}
	}
	switch {
	case name == "":
		return string(id)
	case twins > 1:
		return oneLine(name) + " (" + string(id) + ")"
	}
	return oneLine(name)
}

// nodesText are nodes as people call them.
func nodesText(ids []messages.NodeID, nodes []command.NodeView) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = nameOf(id, nodes)
	}
	return orDash(strings.Join(names, ", "))
}

func (c *connect) printMesh(nodes []command.NodeView, self messages.NodeID) error {
	p := c.sh.paint()
	t := c.sh.table("NODE", "ID", "STATE", "HTTP", "VERSION", "SOURCES", "SUBS", "IN", "OUT", "HELD", "SEEN")
	t.looks[2] = p.state
	names := make(map[messages.NodeID]string, len(nodes))
	var links []command.LinkView
	for i := range nodes {
		n := &nodes[i]
		names[n.ID] = n.Name
		if n.ID == self {
			links = n.Links
		}
		state := n.State
		if n.Banned {
			state = "banned"
		}
		t.row(orDash(short(n.Name, nameWidth)), short(string(n.ID), idWidth), state, orDash(n.HTTP), orDash(short(n.Version, versionWidth)),
			strconv.Itoa(n.Sources), strconv.Itoa(n.Subscribers), rateText(n.Rates.In), rateText(n.Rates.Out), bytesText(float64(n.Journal.Bytes)), c.sh.ago(n.Seen))
	}
	if err := t.write(c.sh.out, ""); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(c.sh.out); err != nil {
		return err
	}
	t = c.sh.table("LINK TO", "STATE", "RTT", "LAG", "QUEUED")
	t.looks[1] = p.state
	slices.SortStableFunc(links, func(a, b command.LinkView) int { return cmp.Compare(names[a.Peer], names[b.Peer]) })
	for _, l := range links {
		name := short(string(l.Peer), idWidth)
		if names[l.Peer] != "" {
			name = short(names[l.Peer], nameWidth) + " " + name
		}
		rtt := "-"
		if l.RTT > 0 {
			rtt = strconv.FormatFloat(l.RTT, 'f', 1, 64) + "ms"
		}
		t.row(name, l.State, rtt, strconv.FormatFloat(l.Lag, 'f', -1, 64), bytesText(float64(l.QueuedBytes)))
	}
	if err := t.write(c.sh.out, "no links"); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.sh.out)
	return err
}
