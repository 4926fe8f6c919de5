package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// Via is what lies between the nodes.
type Via string

const (
	// Direct: nothing. Only processes and disks can fail.
	Direct Via = "direct"
	// Proxied: a proxy before each node, so that ways can be cut, holed, delayed and narrowed. Linux only, IPv4 only.
	Proxied Via = "proxied"
)

// Config says what a Mesh is.
type Config struct {
	// Nodes is how many, 1 to 64; required.
	Nodes int
	// Binary is the program; required. Build makes it.
	Binary string
	// Dir gets a data directory and a log for each node: n0, n0.log, …; required. What is there already is used.
	Dir string
	// Name is what nodes' names begin with; empty is "n".
	Name string
	// Args are flags of anode serve for all nodes, ArgsOf those of one; nil is none.
	Args   []string
	ArgsOf func(node int) []string
	// Env are variables of all nodes beside those of this process, NAME=value.
	Env []string
	// Via is what lies between the nodes; empty is Direct.
	Via Via
	// Host is where nodes listen; empty is 127.0.0.1.
	Host string
	// Join are the seeds of a node, of the addresses that the nodes advertise; nil joins the first three but itself.
	Join func(node int, addresses []string) []string
	// Down are nodes that Start leaves for later.
	Down []int
}

// Bounds of a mesh, and what a node joins by default.
const (
	maxNodes = 64
	joined   = 3
)

// Validate names all faults.
func (c *Config) Validate() error {
	var faults []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	add(c.Nodes < 1 || c.Nodes > maxNodes, "%d nodes: want 1 to %d", c.Nodes, maxNodes)
	add(c.Binary == "", "a binary is required")
	add(c.Dir == "", "a directory is required")
	_, err := netip.ParseAddr(c.host())
	add(err != nil, "host %q: want an IP address", c.Host)
	add(!slices.Contains([]Via{"", Direct, Proxied}, c.Via), "via %q: want direct or proxied", c.Via)
	add(c.Via == Proxied && !canProxy, "via proxied: who calls can be told on Linux only")
	add(c.Via == Proxied && c.host() != defaultHost, "via proxied: the host must be %s", defaultHost)
	for _, node := range c.Down {
		add(node < 0 || node >= c.Nodes, "down: there is no node %d", node)
	}
	if len(faults) > 0 {
		return fmt.Errorf("chaos: %w", errors.Join(faults...))
	}
	return nil
}

const defaultHost = "127.0.0.1"

func (c *Config) host() string {
	if c.Host == "" {
		return defaultHost
	}
	return c.Host
}

// seeds are what a node joins.
func (c *Config) seeds(node int, addresses []string) []string {
	if c.Join != nil {
		return c.Join(node, addresses)
	}
	list := slices.Clone(addresses[:min(joined, len(addresses))])
	return slices.DeleteFunc(list, func(a string) bool { return a == addresses[node] })
}

// buildPatience bounds a build.
const buildPatience = 5 * time.Minute

// Build makes the program, from the module in whose folders the caller runs, in a directory, and gives its path.
func Build(ctx context.Context, dir string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, buildPatience)
	defer cancel()
	path := filepath.Join(dir, "anode")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "anode/cmd/anode")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("the program does not build: %w", err)
	}
	return path, nil
}
