package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// fanout is one kind of load: a rate of records over some streams to many who subscribe.
type fanout struct {
	common
	subscribers, streams, size, rounds int
	rate                               float64
	warm                               time.Duration
	baseline                           bool
}

func newFanout() *cobra.Command {
	f := &fanout{}
	cmd := &cobra.Command{
		Use: "fanout", Short: "deliver records to many subscribers",
		Long: `Publish records at a rate and deliver them to many subscribers, each with a connection and one stream. Latency is
from just before a record is written to the node's socket until its frame is read from a subscriber's.`,
		Example: `  anode bench fanout --subscribers 1000 --rate 50 --baseline
  anode bench fanout --subscribers 2000 --streams 200 --rate 4000 --for 10s -o json`,
		Args: cobra.NoArgs,
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.IntVar(&f.subscribers, "subscribers", 1000, "how many subscribe")
	flags.Float64Var(&f.rate, "rate", 50, "records a second, over all streams")
	flags.IntVar(&f.streams, "streams", 1, "how many streams; subscribers are spread over them")
	flags.IntVar(&f.size, "size", 256, "bytes of a record's data")
	flags.IntVar(&f.rounds, "rounds", 1, "how often to measure; with --baseline both by turns")
	flags.DurationVar(&f.warm, "warm-up", 2*time.Second, "how long to load before it is measured")
	flags.BoolVar(&f.baseline, "baseline", false, "measure a plain broadcast loop beside it, without journal, order or replay")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := f.check(); err != nil {
			return err
		}
		return f.run(cmd)
	}
	return cmd
}

func (f *fanout) check() error {
	err := errors.Join(f.common.check(), between("subscribers", f.subscribers, 1, 100_000), between("streams", f.streams, 1, 100_000),
		between("size", f.size, leastSize, 1<<20), between("rounds", f.rounds, 1, 100))
	if f.rate <= 0 || f.rate > 1e6 {
		err = errors.Join(err, fmt.Errorf("--rate %g: above 0, at most a million", f.rate))
	}
	return err
}

func (f *fanout) run(cmd *cobra.Command) error {
	p := newProgress(cmd.ErrOrStderr())
	defer p.clear()
	var results []result
	for range f.rounds {
		for _, kind := range []struct {
			name, subscribe, publish string
			start                    func(context.Context) (*process, error)
			write                    func([]byte, int, time.Time) []byte
			skip                     bool
		}{
			{"anode", "/api/v1/subscribe?stream=", "/api/v1/subscribe", f.node, f.record, false},
			{"plain loop", "/subscribe?stream=", "/publish", startBaseline, f.plain, !f.baseline},
		} {
			if kind.skip {
				continue
			}
			r, err := f.measure(cmd.Context(), p, kind.name, kind.subscribe, kind.publish, kind.start, kind.write)
			if err != nil {
				return fmt.Errorf("%s: %w", kind.name, err)
			}
			results = append(results, r)
		}
	}
	p.clear()
	return report(cmd.OutOrStdout(), f.output, results)
}

func stream(i int) string { return fmt.Sprintf("bench.fanout.s%d", i) }

// record is a publish request of the node's protocol.
func (f *fanout) record(dst []byte, i int, now time.Time) []byte {
	dst = fmt.Appendf(dst, `{"op":"publish","stream":"%s","data":`, stream(i))
	return append(data(dst, f.size, now), '}')
}

// plain is a message of the baseline.
func (f *fanout) plain(dst []byte, i int, now time.Time) []byte {
	return data(fmt.Appendf(dst, "%s ", stream(i)), f.size, now)
}

func (f *fanout) measure(
	ctx context.Context, p progress, name, subscribe, publish string,
	start func(context.Context) (*process, error), write func([]byte, int, time.Time) []byte,
) (r result, err error) {
	server, err := start(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	// One in so many is timed: about 20,000 a second in all.
	s := &swarm{stride: max(1, int(f.rate*float64(f.subscribers)/float64(f.streams)/20_000))}
	path := func(i int) string { return subscribe + url.QueryEscape(stream(i%f.streams)) }
	if err := s.connect(ctx, f.subscribers, server.url, path, p); err != nil {
		return r, err
	}
	defer func() { _ = s.close() }() // the node may have closed some
	sender, err := newPublisher(ctx, server.url, publish, write)
	if err != nil {
		return r, err
	}
	defer func() { _ = sender.close() }()
	return f.load(ctx, p, name, server, s, sender)
}

// load publishes, and measures between two moments in the middle of it.
func (f *fanout) load(ctx context.Context, p progress, name string, server *process, s *swarm, sender *publisher) (result, error) {
	r := result{name: name}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	sent := make(chan error, 1)
	go func() {
		_, err := sender.run(sending, f.rate, f.streams)
		sent <- err
	}()
	if err := wait(ctx, f.warm, func(time.Duration) { p.say("%s: warming up", name) }); err != nil {
		return r, err
	}
	before, err := server.usage(ctx)
	if err != nil {
		return r, err
	}
	records, frames, gaps := s.totals()
	s.measures.Store(true)
	if err := wait(ctx, f.length, func(done time.Duration) {
		now, _, _ := s.totals()
		p.say("%s: %s of %s, %.0f records/s delivered", name, done.Round(time.Second), f.length, float64(now-records)/done.Seconds())
	}); err != nil {
		return r, err
	}
	s.measures.Store(false)
	after, err := server.usage(ctx)
	if err != nil {
		return r, err
	}
	moreRecords, moreFrames, moreGaps := s.totals()
	if err := wait(ctx, settle, func(time.Duration) {}); err != nil {
		return r, err
	}
	stop()
	if err := <-sent; err != nil {
		return r, err
	}
	used := after.since(before)
	delivered := float64(moreRecords - records)
	want := f.rate * float64(f.subscribers) / float64(f.streams) * used.span.Seconds()
	r.add("delivered", "/s", delivered/used.span.Seconds())
	r.add("of", "%", 100*delivered/want)
	r.add("records", "/frame", delivered/max(1, float64(moreFrames-frames)))
	r.addLatency(&s.times)
	r.addUsage(used, delivered)
	r.add("gaps", "", float64(moreGaps-gaps))
	r.add("closed", "", float64(s.ended.Load()))
	r.notes = s.reasons()
	return r, nil
}

// wait waits, and says each second how long.
func wait(ctx context.Context, length time.Duration, say func(done time.Duration)) error {
	began := time.Now()
	end := time.NewTimer(length)
	defer end.Stop()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-end.C:
			return nil
		case <-tick.C:
			say(time.Since(began))
		}
	}
}
