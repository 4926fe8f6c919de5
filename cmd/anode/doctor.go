package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"anode/client"
	"anode/messages/command"
)

// skewMost is the difference of clocks above which times mislead. A Date header has whole seconds.
const skewMost = 2 * time.Second

func newDoctor(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "doctor", Short: "look at each of --server for what is often wrong, and say it in words; exit 1 where something is",
		Args: cobra.NoArgs,
	}
	c := clientCommand(sh, cmd)
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, _ []string) error {
		wrong := false
		for _, server := range node.Servers() {
			one, err := node.Only(server)
			if err != nil {
				return err
			}
			d := &diagnosis{connect: c, node: one, server: server}
			err = d.run(cmd.Context())
			one.Close()
			if err != nil {
				return err
			}
			wrong = wrong || d.wrong
		}
		if wrong {
			return errSilent
		}
		return nil
	})
	cmd.AddCommand(newDoctorSettings(c))
	return cmd
}

// diagnosis is what was found at one server.
type diagnosis struct {
	*connect
	node   *client.Client
	server string
	wrong  bool
}

// finding is one thing that was looked at.
type finding struct {
	Server string `json:"server"`
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

func (d *diagnosis) found(check string, ok bool, detail string, args ...any) error {
	d.wrong = d.wrong || !ok
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	if d.json() {
		return object(d.sh.out, finding{d.server, check, ok, detail})
	}
	p := d.sh.paint()
	mark := p.with("32", "ok   ")
	if !ok {
		mark = p.with("31", "WRONG")
	}
	_, err := fmt.Fprintf(d.sh.out, "%s  %-9s  %s\n", mark, check, oneLine(detail))
	return err
}

// title says what is looked at, to people.
func (d *diagnosis) title(text string) error {
	if d.json() {
		return nil
	}
	_, err := fmt.Fprintln(d.sh.out, d.sh.paint().bold(text))
	return err
}

// run looks at one thing after the other; the rest is left out where the node can't be reached.
func (d *diagnosis) run(ctx context.Context) error {
	if err := d.title(d.server); err != nil {
		return err
	}
	if err := d.node.Healthy(ctx); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return d.found("reach", false, "%v%s", err, hint(err))
	}
	for _, look := range []func(context.Context) error{d.reach, d.ready, d.components, d.nodes, d.alarms} {
		if err := look(ctx); err != nil {
			return err
		}
	}
	return nil
}

// reach compares clocks while it measures how far the node is.
func (d *diagnosis) reach(ctx context.Context) error {
	sent := d.sh.now()
	date, err := d.node.Clock(ctx)
	took := d.sh.now().Sub(sent)
	if err != nil {
		return d.found("reach", false, "%v", err)
	}
	if err := d.found("reach", true, "answers in %s", took.Round(100*time.Microsecond)); err != nil {
		return err
	}
	if date.IsZero() {
		return d.found("clock", true, "the node tells no time")
	}
	// The Date is cut to the second: half a second is the middle of what it may have been.
	skew := date.Add(time.Second / 2).Sub(sent.Add(took / 2))
	if skew.Abs() > skewMost {
		way := map[bool]string{true: "ahead of", false: "behind"}[skew > 0]
		return d.found("clock", false, "the node's clock is %s %s this machine's: set both by NTP, or times of records mislead", skew.Abs().Round(time.Second), way)
	}
	return d.found("clock", true, "agrees with this machine's to the second")
}

func (d *diagnosis) ready(ctx context.Context) error {
	view, err := d.node.Ready(ctx)
	switch {
	case err != nil:
		return d.found("ready", false, "%v", err)
	case !view.Ready:
		return d.found("ready", false, "can't take and deliver records now: %s", strings.Join(failedChecks(view.Checks), "; "))
	}
	return d.found("ready", true, "takes and delivers records")
}

// components looks at each, and at the journal's disk.
func (d *diagnosis) components(ctx context.Context) error {
	status, err := d.node.Status(ctx)
	if err != nil {
		return d.found("status", false, "%v%s", err, hint(err))
	}
	for _, part := range status.Components {
		bad := part.State == command.StateFailed || part.State == command.StateDegraded
		if !bad && part.Name != "journal" {
			continue
		}
		detail := part.State
		if part.Detail != "" {
			detail += ": " + part.Detail
		}
		if f := figures(part.Figures); f != "" {
			detail += " (" + f + ")"
		}
		if err := d.found(part.Name, !bad, "%s", detail); err != nil {
			return err
		}
	}
	return nil
}

// nodes compares versions.
func (d *diagnosis) nodes(ctx context.Context) error {
	cluster, err := d.node.Cluster(ctx)
	if err != nil {
		return d.found("versions", false, "%v", err)
	}
	versions := map[string][]string{}
	for _, n := range cluster.Nodes {
		versions[n.Version] = append(versions[n.Version], n.Name)
		if n.State != "alive" {
			if err := d.found("mesh", false, "node %s (%s) is %s", n.Name, n.ID, n.State); err != nil {
				return err
			}
		}
	}
	if len(versions) > 1 {
		var list []string
		for v, names := range versions {
			list = append(list, v+" on "+strings.Join(names, ", "))
		}
		return d.found("versions", false, "nodes differ: %s: bring all to one", strings.Join(list, "; "))
	}
	mine := versionText()
	if _, same := versions[mine]; !same {
		return d.found("versions", true, "this command is %s, the node another: it should do, but use the same where something is odd", mine)
	}
	return d.found("versions", true, "%s everywhere", mine)
}

func (d *diagnosis) alarms(ctx context.Context) error {
	alarms, err := d.node.Alarms(ctx)
	if err != nil {
		return d.found("alarms", false, "%v", err)
	}
	for _, a := range alarms {
		if err := d.found("alarm", false, "%s: %s", a.Reason, a.Hint); err != nil {
			return err
		}
	}
	if len(alarms) == 0 {
		return d.found("alarms", true, "none")
	}
	return nil
}
