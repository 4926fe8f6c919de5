package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"anode/client"
)

func newSubscribe(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "subscribe [PATTERN…]", Short: "follow streams live, a record a line",
		Long: `Follow streams, a record a line: as JSON, or in a form for people on a terminal (-o json and -o table choose).
No pattern is everything but the mesh's own $ streams; "market." is short for "market.>". It reconnects and goes on
exactly where it was, at the next of --server too. Gaps and reconnects are told on stderr.`,
		Example: `  anode subscribe market. --start last:10
  anode subscribe 'lab.*.temp' --where '.data.c > 30' --count 1
  anode subscribe market. --start earliest --cursor ./market.cursor >> market.ndjson`,
	}
	s := &subscriber{connect: clientCommand(sh, cmd)}
	flags := cmd.Flags()
	flags.StringVar(&s.ask.Start, "start", "latest", "`WHERE` to begin: latest, earliest, last:10, time:T, after:P,P")
	flags.StringVar(&s.ask.Where, "where", "", "only records for which this jq `EXPR`ession is true")
	flags.StringVar(&s.ask.Policy, "policy", "catchup", "when it is too slow, or wants less: catchup, drop, disconnect, conflate:250ms, sample:250ms")
	flags.BoolVar(&s.ask.Unique, "unique", false, "drop a record that came already under the same source, stream, key and native id")
	flags.IntVar(&s.count, "count", 0, "end after `N` records (default: never)")
	flags.StringVar(&s.cursor.path, "cursor", "", "keep in `FILE` (and FILE.unsynced) what was printed, and go on there when the file exists (--start counts only for the first time)")
	flags.BoolVar(&s.wait, "wait", false, "where no server answers at first, wait for one")
	cmd.RunE = s.run(s.follow)
	return cmd
}

// subscriber is one run of the command.
type subscriber struct {
	*connect
	ask    client.Subscribe
	count  int
	wait   bool
	cursor cursorFile
	sub    *client.Subscription
	out    *recordPrinter
	given  int
	// lost is what was told last of a connection that is not there; empty while it is.
	lost string
}

func (s *subscriber) follow(cmd *cobra.Command, node *client.Client, patterns []string) error {
	if s.count < 0 {
		return misusef("count %d is negative", s.count)
	}
	after, err := s.cursor.load()
	if err != nil {
		return err
	}
	s.ask.Streams, s.ask.After, s.ask.GiveUp = patterns, after, !s.wait
	s.ask.Retrying = s.cut
	if s.sub, err = node.Subscribe(s.ask); err != nil {
		return misuse{err}
	}
	defer s.sub.Close()
	s.out = s.recordPrinter()
	if err = s.read(cmd.Context()); errors.Is(err, errInterrupted) && s.count == 0 {
		err = nil // that is how it ends
	}
	return errors.Join(err, s.save(true))
}

// cut tells why there is no connection, each reason once; not while a first server is searched,
// when there is no pause.
func (s *subscriber) cut(err error, pause time.Duration) {
	if text := oneLine(err.Error()); text != s.lost && pause > 0 {
		s.lost = text
		fmt.Fprintf(s.sh.errs, "anode: %s; connecting again\n", text)
	}
}

// connected tells that there is one again.
func (s *subscriber) connected() {
	if s.lost != "" {
		s.lost = ""
		fmt.Fprintf(s.sh.errs, "anode: connected to %s\n", s.sub.Server())
	}
}

// read prints what comes, until enough came.
func (s *subscriber) read(ctx context.Context) error {
	for event, err := range s.sub.All(ctx) {
		if err != nil {
			return err
		}
		s.connected()
		switch e := event.(type) {
		case *client.Record:
			if err := s.out.print(e); err != nil {
				return err
			}
			if s.given++; s.given == s.count {
				return nil
			}
		case client.Gap:
			fmt.Fprintf(s.sh.errs, "anode: gap: records of %s after %s up to %s are not coming (%s)\n", e.Origin, e.From, e.To, e.Reason)
		}
		if s.sub.Buffered() == 0 {
			if err := s.save(false); err != nil {
				return err
			}
		}
	}
	return nil
}

// save writes out what was printed, and then that it was.
func (s *subscriber) save(last bool) error {
	if s.out == nil {
		return nil
	}
	if err := s.out.flush(); err != nil {
		return err
	}
	if at, ok := s.sub.Cursor(); ok {
		return s.cursor.save(at, last)
	}
	return nil
}
