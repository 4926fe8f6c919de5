package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/spf13/pflag"

	"anode/cmd/anode/app"
	"anode/cmd/anode/config"
)

// node is a node in this process.
type node struct {
	url    string
	cancel context.CancelFunc
	// ended gets how it ended, once.
	ended chan error
}

// startNode runs a node on a directory and returns when it serves.
func startNode(ctx context.Context, dir, addr string, log io.Writer) (*node, error) {
	flags := pflag.NewFlagSet("demo", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	config.Flags(flags)
	err := flags.Parse([]string{
		"--data", dir, "--http", addr, "--mesh", "127.0.0.1:0", "--name", "demo", "--demo",
		"--retention-bytes", "256MiB", "--log-level", "warn",
	})
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(flags, nil)
	if err != nil {
		return nil, err
	}
	life, cancel := context.WithCancel(ctx)
	n := &node{cancel: cancel, ended: make(chan error, 1)}
	serving := make(chan string, 1)
	go func() {
		n.ended <- app.Run(life, cfg, app.Options{Stdout: io.Discard, Stderr: log, Version: "demo", Serving: func(url string) { serving <- url }})
	}()
	select {
	case n.url = <-serving:
		return n, nil
	case err := <-n.ended:
		cancel()
		if err == nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("the node does not start: %w", err)
	}
}

// stop ends the node and waits for it.
func (n *node) stop() error {
	n.cancel()
	return <-n.ended
}

// temporary makes the directory of the data, and what removes it.
func temporary() (dir string, remove func() error, err error) {
	if dir, err = os.MkdirTemp("", "anode-demo-"); err != nil {
		return "", nil, err
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

// logTail keeps the last lines of a log. It is safe for concurrent use.
type logTail struct {
	mu    sync.Mutex // guards lines
	lines []string
}

// logLines is how many lines a logTail keeps.
const logLines = 3

// Write implements io.Writer; a write is a line, or several.
func (l *logTail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(p) {
		l.lines = append(l.lines, string(bytes.TrimRight(line, "\n")))
	}
	l.lines = l.lines[max(0, len(l.lines)-logLines):]
	return len(p), nil
}

func (l *logTail) last() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines...)
}
