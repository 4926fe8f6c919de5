package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"anode/client"
	"anode/cmd/anode/config"
	"anode/messages/command"
)

// newHealth is for containers' health checks.
func newHealth(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "health", Short: "exit 0 where a node answers, 1 where not",
		Long: `Ask whether a node's process lives and answers; with --ready, whether it can take and deliver records
just now. For health checks of containers and of service managers. Without --server and ANODE_SERVER it is the
node whose settings it has, by the same flags, environment and file as serve: a running node leaves its address in --data.`,
		Args: cobra.NoArgs,
	}
	c := clientCommand(sh, cmd)
	c.settings = pflag.NewFlagSet("", pflag.ContinueOnError)
	config.Flags(c.settings)
	for _, name := range []string{"config", "data", "http"} {
		cmd.Flags().AddFlag(c.settings.Lookup(name))
	}
	ready := cmd.Flags().Bool("ready", false, "ask for readiness")
	timeout := cmd.Flags().Duration("timeout", 5*time.Second, "how long to wait for the answer")
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, _ []string) error {
		ctx, cancel := context.WithTimeoutCause(cmd.Context(), *timeout, fmt.Errorf("no answer within %s", *timeout))
		defer cancel()
		if !*ready {
			if err := node.Healthy(ctx); err != nil {
				return err
			}
			return c.say("ok", map[string]string{"status": "ok"})
		}
		view, err := node.Ready(ctx)
		switch {
		case err != nil:
			return err
		case view.Ready:
			return c.say("ready", view)
		case c.json():
			if err := object(sh.out, view); err != nil {
				return err
			}
			return errSilent
		}
		return fmt.Errorf("not ready: %s", strings.Join(failedChecks(view.Checks), "; "))
	})
	return cmd
}

// failedChecks are the checks that did not pass, in words.
func failedChecks(checks map[string]string) []string {
	var list []string
	for name, why := range checks {
		if why != command.CheckOK && !strings.HasPrefix(why, command.CheckAlone) {
			list = append(list, name+": "+why)
		}
	}
	slices.Sort(list)
	return list
}

// say prints one or the other form.
func (c *connect) say(text string, value any) error {
	if c.json() {
		return object(c.sh.out, value)
	}
	_, err := fmt.Fprintln(c.sh.out, text)
	return err
}
