package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"anode/client"
	"anode/messages"
	"anode/messages/units"
)

func newHistory(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "history STREAM", Short: "print what is held of a stream, a record a line",
		Long: `Print what is held of a stream, in order of receipt. Times are RFC 3339, Unix numbers, or a duration
such as 10m or 7d: so long ago. --from is inclusive, --to exclusive.`,
		Example: `  anode history market.coinbase.BTC-USD --from 10m
  anode history lab.a.temp --order desc --limit 1 -o json`,
		Args: cobra.ExactArgs(1),
	}
	c := clientCommand(sh, cmd)
	flags := cmd.Flags()
	from := flags.String("from", "", "`TIME` from which on records were received")
	to := flags.String("to", "", "`TIME` before which they were")
	limit := flags.Int("limit", 0, "most records to print (default: all)")
	order := flags.String("order", "asc", "asc, or desc: the newest first")
	after := flags.String("after", "", "`ID` of a record to go on after")
	unique := flags.Bool("unique", false, "print only the first of records with the same source, stream, key and native id")
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, args []string) error {
		h := client.History{Stream: args[0], After: *after, Limit: *limit, Descending: *order == "desc", Unique: *unique}
		var faults []error
		if *order != "asc" && *order != "desc" {
			faults = append(faults, fmt.Errorf("order %q is neither asc nor desc", *order))
		}
		if *limit < 0 {
			faults = append(faults, fmt.Errorf("limit %d is negative", *limit))
		}
		var err error
		if h.From, err = sh.time(*from); err != nil {
			faults = append(faults, fmt.Errorf("from: %w", err))
		}
		if h.To, err = sh.time(*to); err != nil {
			faults = append(faults, fmt.Errorf("to: %w", err))
		}
		if _, err := messages.ParseStream(args[0]); err != nil {
			faults = append(faults, err)
		}
		if len(faults) > 0 {
			return misuse{errors.Join(faults...)}
		}
		out := c.recordPrinter()
		for record, err := range node.History(h).All(cmd.Context()) {
			if err != nil {
				return errors.Join(err, out.flush())
			}
			if err := out.print(record); err != nil {
				return err
			}
		}
		return out.flush()
	})
	return cmd
}

// time reads a moment, or a duration before now.
func (sh *shell) time(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := messages.ParseTime(text)
	if err == nil {
		return t, nil
	}
	if ago, notSpan := units.ParseDuration(text); notSpan == nil {
		return sh.now().Add(-ago), nil
	}
	return t, fmt.Errorf("%w, nor a duration such as 10m or 7d", err)
}

func newStreams(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "streams [PATTERN]", Short: "list the streams that are held",
		Args: cobra.MaximumNArgs(1),
	}
	c := clientCommand(sh, cmd)
	cmd.RunE = c.run(func(cmd *cobra.Command, node *client.Client, args []string) error {
		match := ""
		if len(args) > 0 {
			p, err := messages.ParseShortPattern(args[0])
			if err != nil {
				return misuse{err}
			}
			match = string(p)
		}
		if c.json() {
			query := map[string][]string{}
			if match != "" {
				query["match"] = []string{match}
			}
			return c.items(cmd.Context(), node, "/streams", query)
		}
		streams, err := node.Streams(cmd.Context(), match)
		if err != nil {
			return err
		}
		t := sh.table("STREAM", "RECORDS", "BYTES", "RATE", "LAST")
		for _, s := range streams {
			t.row(string(s.Name), units.Grouped(s.Records), bytesText(float64(s.Bytes)), rateText(s.Rate), sh.ago(s.Last))
		}
		return t.write(sh.out, "no streams")
	})
	return cmd
}
