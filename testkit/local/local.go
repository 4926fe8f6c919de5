package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"anode/cmd/anode/app"
	"anode/cmd/anode/config"
)

// Config says how the node is to be.
type Config struct {
	// Args are flags of anode serve. --http and --mesh are free ports of loopback unless given here.
	Args []string
	// Dir is the data directory; empty means a temporary one that Close removes.
	Dir string
	// Log gets what the node logs; nil means nobody.
	Log io.Writer
}

// startPatience bounds a start.
const startPatience = 30 * time.Second

// Node is a running node.
type Node struct {
	cfg       Config
	temporary bool

	// mu guards what follows.
	mu     sync.Mutex
	url    string
	cancel context.CancelFunc
	ended  chan error
}

// Start runs a node until Close, or until ctx ends. It returns when the node serves.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	n := &Node{cfg: cfg}
	if cfg.Log == nil {
		n.cfg.Log = io.Discard
	}
	if cfg.Dir == "" {
		dir, err := os.MkdirTemp("", "anode-local")
		if err != nil {
			return nil, err
		}
		n.cfg.Dir, n.temporary = dir, true
	}
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(err, n.clean())
	}
	return n, nil
}

// URL is where the node serves: it changes with a restart, unless a port was given.
func (n *Node) URL() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.url
}

// Dir is the data directory.
func (n *Node) Dir() string { return n.cfg.Dir }

// settings are those of the arguments, as anode serve reads them without an environment.
func (n *Node) settings() (config.Config, error) {
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	config.Flags(flags)
	own := []string{"--data", n.cfg.Dir, "--http", "127.0.0.1:0", "--mesh", "127.0.0.1:0"}
	if err := flags.Parse(append(own, n.cfg.Args...)); err != nil {
		return config.Config{}, err
	}
	return config.Load(flags, nil)
}

func (n *Node) start(ctx context.Context) error {
	settings, err := n.settings()
	if err != nil {
		return err
	}
	life, cancel := context.WithCancel(ctx)
	serving, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- app.Run(life, settings, app.Options{
			Stdout: io.Discard, Stderr: n.cfg.Log, Version: "local", Serving: func(url string) { serving <- url },
		})
	}()
	timer := time.NewTimer(startPatience)
	defer timer.Stop()
	select {
	case url := <-serving:
		n.mu.Lock()
		defer n.mu.Unlock()
		n.url, n.cancel, n.ended = url, cancel, ended
		return nil
	case err := <-ended:
		cancel()
		return fmt.Errorf("the node ended before it served: %w", err)
	case <-timer.C:
		cancel()
		return errors.Join(fmt.Errorf("the node does not serve after %s", startPatience), <-ended)
	}
}

// stop ends the node and tells how it ended. A node that is stopped stays so.
func (n *Node) stop() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cancel == nil {
		return nil
	}
	n.cancel()
	err := <-n.ended
	n.cancel, n.ended = nil, nil
	return err
}

// Restart stops the node cleanly and starts it again on its directory.
func (n *Node) Restart(ctx context.Context) error {
	if err := n.stop(); err != nil {
		return err
	}
	return n.start(ctx)
}

// Close stops the node cleanly, and removes a temporary directory.
func (n *Node) Close() error { return errors.Join(n.stop(), n.clean()) }

func (n *Node) clean() error {
	if !n.temporary {
		return nil
	}
	return os.RemoveAll(n.cfg.Dir)
}
