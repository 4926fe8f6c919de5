package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"anode/client"
	"anode/messages"
	"anode/messages/command"
)

// leastPrefix is how much of a node's id names it.
const leastPrefix = 4

func newBan(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "ban [NODE]", Short: "shut a node out of the mesh, let it in again, or list who is shut out",
		Long: `Shut a node out of the mesh: no node links with it any more, and it says so itself. With --lift let it in again: it
joins by itself. Without NODE list who is shut out.

NODE is a node's name or id, or the beginning of its id, as "anode status" shows them; a node that is not known now is
named by its whole id. A ban keeps out a node that is out of order. It does not keep out who has the secret of the
mesh, and makes another identity: change the secret for that.`,
		Args: cobra.MaximumNArgs(1),
	}
	lift := cmd.Flags().Bool("lift", false, "let the node in again")
	c := clientCommand(sh, cmd)
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, args []string) error {
		if len(args) == 0 {
			if *lift {
				return misuse{fmt.Errorf("--lift needs the node")}
			}
			return c.listBans(cmd.Context(), node)
		}
		cluster, err := node.Cluster(cmd.Context())
		if err != nil {
			return err
		}
		id, err := nodeCalled(cluster.Nodes, args[0])
		if err != nil {
			return err
		}
		did := "banned"
		if *lift {
			did, err = "let in again", node.LiftBan(cmd.Context(), string(id))
		} else {
			err = node.Ban(cmd.Context(), string(id))
		}
		if err != nil || c.json() {
			return err
		}
		_, err = fmt.Fprintf(sh.out, "%s: %s\n", args[0], did)
		return err
	})
	return cmd
}

func (c *connect) listBans(ctx context.Context, node *client.Client) error {
	if c.json() {
		return c.items(ctx, node, "/cluster/bans", nil)
	}
	bans, err := node.Bans(ctx)
	if err != nil {
		return err
	}
	cluster, err := node.Cluster(ctx)
	if err != nil {
		return err
	}
	names := make(map[messages.NodeID]string, len(cluster.Nodes))
	for i := range cluster.Nodes {
		names[cluster.Nodes[i].ID] = cluster.Nodes[i].Name
	}
	t := c.sh.table("NODE", "ID", "SINCE", "BY")
	for _, b := range bans {
		by := string(b.By)
		if names[b.By] != "" {
			by = names[b.By]
		}
		t.row(orDash(short(names[b.Node], nameWidth)), string(b.Node), c.sh.ago(b.At), by)
	}
	return t.write(c.sh.out, "no node is banned")
}

// nodeCalled finds the node that somebody means: by id, name, or the beginning of the id. One that is not known is named by its
// whole id.
func nodeCalled(nodes []command.NodeView, called string) (messages.NodeID, error) {
	var named, begun []messages.NodeID
	for i := range nodes {
		n := &nodes[i]
		switch {
		case string(n.ID) == called:
			return n.ID, nil
		case n.Name == called:
			named = append(named, n.ID)
		case len(called) >= leastPrefix && strings.HasPrefix(string(n.ID), called):
			begun = append(begun, n.ID)
		}
	}
	for _, found := range [][]messages.NodeID{named, begun} {
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return "", fmt.Errorf("%d nodes are called %s: name one by its id, as anode status -o json shows it", len(found), called)
		}
	}
	id, err := messages.ParseNodeID(called)
	if len(nodes) > 0 && (err != nil || len(called) != len(nodes[0].ID)) {
		return "", fmt.Errorf("no node is called %s: anode status shows them; one that is not known now is named by its whole id", called)
	}
	return id, err
}
