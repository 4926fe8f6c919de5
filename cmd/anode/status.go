package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"anode/client"
	"anode/messages/command"
	"anode/messages/units"
)

// items prints a list's objects, one a line, as the API gives them.
func (c *connect) items(ctx context.Context, node *client.Client, path string, query url.Values) error {
	for item, err := range node.Each(ctx, path, query) {
		if err != nil {
			return err
		}
		if err := object(c.sh.out, item); err != nil {
			return err
		}
	}
	return nil
}

// get prints the API's own answer, and decodes it.
func (c *connect) get(ctx context.Context, node *client.Client, path string, into any) error {
	var raw json.RawMessage
	if err := node.Get(ctx, path, nil, &raw); err != nil {
		return err
	}
	if c.json() {
		if err := object(c.sh.out, raw); err != nil {
			return err
		}
	}
	return json.Unmarshal(raw, into)
}

func newStatus(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "say how a node is and what is wrong; exit 1 where there are alarms",
		Long: `Say how a node is, which nodes there are where they are several, the links of the one that is asked, and the
alarms of the whole mesh. SEEN is when a node told of itself last, RTT the time there and back, LAG how many
batches the peer did not say it holds, QUEUED what waits to be sent. Exit 1 where there are alarms.

-o json gives the API's own objects, a line each: /status, /alarms, and /cluster where there are several nodes.`,
		Args: cobra.NoArgs,
	}
	c := clientCommand(sh, cmd)
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, _ []string) error {
		var status command.StatusView
		var alarms []command.AlarmView
		var nodes []command.NodeView
		if err := c.get(cmd.Context(), node, "/status", &status); err != nil {
			return err
		}
		if !c.json() {
			err := c.printStatus(status)
			if err != nil {
				return err
			}
			if nodes, err = c.mesh(cmd.Context(), node, status.Node.ID); err != nil {
				return err
			}
		}
		if err := c.get(cmd.Context(), node, "/alarms", &alarms); err != nil {
			return err
		}
		if c.json() {
			if _, err := c.mesh(cmd.Context(), node, status.Node.ID); err != nil {
				return err
			}
		} else if err := c.printAlarms(alarms, nodes); err != nil {
			return err
		}
		if len(alarms) > 0 {
			return errSilent
		}
		return nil
	})
	return cmd
}

func (c *connect) printStatus(status command.StatusView) error {
	p, n := c.sh.paint(), status.Node
	_, err := fmt.Fprintf(c.sh.out, "%s  %s  %s, %s, started %s\n%s held in %s, %s in, %s out, %s, %s\n\n",
		p.bold(n.Name), n.ID, p.state(n.State), n.Version, c.sh.ago(n.Started),
		plural(int(n.Journal.Records), "record"), bytesText(float64(n.Journal.Bytes)), rateText(n.Rates.In), rateText(n.Rates.Out),
		plural(n.Sources, "source"), plural(n.Subscribers, "subscriber"))
	if err != nil {
		return err
	}
	t := c.sh.table("COMPONENT", "STATE", "DETAIL", "FIGURES")
	t.looks[1], t.looks[3] = p.state, p.dim
	for _, part := range status.Components {
		t.row(part.Name, part.State, orDash(part.Detail), figures(part.Figures))
	}
	if err := t.write(c.sh.out, "no components"); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.sh.out)
	return err
}

// figures are numbers by name, without zeros: bytes and seconds in units where the name says so.
func figures(values map[string]float64) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		if v == 0 {
			continue
		}
		text := strconv.FormatFloat(v, 'f', -1, 64)
		switch {
		case strings.Contains(name, "bytes"):
			text = bytesText(v)
		case strings.Contains(name, "seconds") && v >= 10:
			text = span(time.Duration(v * float64(time.Second)))
		case strings.Contains(name, "seconds"):
			text = strconv.FormatFloat(v*1000, 'f', 1, 64) + "ms"
		case v != float64(int64(v)):
			text = strconv.FormatFloat(v, 'f', 1, 64)
		}
		list = append(list, name+"="+text)
	}
	return strings.Join(list, " ")
}

func (c *connect) printAlarms(alarms []command.AlarmView, nodes []command.NodeView) error {
	p := c.sh.paint()
	if len(alarms) == 0 {
		_, err := fmt.Fprintln(c.sh.out, p.with("32", "no alarms"))
		return err
	}
	for _, a := range alarms {
		where := "node " + nameOf(a.Node, nodes)
		if a.Source != "" {
			where = "source " + a.Source + " on " + where
		}
		_, err := fmt.Fprintf(c.sh.out, "%s  %s  %s\n    %s, since %s\n", p.state(a.Severity), oneLine(a.Reason), p.dim(where), oneLine(a.Hint), c.sh.ago(a.Since))
		if err != nil {
			return err
		}
	}
	return nil
}

func newAlarms(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "alarms", Short: "say what is wrong anywhere in the mesh, and what to do",
		Args: cobra.NoArgs,
	}
	c := clientCommand(sh, cmd)
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, _ []string) error {
		if c.json() {
			var alarms []json.RawMessage
			if err := node.Get(cmd.Context(), "/alarms", nil, &alarms); err != nil {
				return err
			}
			for _, a := range alarms {
				if err := object(sh.out, a); err != nil {
					return err
				}
			}
			return nil
		}
		alarms, err := node.Alarms(cmd.Context())
		if err != nil {
			return err
		}
		// Who may not see the nodes sees the alarms all the same.
		cluster, _ := node.Cluster(cmd.Context())
		return c.printAlarms(alarms, cluster.Nodes)
	})
	return cmd
}

func newSubscribers(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "subscribers", Short: "list who is connected to a node, and what they follow",
		Args: cobra.NoArgs,
	}
	c := clientCommand(sh, cmd)
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, _ []string) error {
		if c.json() {
			return c.items(cmd.Context(), node, "/subscribers", nil)
		}
		sessions, err := node.Subscribers(cmd.Context())
		if err != nil {
			return err
		}
		t := sh.table("SESSION", "FROM", "KIND", "SINCE", "SENT", "QUEUED", "FOLLOWS")
		for _, s := range sessions {
			var follows []string
			for _, sub := range s.Subscriptions {
				patterns := make([]string, len(sub.Streams))
				for i, p := range sub.Streams {
					patterns[i] = string(p)
				}
				follows = append(follows, strings.Join(patterns, " ")+" ("+sub.State+", "+sub.Policy+")")
			}
			t.row(s.ID, s.Remote, s.Kind, c.sh.ago(s.Since), units.Grouped(s.Sent), bytesText(float64(s.Queued)), orDash(strings.Join(follows, "; ")))
		}
		return t.write(sh.out, "no subscribers")
	})
	return cmd
}

func newActors(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "actors", Short: "show a node's actor tree, with restarts and failures",
		Args: cobra.NoArgs,
	}
	c := clientCommand(sh, cmd)
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, _ []string) error {
		var root command.ActorView
		if err := c.get(cmd.Context(), node, "/actors", &root); err != nil || c.json() {
			return err
		}
		t := sh.table("ACTOR", "STATE", "RESTARTS", "MAILBOX", "SINCE", "LAST FAILURE")
		t.looks[1] = sh.paint().state
		var add func(v command.ActorView, depth int)
		add = func(v command.ActorView, depth int) {
			t.row(strings.Repeat("  ", depth)+v.Name, v.State, strconv.FormatUint(v.Restarts, 10), strconv.FormatInt(v.Mailbox, 10), sh.ago(v.Since), orDash(short(v.LastFail, 80)))
			for _, child := range v.Children {
				add(child, depth+1)
			}
		}
		add(root, 0)
		return t.write(sh.out, "no actors")
	})
	return cmd
}

func newEvents(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "events", Short: "list what was done to sources: registered, replaced, paused, resumed, removed, superseded",
		Args: cobra.NoArgs,
	}
	c := clientCommand(sh, cmd)
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, _ []string) error {
		if c.json() {
			return c.items(cmd.Context(), node, "/events", nil)
		}
		events, err := node.Events(cmd.Context())
		if err != nil {
			return err
		}
		t := sh.table("WHEN", "SOURCE", "EVENT", "VERSION", "NODE")
		for _, e := range events {
			t.row(sh.ago(e.At), e.Source, e.Event, e.Version, string(e.Node))
		}
		return t.write(sh.out, "no events")
	})
	return cmd
}
