package cluster

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"anode/storage"
	"anode/testkit/cluster/fabric"
)

// Config is what a Cluster begins with. Zeros stand for the defaults.
type Config struct {
	// Nodes is how many there are at first: 3.
	Nodes int
	// Seed is where chance comes from: keys, latency, loss, and what the nodes draw. 0 is one by chance. Cluster.Seed tells it.
	Seed uint64
	// Latency is what a way between two nodes takes: 1 ms. Jitter is the most that it takes besides; Loss how much
	// of what is sent is lost, 0 to below 1.
	Latency, Jitter time.Duration
	Loss            float64
	// Secret is the mesh's, of 16 bytes at least.
	Secret string
	// Idle leaves the nodes to be started one by one.
	Idle bool
	// RetentionBytes and RetentionAge are what a journal keeps; 0 is all.
	RetentionBytes int64
	RetentionAge   time.Duration
	// Archive gives the archive of a node by its number, at each start; nil, or a nil one, is none. Who gives it closes it.
	Archive func(node int) storage.Archive
	// Logger gets what the nodes log, with the key node; nil is nobody.
	Logger *slog.Logger
}

const (
	defaultNodes  = 3
	defaultSecret = "the secret of a simulated cluster"
	// mostNodes fit into the addresses 10.0.0.1 and so on.
	mostNodes = 10_000
	// meshName is the mesh's.
	meshName = "simulated"
	meshPort = 7946
	// seedNodes is how many of the first nodes the others are told to join.
	seedNodes = 3
)

// Validate names all faults.
func (c *Config) Validate() error {
	var faults []error
	if c.Nodes < 0 || c.Nodes > mostNodes {
		faults = append(faults, fmt.Errorf("%d nodes: 1 to %d are possible", c.Nodes, mostNodes))
	}
	if c.RetentionBytes < 0 || c.RetentionAge < 0 {
		faults = append(faults, errors.New("retention must not be negative"))
	}
	network := c.fabric()
	faults = append(faults, network.Validate())
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return nil
}

func (c *Config) fabric() fabric.Config {
	return fabric.Config{Seed: c.Seed, Delay: c.Latency, Jitter: c.Jitter, Loss: c.Loss}
}

func (c *Config) fill(chance uint64) {
	if c.Nodes == 0 {
		c.Nodes = defaultNodes
	}
	if c.Seed == 0 {
		c.Seed = chance
	}
	if c.Secret == "" {
		c.Secret = defaultSecret
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}
