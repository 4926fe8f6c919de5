package demo

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// options are what the command line says.
type options struct {
	nodes nodes
	// http is where the first node listens; empty is port 8080 of loopback where it is free, else any.
	http string
	// span ends the demo by itself; 0 is never.
	span time.Duration
	// program is the file that is run as a node, and called what a person types to run it.
	program, called string
}

// Command is "anode demo".
func Command() *cobra.Command {
	o := options{nodes: 3}
	cmd := &cobra.Command{
		Use: "demo", Short: "run a mesh on this machine, watch it, and kill nodes of it",
		Long: `Run a mesh of nodes on this machine, each a process of its own, with feeds that the first of them serves and data
in a temporary directory that is removed at the end; nothing outside of this machine is asked. A view shows the nodes,
what flows, and a subscriber that counts numbered records: k kills a node (as kill -9), p pauses and resumes one, r revives
one, q or Ctrl-C ends it all. It shows three things to paste into another terminal. Where the output is no terminal it prints
a line each few seconds. It exits 1 when a record was missed.`,
		Example: `  anode demo
  anode demo --nodes 9
  anode demo --for 30s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.span < 0 {
				return fmt.Errorf("--for is %s, must not be negative", o.span)
			}
			if o.program, err = os.Executable(); err != nil {
				return fmt.Errorf("find this program, to run it as a node: %w", err)
			}
			o.called = os.Args[0]
			return run(cmd.Context(), &o, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().Var(&o.nodes, "nodes", "`NUMBER` of nodes, 1 to 9")
	cmd.Flags().StringVar(&o.http, "http", "", "listen `ADDR`ess of the first node (default: 127.0.0.1:8080 where it is free, else a free port)")
	cmd.Flags().DurationVar(&o.span, "for", 0, "end by itself after that long, such as 30s; 0 is never")
	return cmd
}

// nodes is how many nodes are asked for.
type nodes int

// mostNodes is how many have a key of their own.
const mostNodes = 9

// String implements pflag.Value.
func (n *nodes) String() string { return strconv.Itoa(int(*n)) }

// Type implements pflag.Value.
func (n *nodes) Type() string { return "int" }

// Set implements pflag.Value.
func (n *nodes) Set(text string) error {
	count, err := strconv.Atoi(text)
	if err != nil || count < 1 || count > mostNodes {
		return errors.New("must be a whole number from 1 to 9: anode simulate runs meshes of thousands")
	}
	*n = nodes(count)
	return nil
}

// usualAddress is where a node listens when nothing is said.
const usualAddress = "127.0.0.1:8080"

// freeAddress is the usual address, or any free port where something listens there already.
func freeAddress() string {
	l, err := net.Listen("tcp", usualAddress)
	if err != nil || l.Close() != nil {
		return "127.0.0.1:0"
	}
	return usualAddress
}
