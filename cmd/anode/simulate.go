package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"anode/messages/units"
	"anode/testkit/sim"
)

func newSimulate(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "simulate", Short: "run a mesh of thousands of nodes in simulated time, with faults, and check what is promised",
		Long: simulateHelp(),
		Example: `  anode simulate --nodes 1000 --scenario crash10
  anode simulate --nodes 200 --loss 5% --runs 20
  anode simulate --sweep 10,100,1000,10000 --duration 30s
  anode simulate --script faults.txt --seed 7 -o json
  anode simulate --scenario chaos --seed 7 --dry-run > faults.txt`,
		Args: cobra.NoArgs,
	}
	r := &simulation{
		sh: sh, cmd: cmd, latency: spanFlag{Min: time.Millisecond, Max: 50 * time.Millisecond}, size: 300,
		duration: units.Duration(time.Minute), converge: units.Duration(30 * time.Second), append: units.Duration(time.Millisecond),
	}
	r.flags(cmd.Flags())
	for name, values := range map[string][]string{"output": {"table", "json"}, "scenario": scenarioNames()} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context()) }
	return cmd
}

func simulateHelp() string {
	return `Run a mesh in simulated time: the code that decides in a node is the real one, the network, the disks and the clocks
are not. The same seed gives the same run, event by event: the hash tells. What is promised is checked all the time; a
promise that is broken makes the exit code 1, and the command that shows it again is printed. --trace with it tells
of every frame.

Promised is:
  what a node holds all hold that run, --converge after the last fault, unless a fault lasts to the end
  a node stores a batch once, and gives up no hole of a batch that could be had
  readers get each origin's batches in order, none twice, none left out without being told so truly
  what waits in links and for journals is bounded

Printed are:
  batches    sealed by their origins; deliveries, to nodes that ran then; backfilled, by nodes that came later
  latency    from the seal to the journal of another node; last node, to that of the last one
  hops       the links that a batch passes on its way by its tree
  copies     of a batch that a node gets beyond the first
  repair     deliveries for which a pull was faster than the tree, or the tree never came
  status     from when a node published its status to when another one had it, after the first 5 s
  control    bytes of all frames that are no batches, by type; data, those of batches
  flooding   what sending each batch to everybody at first sight would have done over the same links, the fastest
             that there is; compared are up to 200 calm batches
  calm       the same figure of batches alone that no fault was near, where it is another one
  cost       what the run took of this machine
  TREES WHOLE AFTER   how long after a fault batches were sealed that the trees did not bring to everybody
  COMPLETE AFTER      how long after it something was missing that was older than half a second

Scenarios; when what happens is a share of --duration, and --dry-run shows it as a script:
` + scenarioList() + `
A script has an action a line, led by its time; # begins a comment:
  2s   load origins=10 rate=5 size=300
  20s  crash 10% machine back=5s
  30s  partition 0-499 | 500-999
  40s  heal
NODES are numbers such as 0-9,12, a share such as 10%, any:5, all, or down. A script without a load gets that of the flags,
from 2 s on. What is done at 0s is done before the nodes start. Actions:
` + verbList()
}

func verbList() string {
	var b strings.Builder
	for _, v := range sim.Verbs() {
		fmt.Fprintf(&b, "  %s\n      %s\n", strings.TrimSpace(v.Name+" "+v.Usage), v.About)
	}
	return strings.TrimRight(b.String(), "\n")
}

func scenarioList() string {
	var b strings.Builder
	for _, sc := range sim.Scenarios() {
		fmt.Fprintf(&b, "  %-10s %s\n", sc.Name, sc.About)
	}
	return b.String()
}

func scenarioNames() []string {
	var names []string
	for _, sc := range sim.Scenarios() {
		names = append(names, sc.Name)
	}
	return names
}
