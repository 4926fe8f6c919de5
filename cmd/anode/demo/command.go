package demo

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// options are what the command line says.
type options struct {
	nodes nodes
	// http is where the node listens; empty is port 8080 of loopback where it is free, else any.
	http string
	// span ends the demo by itself; 0 is never.
	span time.Duration
}

// Command is "anode demo".
func Command() *cobra.Command {
	o := options{nodes: 1}
	cmd := &cobra.Command{
		Use: "demo", Short: "run a node with demo feeds and watch it",
		Long: `Run one node in this process, with feeds that it serves itself and data in a temporary directory that is
removed at the end; nothing outside of this machine is asked. It prints three things to paste into another
terminal, and then shows what comes in. q or Ctrl-C ends it.`,
		Example: `  anode demo
  anode demo --for 10s
  anode demo --http 127.0.0.1:9000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.span < 0 {
				return fmt.Errorf("--for is %s, must not be negative", o.span)
			}
			return run(cmd.Context(), &o, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().Var(&o.nodes, "nodes", "`NUMBER` of nodes; this version runs one")
	cmd.Flags().StringVar(&o.http, "http", "", "listen `ADDR`ess (default: 127.0.0.1:8080 where it is free, else a free port)")
	cmd.Flags().DurationVar(&o.span, "for", 0, "end by itself after that long, such as 10s; 0 is never")
	return cmd
}

// nodes is how many nodes are asked for.
type nodes int

// String implements pflag.Value.
func (n *nodes) String() string { return strconv.Itoa(int(*n)) }

// Type implements pflag.Value.
func (n *nodes) Type() string { return "int" }

// Set implements pflag.Value.
func (n *nodes) Set(text string) error {
	count, err := strconv.Atoi(text)
	switch {
	case err != nil || count < 1:
		return errors.New("must be a whole number from 1")
	case count > 1:
		return errors.New("this version runs one node, a mesh of several is not there yet: leave --nodes out")
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

// banner says where the node is and what to try.
func banner(out io.Writer, url, dir string) {
	fmt.Fprintf(out, `
  aNode demo: one node in this process, with feeds of its own

  dashboard   %[1]s/
  data        %[2]s (removed at the end)

  To paste into another terminal:
    anode subscribe market. --server %[1]s
    curl -N '%[1]s/api/v1/streams/lab.%%3E/events'
    curl -d '{"hello":"mesh"}' %[1]s/api/v1/streams/lab.desk.note/records

`, url, dir)
}
