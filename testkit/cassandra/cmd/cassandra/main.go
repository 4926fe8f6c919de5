package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"anode/testkit/cassandra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, pflag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := pflag.NewFlagSet("cassandra", pflag.ContinueOnError)
	flags.SetOutput(stderr)
	cfg := cassandra.Config{Log: slog.New(slog.NewTextHandler(stderr, nil))}
	flags.IntVar(&cfg.Nodes, "nodes", 1, "how many nodes, 1 to 3")
	flags.StringVar(&cfg.Dir, "dir", "", "where its data stays; empty: a temporary folder")
	flags.IntVar(&cfg.Port, "port", 9042, "port of CQL, at 127.0.0.1, 127.0.0.2, 127.0.0.3")
	flags.IntVar(&cfg.HeapMB, "heap", 0, "heap of a node, MiB (default 512, or 256 for more nodes than one)")
	flags.StringVar(&cfg.CommitlogSync, "commitlog-sync", "", "periodic, or batch: what is acknowledged is on the disk (default periodic)")
	flags.StringVar(&cfg.User, "user", "", "who may log in, with the password of CASSANDRA_PASSWORD; empty: anybody")
	flags.BoolVar(&cfg.Steady, "steady", false, "for measurements: starts slower, is faster once warm")
	flags.BoolVar(&cfg.TLS, "tls", false, "have clients encrypt")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if cfg.User != "" {
		cfg.Password = os.Getenv("CASSANDRA_PASSWORD")
	}
	fmt.Fprintln(stderr, "Cassandra", cassandra.Version, "starts, which takes some seconds; the first time its jars are got")
	c, err := cassandra.Start(ctx, cfg)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // it was ended before it was there
	case err != nil:
		return err
	}
	tell(stdout, c)
	err = c.Wait(ctx)
	fmt.Fprintln(stderr, "Cassandra stops")
	return errors.Join(err, c.Close())
}

// tell prints where it is.
func tell(w io.Writer, c *cassandra.Cluster) {
	fmt.Fprintf(w, "Cassandra %s takes CQL at %s\n", cassandra.Version, strings.Join(c.Addrs(), " "))
	fmt.Fprintf(w, "  aNode    anode serve --archive cassandra://%s/anode\n", strings.Join(c.Addrs(), ","))
	fmt.Fprintf(w, "  people   cqlsh %s %d\n", c.Hosts()[0], c.Port())
	fmt.Fprintf(w, "  data     %s\n", c.Dir())
	if file := c.AuthorityFile(); file != "" {
		fmt.Fprintf(w, "  trusted  %s\n", file)
	}
	fmt.Fprintln(w, "Ctrl-C ends it")
}
