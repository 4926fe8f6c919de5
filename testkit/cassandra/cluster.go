package cassandra

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Cluster is a Cassandra of one or more nodes on this machine. It is safe for concurrent use.
type Cluster struct {
	cfg       Config
	temporary bool
	home      home
	ports     ports
	authority *x509.CertPool // nil without TLS
	nodes     []*Node
}

// Start runs a cluster until Close; ctx bounds the start alone. It returns when each node answers and reaches all others. What is
// missing on this machine is got first (see the package), which can take minutes; ErrUnavailable says that it can't be.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("cassandra: %w", err)
	}
	c := &Cluster{cfg: cfg.filled()}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("cassandra: %w", err), c.Close())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) (err error) {
	if c.home, err = install(ctx, tools{javas: debianJava, log: c.cfg.Log}); err != nil {
		return err
	}
	if err := c.settle(); err != nil {
		return err
	}
	for i := range c.cfg.Nodes {
		if err := c.cfg.write(i, c.ports); err != nil {
			return err
		}
		c.nodes = append(c.nodes, &Node{cluster: c, index: i})
		if err := c.nodes[i].launch(); err != nil {
			return err
		}
	}
	if c.cfg.User != "" {
		if err := c.nodes[0].until(ctx, func() error { return c.makeUser(ctx, c.nodes[0]) }); err != nil {
			return err
		}
	}
	return c.Ready(ctx)
}

// settle gives the cluster its folder, and what all nodes have in common.
func (c *Cluster) settle() (err error) {
	if c.cfg.Dir == "" {
		if c.cfg.Dir, err = os.MkdirTemp("", "anode-cassandra"); err != nil {
			return err
		}
		c.temporary = true
	}
	if c.cfg.Dir, err = filepath.Abs(c.cfg.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(c.cfg.Dir, 0o700); err != nil {
		return err
	}
	if c.ports, err = portsOf(c.cfg); err != nil {
		return err
	}
	if c.cfg.TLS {
		c.authority, err = certify(c.cfg)
	}
	return err
}

// Hosts are the addresses of all nodes, live or not, without the port.
func (c *Cluster) Hosts() []string {
	list := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		list[i] = n.Host()
	}
	return list
}

// Addrs are the addresses of all nodes as host:port.
func (c *Cluster) Addrs() []string {
	list := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		list[i] = n.Addr()
	}
	return list
}

// Port is that of CQL at each host.
func (c *Cluster) Port() int { return c.ports.Native }

// Dir has the data and logs of all nodes.
func (c *Cluster) Dir() string { return c.cfg.Dir }

// AuthorityFile has the certificate, in PEM, that vouches for the nodes to clients; it is empty without TLS.
func (c *Cluster) AuthorityFile() string {
	if c.authority == nil {
		return ""
	}
	return c.cfg.authorityFile()
}

// Node is one of the nodes, from 0.
func (c *Cluster) Node(index int) *Node { return c.nodes[index] }

// Ready waits until each node answers and reaches all others: a node that is down is an error.
func (c *Cluster) Ready(ctx context.Context) error {
	for _, n := range c.nodes {
		if err := n.until(ctx, func() error { return c.probe(ctx, n, len(c.nodes)) }); err != nil {
			return err
		}
	}
	return nil
}

// Wait waits until ctx ends, or a node that lives does so by itself: that is an error.
func (c *Cluster) Wait(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var waiting sync.WaitGroup
	for _, n := range c.nodes {
		l, err := n.alive()
		if err != nil {
			return n.failure(err)
		}
		waiting.Go(func() {
			select {
			case <-l.ended:
				cancel(fmt.Errorf("node %s has ended: %w", n.Host(), errors.Join(ErrDown, l.how)))
			case <-ctx.Done():
			}
		})
	}
	waiting.Wait()
	if err := context.Cause(ctx); errors.Is(err, ErrDown) {
		return err
	}
	return nil
}

// stopPatience bounds a clean end of all nodes.
const stopPatience = 30 * time.Second

// Close ends all nodes and waits for them: cleanly where their data stays, at once where it is removed.
func (c *Cluster) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	errs := make([]error, len(c.nodes)+1)
	var ending sync.WaitGroup
	for i, n := range c.nodes {
		ending.Go(func() {
			if c.temporary {
				errs[i] = n.Kill()
				return
			}
			_ = n.Resume() // who is paused can't stop; who is down has nothing to resume
			errs[i] = n.Stop(ctx)
		})
	}
	ending.Wait()
	if c.temporary {
		errs[len(c.nodes)] = os.RemoveAll(c.cfg.Dir)
	}
	return errors.Join(errs...)
}
