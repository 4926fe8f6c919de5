package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"anode/actors/source/capture"
)

// mostDifferences is how many differences of one case are printed.
const mostDifferences = 10

func newSourceTest(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "test DIR…", Short: "run specs on captured frames, and compare with golden records; no node is needed",
		Long: `Run each spec x.yaml (or .yml, .json) that has x.frames.ndjson beside it on those frames, and compare what they
become with x.records.ndjson, a record a line without id. --update writes that file.

All is as in a source, but for time and chance: the clock is that of the frames (now, received, the window of
dedupe), uuid and signatures give the same each time, and $state begins anew where meta.connection is another
number. A golden line that leaves out source or received is not compared by them.`,
		Example: `  anode source capture quakes --for 1m > specs/quakes.frames.ndjson
  anode source test specs --update
  anode source test specs`,
		Args: cobra.MinimumNArgs(1),
	}
	g := &goldens{sh: sh}
	cmd.Flags().BoolVar(&g.update, "update", false, "write the golden records (also as -update)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return g.run(cmd.Context(), args) }
	return cmd
}

// goldens is one run of the command.
type goldens struct {
	sh     *shell
	update bool
	failed int
}

func (g *goldens) run(ctx context.Context, paths []string) error {
	ran := 0
	for _, path := range paths {
		cases, bare, err := capture.Find(path)
		if err != nil {
			return err
		}
		for _, c := range cases {
			if err := g.one(ctx, c); err != nil {
				return err
			}
		}
		for _, file := range bare {
			g.say("-    %s has no frames", file)
		}
		ran += len(cases)
	}
	switch {
	case ran == 0:
		return fmt.Errorf("no spec with frames is in %s: x.yaml wants x.frames.ndjson beside it, which anode source capture writes", strings.Join(paths, ", "))
	case g.failed > 0:
		fmt.Fprintf(g.sh.out, "%d of %s failed\n", g.failed, plural(ran, "spec"))
		return errSilent
	}
	return nil
}

func (g *goldens) say(format string, args ...any) {
	fmt.Fprintln(g.sh.out, harmless(fmt.Sprintf(format, args...)))
}

// one runs a case; an error is not the case's but ours.
func (g *goldens) one(ctx context.Context, c capture.Case) error {
	fail := func(err error) {
		g.failed++
		g.say("FAIL %s", c.Spec)
		for _, line := range strings.Split(oneLine(err.Error()), "; ") {
			g.say("     %s", line)
		}
	}
	made, err := c.Run(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		fail(err)
		return nil
	}
	golden, err := c.Golden()
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		fail(err)
		return nil
	}
	differences := capture.Diff(golden, made.Lines)
	about := fmt.Sprintf("%s from %s", plural(len(made.Lines), "record"), plural(made.Messages, "frame"))
	switch {
	case g.update && !missing && len(differences) == 0:
		g.say("ok   %s: %s, unchanged", c.Spec, about)
	case g.update:
		if err := c.Write(made); err != nil {
			return err
		}
		g.say("ok   %s: %s, written to %s", c.Spec, about, c.Records())
	case missing:
		fail(fmt.Errorf("%s is missing: --update writes it", c.Records()))
	case len(differences) > 0:
		g.failed++
		g.say("FAIL %s: %s, %s", c.Spec, about, plural(len(differences), "difference"))
		g.print(c, golden, made, differences)
	default:
		g.say("ok   %s: %s", c.Spec, about)
	}
	for _, failure := range made.Failures[:min(len(made.Failures), mostDifferences)] {
		g.say("     note: %s, %s", c.Frames(), failure)
	}
	if more := len(made.Failures) - mostDifferences; more > 0 {
		g.say("     note: and %d more failures", more)
	}
	return nil
}

// print shows differences, as diffs do: - is golden, + is what was made.
func (g *goldens) print(c capture.Case, golden [][]byte, made *capture.Outcome, all []capture.Difference) {
	p := g.sh.paint()
	for _, d := range all[:min(len(all), mostDifferences)] {
		where := ""
		if d.Line > 0 {
			where = fmt.Sprintf("%s line %d", c.Records(), d.Line)
		}
		if d.Record >= 0 {
			where += map[bool]string{true: ", ", false: ""}[where != ""] + fmt.Sprintf("from %s line %d", c.Frames(), made.Frame[d.Record])
		}
		fmt.Fprintln(g.sh.out, p.dim("@@ "+harmless(where)))
		for _, field := range d.Fields {
			fmt.Fprintln(g.sh.out, p.with("33", "~    "+harmless(field)))
		}
		if d.Line > 0 {
			fmt.Fprintln(g.sh.out, p.with("31", "-    "+harmless(short(string(golden[d.Line-1]), 1000))))
		}
		if d.Record >= 0 {
			fmt.Fprintln(g.sh.out, p.with("32", "+    "+harmless(short(string(made.Lines[d.Record]), 1000))))
		}
	}
	if more := len(all) - mostDifferences; more > 0 {
		g.say("     and %d more", more)
	}
}

// doubled gives a flag that Go's own tests have with one dash the two that it has here.
func doubled(args []string) []string {
	if len(args) < 2 || args[0] != "source" || args[1] != "test" {
		return args
	}
	args = slices.Clone(args)
	for i, arg := range args {
		if arg == "-update" {
			args[i] = "--update"
		}
	}
	return args
}
