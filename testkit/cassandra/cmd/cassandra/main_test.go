package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"anode/testkit/cassandra"
)

func TestFaultyFlagsAreTold(t *testing.T) {
	for _, args := range [][]string{{"--nodes", "4"}, {"--user", "ann"}, {"--commitlog-sync", "never"}, {"--nonsense"}} {
		t.Setenv("CASSANDRA_PASSWORD", "")
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil || errors.Is(err, cassandra.ErrUnavailable) {
			t.Errorf("%q: error is %v", args, err)
		}
	}
}

// told keeps what is printed, and calls ended when that says how to end it.
type told struct {
	strings.Builder
	ended func()
}

func (w *told) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "Ctrl-C") {
		w.ended()
	}
	return w.Builder.Write(p)
}

func TestItSaysWhereItIsAndEnds(t *testing.T) {
	if os.Getenv("ANODE_LONG") == "" {
		t.Skip("SKIPPED: long; ANODE_LONG=1 runs it")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &told{ended: cancel}
	err := run(ctx, []string{"--port", "0", "--tls", "--dir", t.TempDir()}, out, io.Discard)
	if errors.Is(err, cassandra.ErrUnavailable) && os.Getenv("ANODE_CASSANDRA") != "1" {
		t.Skipf("SKIPPED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"takes CQL at 127.0.0.1:", "--archive cassandra://127.0.0.1:", "authority.pem"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it says %q: want %q in it", out.String(), want)
		}
	}
}
