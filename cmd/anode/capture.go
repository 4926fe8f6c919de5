package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"anode/client"
	"anode/messages/units"
)

// captureTail is how much longer than its time a capture may take before it counts as stuck.
const captureTail = 10 * time.Second

func newSourceCapture(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "capture NAME", Short: "print the frames that a source hears and says, a line each",
		Long: `Print the frames of a running source, both ways, from now on: NDJSON that "anode source try --frames" and
"anode source test" take. Secrets stand as ***. A source is never slowed; what this command is too slow for is
counted on standard error.`,
		Example: `  anode source capture quakes --for 1m > quakes.frames.ndjson`,
		Args:    cobra.ExactArgs(1),
	}
	c := clientCommand(sh, cmd)
	cmd.ValidArgsFunction = c.sourceNames
	text := cmd.Flags().String("for", "1m", "`TIME` to look, up to 24h")
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, args []string) error {
		d, err := units.ParseDuration(*text)
		if err != nil || d <= 0 {
			return misusef("for %q is no time such as 30s or 5m", *text)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), d+captureTail)
		defer cancel()
		return sh.capture(ctx, node, args[0], d)
	})
	return cmd
}

func (sh *shell) capture(ctx context.Context, node *client.Client, name string, d time.Duration) error {
	out := bufio.NewWriter(sh.out)
	frames, skipped := 0, uint64(0)
	var line []byte
	for frame, err := range node.Frames(ctx, name, d) {
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		if frames++; frame.Skipped > 0 {
			frames--
			skipped += frame.Skipped
		}
		if line, err = frame.AppendJSON(line[:0]); err != nil {
			return err
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	if skipped > 0 {
		fmt.Fprintf(sh.errs, "%s were left out: this command was too slow for them\n", plural(int(skipped), "frame"))
	}
	if frames == 0 {
		fmt.Fprintf(sh.errs, "%s had no frame for %s\n", name, d)
	}
	return nil
}
