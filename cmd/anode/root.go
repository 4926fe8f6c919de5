package main

import (
	"github.com/spf13/cobra"

	"anode/cmd/anode/bench"
	"anode/cmd/anode/demo"
)

// newRoot makes the whole command line.
func newRoot(sh *shell) *cobra.Command {
	root := group("anode", "a decentralised real-time data mesh in one binary")
	root.Long = `aNode stores, spreads and serves records: point it at REST, WebSocket or
server-sent feeds, let webhooks push to it, or publish, and subscribe from anywhere.
"anode serve" runs a node; the other commands talk to one.`
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetIn(sh.in)
	root.SetOut(sh.out)
	root.SetErr(sh.errs)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return misuse{err} })
	root.AddGroup(
		&cobra.Group{ID: "node", Title: "Run a node:"},
		&cobra.Group{ID: "data", Title: "Records:"},
		&cobra.Group{ID: "mesh", Title: "Look after a mesh:"},
	)
	add := func(id string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = id
		}
		root.AddCommand(commands...)
	}
	add("node", newServe(sh), newConfig(sh), newHealth(sh), newVerify(sh), newRepair(sh))
	add("data", newSubscribe(sh), newPublish(sh), newHistory(sh), newStreams(sh))
	add("mesh", newSource(sh), newStatus(sh), newAlarms(sh), newDrain(sh), newSubscribers(sh), newActors(sh), newEvents(sh), newBan(sh), newArchive(sh), newDoctor(sh))
	root.AddCommand(newVersion(sh), bench.Command(), newSimulate(sh), demo.Command())
	root.InitDefaultCompletionCmd()
	countArguments(root)
	return root
}

// countArguments makes a wrong number of arguments a misuse, for every command, and a name that is none
// of its commands for those that only have commands.
func countArguments(cmd *cobra.Command) {
	if cmd.HasSubCommands() && !cmd.Runnable() {
		cmd.Args, cmd.RunE = cobra.ArbitraryArgs, subcommand
	}
	if cmd.Args != nil {
		cmd.Args = arguments(cmd.Args)
	}
	for _, c := range cmd.Commands() {
		countArguments(c)
	}
}
