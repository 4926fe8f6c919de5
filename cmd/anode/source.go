package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"anode/client"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/units"
)

func newSource(sh *shell) *cobra.Command {
	return group("source", "declare, look at and steer feeds",
		newSourceApply(sh), newSourceList(sh), newSourceShow(sh),
		newSourceAction(sh, "pause", "stop sources until they are resumed", (*client.Client).PauseSource),
		newSourceAction(sh, "resume", "let paused sources run again", (*client.Client).ResumeSource),
		newSourceAction(sh, "restart", "make sources connect anew, without waiting for their backoff", (*client.Client).RestartSource),
		newSourcePush(sh), newSourceCapture(sh), newSourceTry(sh), newSourceTest(sh), newSourceRemove(sh),
	)
}

func newSourceList(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "list sources and how they are",
		Args: cobra.NoArgs,
	}
	c := clientCommand(sh, cmd)
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, _ []string) error {
		if c.json() {
			return c.items(cmd.Context(), node, "/sources", nil)
		}
		sources, err := node.Sources(cmd.Context())
		if err != nil {
			return err
		}
		// Who may not see the nodes sees the sources all the same.
		cluster, _ := node.Cluster(cmd.Context())
		return c.printSources(sources, cluster.Nodes)
	})
	return cmd
}

// printSources prints sources, with their owners where there are several nodes.
func (c *connect) printSources(sources []command.SourceView, nodes []command.NodeView) error {
	heads := []string{"SOURCE", "KIND", "STATE", "SINCE", "RECORDS", "RATE", "ERRORS", "LAST ERROR"}
	const owner = 3 // its place
	several := len(nodes) > 1
	if several {
		heads = slices.Insert(heads, owner, "OWNER")
	}
	t := c.sh.table(heads...)
	t.looks[2] = c.sh.paint().state
	for i := range sources {
		s := &sources[i]
		row := []string{
			s.Name, kindOf(*s), s.Status.State, c.sh.ago(s.Status.Since), units.Grouped(s.Status.Records), rateText(s.Status.Rate),
			units.Grouped(s.Status.Errors), orDash(short(s.Status.LastError, 60)),
		}
		if several {
			row = slices.Insert(row, owner, ownersText(s.Status.Owners, nodes))
		}
		t.row(row...)
	}
	return t.write(c.sh.out, "no sources: declare one with anode source apply -f FILE")
}

// mostOwners is how many owners of a source a table names.
const mostOwners = 2

// ownersText names owners, by rank.
func ownersText(owners []messages.NodeID, nodes []command.NodeView) string {
	var names []string
	for _, id := range owners {
		name := short(string(id), idWidth)
		if i := slices.IndexFunc(nodes, func(n command.NodeView) bool { return n.ID == id }); i >= 0 && nodes[i].Name != "" {
			name = short(nodes[i].Name, nameWidth)
		}
		names = append(names, name)
	}
	if more := len(names) - mostOwners; more > 0 {
		names = append(names[:mostOwners], "+"+strconv.Itoa(more))
	}
	return orDash(strings.Join(names, " "))
}

// kindOf reads what a source's spec says of its kind.
func kindOf(s command.SourceView) string {
	var spec struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(s.Spec, &spec); err != nil {
		return "-"
	}
	return orDash(spec.Kind)
}

func newSourceShow(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show NAME", Short: "show a source: how it is, and its spec",
		Args: cobra.ExactArgs(1),
	}
	c := clientCommand(sh, cmd)
	cmd.ValidArgsFunction = c.sourceNames
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, args []string) error {
		s, err := node.Source(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if c.json() {
			return object(sh.out, s)
		}
		// Who may not see the nodes sees the source all the same.
		cluster, _ := node.Cluster(cmd.Context())
		return c.printSource(s, cluster.Nodes)
	})
	return cmd
}

func (c *connect) printSource(s command.SourceView, nodes []command.NodeView) error {
	sh, st := c.sh, s.Status
	p := sh.paint()
	t := sh.table(s.Name, kindOf(s))
	t.row("state", p.state(st.State)+" since "+sh.ago(st.Since))
	if st.NextAt != nil {
		t.row("next try", sh.ago(*st.NextAt))
	}
	t.row("version", s.Version)
	t.row("owners", nodesText(st.Owners, nodes))
	if st.Why != "" {
		t.row("why", st.Why)
	}
	if m := st.Moved; m != nil {
		t.row("moved", fmt.Sprintf("%s, from %s to %s", sh.ago(m.At), nodesText(m.From, nodes), nodesText(m.To, nodes)))
	}
	for _, clock := range []struct {
		name string
		of   command.SourceClock
	}{{"transport", st.Transport}, {"protocol", st.Protocol}, {"data", st.Data}} {
		text := map[bool]string{true: p.state("ok"), false: p.state("late")}[clock.of.OK]
		if clock.of.Last != nil {
			text += ", last " + sh.ago(*clock.of.Last)
		} else {
			text += ", nothing yet"
		}
		t.row(clock.name, text)
	}
	t.row("records", fmt.Sprintf("%s, %s", units.Grouped(st.Records), rateText(st.Rate)))
	t.row("dropped", fmt.Sprintf("%d filtered, %d duplicate, %d limited, %d failed", st.Dropped.Filtered, st.Dropped.Duplicate, st.Dropped.Limited, st.Dropped.Failed))
	t.row("errors", fmt.Sprintf("%d, %d restarts", st.Errors, st.Restarts))
	if r := st.Resume; r != nil {
		t.row("resumes", strings.Join(strings.Fields("since "+orDash(string(r.Since))+" "+r.Cursor), " ")+", of "+sh.ago(r.At))
	}
	if by := st.Standby; by != nil {
		t.row("stands by", fmt.Sprintf("behind %s: %s held back until one before has stored the same", units.Count(by.Rank, "owner"), units.Grouped(by.Records)))
	}
	if st.LastError != "" {
		t.row("last error", st.LastError)
		if st.Hint != "" {
			t.row("hint", st.Hint)
		}
	}
	if err := t.write(sh.out, ""); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := json.Indent(&text, s.Spec, "", "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintf(sh.out, "\n%s\n", &text)
	return err
}

// sourceNames completes arguments with the names of sources.
func (c *connect) sourceNames(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	node, err := c.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	defer node.Close()
	sources, err := node.Sources(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = s.Name
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// steer is what pause, resume and restart do.
type steer func(c *client.Client, ctx context.Context, name string) (command.SourceView, error)

func newSourceAction(sh *shell, verb, short string, act steer) *cobra.Command {
	cmd := &cobra.Command{
		Use: verb + " NAME…", Short: short,
		Args: cobra.MinimumNArgs(1),
	}
	c := clientCommand(sh, cmd)
	cmd.ValidArgsFunction = c.sourceNames
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, names []string) error {
		return eachName(names, func(name string) error {
			s, err := act(node, cmd.Context(), name)
			if err != nil {
				return err
			}
			return c.say(s.Name+": "+s.Status.State, s)
		})
	})
	return cmd
}

func newSourceRemove(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "remove NAME…", Short: "remove sources; the records that they collected stay",
		Args: cobra.MinimumNArgs(1),
	}
	c := clientCommand(sh, cmd)
	cmd.ValidArgsFunction = c.sourceNames
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, names []string) error {
		return eachName(names, func(name string) error {
			if err := node.RemoveSource(cmd.Context(), name, ""); err != nil {
				return err
			}
			if c.json() {
				return nil
			}
			_, err := fmt.Fprintln(sh.out, name+": removed")
			return err
		})
	})
	return cmd
}

// eachName does something for every name, and goes on after a failure.
func eachName(names []string, do func(name string) error) error {
	var faults []error
	for _, name := range names {
		if err := do(name); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(faults...)
}
