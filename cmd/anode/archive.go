package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"anode/client"
	"anode/messages/command"
	"anode/messages/units"
)

func newArchive(sh *shell) *cobra.Command {
	return group("archive", "look after the database that keeps records for longer", newArchiveStatus(sh), newArchiveBackfill(sh), newArchiveCheck(sh))
}

func newArchiveStatus(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "say how a node archives, how far it is behind, and who archives what; exit 1 where it is not well, or does not answer now",
		Args: cobra.NoArgs,
	}
	c := clientCommand(sh, cmd)
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, _ []string) error {
		var v command.ArchiveView
		err := c.get(cmd.Context(), node, "/archive", &v)
		if err == nil && !c.json() {
			err = c.printArchive(v)
		}
		if err == nil && (v.State != command.StateOK || !v.Away.IsZero()) && v.State != command.StateOff {
			return errSilent
		}
		return err
	})
	return cmd
}

// printArchive prints how a node archives.
func (c *connect) printArchive(v command.ArchiveView) error {
	p := c.sh.paint()
	fmt.Fprintf(c.sh.out, "%s  %s\n", p.state(v.State), oneLine(v.Detail))
	if v.State == command.StateOff {
		return nil
	}
	kept := "for ever"
	if v.TTL > 0 {
		kept = span(time.Duration(v.TTL * float64(time.Second)))
	}
	fmt.Fprintf(c.sh.out, "%s takes %s, kept %s; %s written since the start\n\n", oneLine(v.Place), v.Streams, kept, plural(int(v.Rows), "row"))
	t := c.sh.table("ORIGIN", "ARCHIVED BY", "CONFIRMED", "RUNS", "BEHIND", "SINCE")
	for _, o := range v.Origins {
		row := []string{string(o.Origin), orDash(string(o.Archiver)), "-", "-", "-", "-"}
		if o.Here && o.Read {
			row[2], row[3] = units.Grouped(o.Confirmed), strconv.Itoa(o.Runs)
		}
		if o.Here && (o.Read || o.Lag.Batches > 0) {
			row[4] = units.Grouped(o.Lag.Records)
			if o.Lag.Batches > 0 {
				row[5] = span(time.Duration(o.Lag.Seconds * float64(time.Second)))
			}
		}
		t.row(row...)
	}
	return t.write(c.sh.out, "nothing is held yet")
}

// timeFlags are --from and --to.
type timeFlags struct{ from, to *string }

func newTimeFlags(flags *pflag.FlagSet) timeFlags {
	return timeFlags{flags.String("from", "", "`TIME` from which on records were received"), flags.String("to", "", "`TIME` before which they were")}
}

// read gives the times; zero where they are not set.
func (t timeFlags) read(sh *shell) (from, to time.Time, err error) {
	var faults [2]error
	if from, faults[0] = sh.time(*t.from); faults[0] != nil {
		faults[0] = fmt.Errorf("from: %w", faults[0])
	}
	if to, faults[1] = sh.time(*t.to); faults[1] != nil {
		faults[1] = fmt.Errorf("to: %w", faults[1])
	}
	if err := errors.Join(faults[:]...); err != nil {
		return from, to, misuse{err}
	}
	return from, to, nil
}

// toldEvery is how often work says how far it is where there is no terminal.
const toldEvery = 10 * time.Second

func newArchiveBackfill(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "backfill", Short: "write again into the archive what a node's journal holds",
		Long: `Write again into the archive what the journal of the node of --server holds, of all origins, as after the database lost
something. What is there already is the same rows. Times are RFC 3339, Unix numbers, or a duration such as 10m or 7d: so long ago. While
the archive is away it waits; it ends with this command.`,
		Example: `  anode archive backfill --from 2d`,
		Args:    cobra.NoArgs,
	}
	c := clientCommand(sh, cmd)
	bounds := newTimeFlags(cmd.Flags())
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, _ []string) error {
		from, to, err := bounds.read(sh)
		if err != nil {
			return err
		}
		g, told := sh.gauge(), sh.now()
		defer g.clear()
		for line, err := range node.Backfill(cmd.Context(), from, to) {
			if err != nil {
				return err
			}
			if c.json() {
				if err := object(sh.out, line); err != nil {
					return err
				}
			}
			text := backfillText(g, line)
			g.say(text)
			switch {
			case line.Error != "":
				return errors.New(oneLine(line.Error))
			case c.json():
			case line.Finished, g.to == nil && sh.now().Sub(told) >= toldEvery:
				g.clear()
				told = sh.now()
				fmt.Fprintln(sh.out, text)
			}
		}
		return nil
	})
	return cmd
}

// backfillText says how far it is.
func backfillText(g *gauge, l command.BackfillLine) string {
	text := fmt.Sprintf("%s of %s, %s", units.Grouped(l.Done), plural(int(l.Total), "batch"), plural(int(l.Records), "record"))
	switch {
	case l.Finished:
		return text + " written again"
	case l.Waiting != "":
		return text + ", waiting: " + oneLine(l.Waiting)
	}
	return g.share(int64(l.Done), int64(l.Total)) + "  " + text
}

func newArchiveCheck(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "check", Short: "compare a node's journal and its archive per stream and hour; exit 1 where they differ, or nothing could be compared",
		Long: `Compare what a node's journal and its archive have, by count and hash, per stream and hour: the hours that the journal holds
completely, that of --from among them. What differs is printed, all of it with --all. Without --to the present hour is left out, as it is
being written. anode archive backfill writes again what is missing in the archive.`,
		Example: `  anode archive check --from 2d
  anode archive check --streams market.> -o json`,
		Args: cobra.NoArgs,
	}
	c := clientCommand(sh, cmd)
	bounds := newTimeFlags(cmd.Flags())
	streams := cmd.Flags().String("streams", "", "`PATTERN` of the streams to compare (default: all that are archived)")
	all := cmd.Flags().Bool("all", false, "print what is equal, too")
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, _ []string) error {
		from, to, err := bounds.read(sh)
		if err != nil {
			return err
		}
		g := sh.gauge()
		defer g.clear()
		for line, err := range node.CheckArchive(cmd.Context(), from, to, *streams) {
			if err != nil {
				return err
			}
			if line.Progress != nil {
				g.say(g.share(int64(line.Progress.Done), int64(line.Progress.Total)) + "  " + plural(line.Progress.Total, "hour"))
			}
			if err := c.printCheck(g, line, *all); err != nil {
				return err
			}
		}
		return nil
	})
	return cmd
}

// printCheck prints a line of a check. What is wrong ends it with an error.
func (c *connect) printCheck(g *gauge, l command.CheckLine, all bool) error {
	hour := l.CheckedHour
	if c.json() && l.Progress == nil {
		if err := object(c.sh.out, l); err != nil {
			return err
		}
	}
	switch {
	case l.Error != "":
		return errors.New(oneLine(l.Error))
	case l.Summary != nil && !c.json():
		g.clear()
		s := l.Summary
		fmt.Fprintf(c.sh.out, "%s compared, %d skipped; %s of stream and hour, %s; %d differ\n",
			plural(s.Hours, "hour"), s.Skipped, plural(int(s.Compared), "pair"), plural(int(s.Records), "record"), s.Unequal)
	case hour != nil && !c.json() && (all || !hour.Equal):
		g.clear()
		verdict := "equal"
		if !hour.Equal {
			verdict = "differs"
		}
		fmt.Fprintf(c.sh.out, "%s  %s  %s: journal %s, archive %s\n", hour.Hour.UTC().Format(time.RFC3339), harmless(string(hour.Stream)), verdict,
			units.Grouped(hour.Journal.Records), units.Grouped(hour.Archive.Records))
	}
	if l.Summary == nil || l.Summary.Unequal == 0 && l.Summary.Compared > 0 {
		return nil
	}
	if l.Summary.Compared == 0 && !c.json() {
		what := "neither side has records of these streams in that time"
		if l.Summary.Hours == 0 {
			what = "the journal holds no whole hour of that time"
		}
		fmt.Fprintln(c.sh.out, "nothing was compared: "+what)
	}
	return errSilent
}
