package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// idle measures what a node takes that has nothing to do, alone and with subscribers.
type idle struct {
	common
	subscribers int
}

func newIdle() *cobra.Command {
	i := &idle{}
	cmd := &cobra.Command{
		Use: "idle", Short: "start a node and keep subscribers who get nothing",
		Long: `Start a node, tell how long that took and what memory it takes alone, and what each of many subscribers adds
who get nothing. Memory is the process's resident set, as the system counts it.`,
		Args: cobra.NoArgs,
	}
	i.add(cmd)
	cmd.Flags().IntVar(&i.subscribers, "subscribers", 4000, "how many subscribe")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := errors.Join(i.check(), between("subscribers", i.subscribers, 1, 100_000)); err != nil {
			return err
		}
		r, err := i.run(cmd.Context(), newProgress(cmd.ErrOrStderr()))
		if err != nil {
			return err
		}
		return report(cmd.OutOrStdout(), i.output, []result{r})
	}
	return cmd
}

func (i *idle) run(ctx context.Context, p progress) (r result, err error) {
	r.name = "idle"
	defer p.clear()
	server, err := i.node(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	rest := func(what string) (usage, error) {
		if err := wait(ctx, i.length, func(done time.Duration) { p.say("%s: %s of %s", what, done.Round(time.Second), i.length) }); err != nil {
			return usage{}, err
		}
		return server.usage(ctx)
	}
	alone, err := rest("alone")
	if err != nil {
		return r, err
	}
	s := &swarm{stride: 1}
	path := func(n int) string { return fmt.Sprintf("/api/v1/subscribe?stream=bench.idle.s%d", n%100) }
	if err := s.connect(ctx, i.subscribers, server.url, path, p); err != nil {
		return r, err
	}
	defer func() { _ = s.close() }()
	began, err := server.usage(ctx)
	if err != nil {
		return r, err
	}
	full, err := rest("with subscribers")
	if err != nil {
		return r, err
	}
	if server.cmd != nil {
		r.add("start", "ms", server.took.Seconds()*1000)
	}
	r.add("rss alone", "MB", float64(alone.rss)/1e6)
	r.add("subscribers", "", float64(i.subscribers))
	r.add("rss with them", "MB", float64(full.rss)/1e6)
	r.add("each", "KB", float64(full.rss-alone.rss)/1e3/float64(i.subscribers))
	used := full.since(began)
	r.add("cores", "", used.cpu.Seconds()/used.span.Seconds())
	return r, nil
}
