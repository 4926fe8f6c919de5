package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"anode/messages/units"
	"anode/storage/journal"
	"anode/storage/state"
)

func newVerify(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify --data DIR", Short: "read all of a stopped node's journal and change nothing; exit 1 where something is wrong",
		Args: cobra.NoArgs,
	}
	o := newOffline(sh, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return o.run(cmd.Context(), state.LockDirToRead, func(ctx context.Context, check journal.Check) error {
			report, err := journal.Verify(ctx, check)
			o.gauge.clear()
			if err != nil {
				return err
			}
			if o.output == "json" {
				err = object(sh.out, report)
			} else {
				err = o.print(report)
			}
			if err == nil && !report.Sound() {
				return errSilent
			}
			return err
		})
	}
	return cmd
}

func newRepair(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "repair --data DIR", Short: "make a stopped node's damaged journal whole: what is readable is kept, the rest set aside",
		Long: `Make a stopped node's damaged journal whole. A segment with damage is set aside as *.damaged, and what is readable
in it written into a new one; what was lost is a gap to readers. It may be stopped and run again at any time.`,
		Args: cobra.NoArgs,
	}
	o := newOffline(sh, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return o.run(cmd.Context(), state.LockDir, func(ctx context.Context, check journal.Check) error {
			done, err := journal.Repair(ctx, check)
			o.gauge.clear()
			if o.output == "json" {
				return errors.Join(err, object(sh.out, done))
			}
			for _, s := range done.Salvaged {
				into := "nothing in it could be read"
				if s.Into != "" {
					into = fmt.Sprintf("%s in %s went into %s", plural(int(s.Records), "record"), plural(int(s.Batches), "batch"), s.Into)
				}
				fmt.Fprintf(sh.out, "%s: set aside as %s, %s, %s lost\n", s.File, s.Aside, into, plural(s.Lost, "stretch"))
			}
			for _, left := range done.Left {
				fmt.Fprintln(sh.out, left+": left as it is")
			}
			if err == nil && len(done.Salvaged) == 0 {
				fmt.Fprintln(sh.out, "nothing to repair")
			}
			return err
		})
	}
	return cmd
}

// offline is a command on the data directory of a node that does not run.
type offline struct {
	sh           *shell
	data, output string
	verbose      bool
	gauge        *gauge
}

func newOffline(sh *shell, cmd *cobra.Command) *offline {
	o := &offline{sh: sh}
	cmd.Flags().StringVar(&o.data, "data", "", "data `DIR`ectory of the node (ANODE_DATA; default ./anode-data)")
	cmd.Flags().StringVarP(&o.output, "output", "o", "table", "`FORM`: table or json")
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "log each segment to stderr")
	return o
}

// run holds the lock of the data directory while something works on its journal.
func (o *offline) run(ctx context.Context, take func(dir string) (*state.Lock, error), work func(context.Context, journal.Check) error) (err error) {
	if o.output != "table" && o.output != "json" {
		return misusef("output %q is neither table nor json", o.output)
	}
	if o.data == "" {
		o.data = o.sh.getenv("ANODE_DATA")
	}
	if o.data == "" {
		o.data = "./anode-data"
	}
	dir := filepath.Join(o.data, "journal")
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("there is no journal in %s: name a node's data directory with --data", o.data)
	}
	lock, err := take(o.data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	o.gauge = o.sh.gauge()
	check := journal.Check{Dir: dir, Progress: func(done, total int64) { o.gauge.say(o.gauge.bar(done, total)) }}
	if o.verbose {
		check.Logger = slog.New(slog.NewTextHandler(o.sh.errs, nil))
	}
	return work(ctx, check)
}

// print says what was found, damage by damage.
func (o *offline) print(r journal.Report) error {
	out := o.sh.out
	for _, s := range r.Segments {
		switch {
		case s.Unreadable != "":
			fmt.Fprintf(out, "%s: can't be read: %s\n", s.File, oneLine(s.Unreadable))
		case s.Sidecar != "":
			fmt.Fprintf(out, "%s: its index is wrong, and made again when the node starts: %s\n", s.File, oneLine(s.Sidecar))
		}
		for _, d := range s.Damage {
			fmt.Fprintf(out, "%s: damaged at %d, %d bytes: %s\n", s.File, d.Offset, d.Length, oneLine(d.Reason))
		}
		if s.TornAt > 0 {
			fmt.Fprintf(out, "%s: torn at %d: the node cuts that off when it starts, nothing acknowledged is in it\n", s.File, s.TornAt)
		}
	}
	for _, stray := range r.Strays {
		fmt.Fprintf(out, "%s: is no part of the journal\n", stray)
	}
	t := o.sh.table("ORIGIN", "EPOCH", "FROM", "TO", "BATCHES", "ABSENT BETWEEN")
	for _, e := range r.Epochs {
		var absent uint64
		for _, h := range e.Holes {
			absent += h.To - h.From + 1
		}
		t.row(string(e.Origin), fmt.Sprint(e.Epoch), fmt.Sprint(e.Floor), fmt.Sprint(e.Head), units.Grouped(e.Batches), units.Grouped(absent))
	}
	if err := t.write(out, ""); err != nil {
		return err
	}
	verdict := "sound"
	switch {
	case !r.Openable():
		verdict = "can't be opened: anode repair keeps what is readable"
	case !r.Sound():
		verdict = "damaged: the node runs with it and tells readers of gaps; anode repair sets it aside"
	}
	_, err := fmt.Fprintf(out, "%s, %s in %s, %s: %s\n", plural(len(r.Segments), "segment"), plural(int(r.Records), "record"),
		plural(int(r.Batches), "batch"), bytesText(float64(r.Bytes)), verdict)
	return err
}
