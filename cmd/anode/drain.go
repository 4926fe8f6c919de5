package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"anode/client"
	"anode/messages"
	"anode/messages/command"
)

// drainPause is how often it is looked whether a node that drains is gone.
const drainPause = 200 * time.Millisecond

func newDrain(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "drain", Short: "hand a node's sources over to others, and end it",
		Long: `Have the node of --server hand its sources over to other nodes, leave the mesh, and end. Its sources run on until others
run them, subscribers are sent to other nodes, and nothing is lost. SIGTERM does the same. A node that was drained comes back when it is
started again.`,
		Example: `  anode drain --server http://127.0.0.1:8081 --wait`,
		Args:    cobra.NoArgs,
	}
	wait := cmd.Flags().Bool("wait", false, "return when the node has gone")
	timeout := cmd.Flags().Duration("timeout", time.Minute, "with --wait, how long")
	c := clientCommand(sh, cmd)
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, _ []string) error {
		ctx, cancel := context.WithTimeoutCause(cmd.Context(), *timeout, fmt.Errorf("the node is not gone after %s", *timeout))
		defer cancel()
		status, err := node.Status(ctx)
		if err != nil {
			return err
		}
		bound := answers(ctx, status.Node.Mesh)
		view, err := node.Drain(ctx)
		if err != nil {
			return err
		}
		drained := drained{Node: status.Node.ID, State: command.NodeDraining, Stays: view.Stays}
		if *wait {
			if err := awaitGone(ctx, node, status); err != nil {
				return err
			}
			if bound {
				awaitFree(ctx, status.Node.Mesh)
			}
			drained.State = command.NodeLeft
		}
		return c.sayDrained(status.Node.Name, drained)
	})
	return cmd
}

// drained is what came of a drain.
type drained struct {
	Node  messages.NodeID `json:"node"`
	State string          `json:"state"`
	// Stays are sources that no other node could take over.
	Stays []string `json:"stays,omitempty"`
}

func (c *connect) sayDrained(name string, d drained) error {
	did := map[string]string{command.NodeDraining: "draining", command.NodeLeft: "has left"}[d.State]
	if err := c.say(name+": "+did, d); err != nil || c.json() {
		return err
	}
	for _, source := range d.Stays {
		if _, err := fmt.Fprintf(c.sh.out, "source %s: no other node can take it over: it does not run until this node is back\n", source); err != nil {
			return err
		}
	}
	return nil
}

// answers tells whether somebody listens at an address, which may be one of another machine.
func answers(ctx context.Context, addr string) bool {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was sent
	return true
}

// freePatience is how long a mesh port is waited for: at its address another node may live, of this machine.
const freePatience = 15 * time.Second

// awaitFree waits until nobody listens at the node's mesh port: it is closed after the API, when all that was stored last has been sent.
func awaitFree(ctx context.Context, addr string) {
	ctx, cancel := context.WithTimeout(ctx, freePatience)
	defer cancel()
	for answers(ctx, addr) {
		select {
		case <-time.After(drainPause):
		case <-ctx.Done():
			return
		}
	}
}

// awaitGone waits until the node that was asked does not answer any more: what does is nobody, or another one.
func awaitGone(ctx context.Context, node *client.Client, was command.StatusView) error {
	for {
		now, err := node.Status(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !errors.As(err, new(*client.Problem)), err == nil && (now.Node.ID != was.Node.ID || !now.Node.Started.Equal(was.Node.Started)):
			return nil
		}
		select {
		case <-time.After(drainPause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
