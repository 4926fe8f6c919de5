package cassandra

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
)

// Version of the Apache Cassandra that is run; pom.xml has it too.
const Version = "5.0.5"

// maxNodes is as many as have an address of loopback here, and a consistency level of CQL that counts them.
const maxNodes = 3

// Config says how the cluster is to be. The zero value is one node with everything at its default.
type Config struct {
	// Nodes are 1 to 3, at 127.0.0.1, 127.0.0.2 and 127.0.0.3; 0 means 1. Only Linux has all of these without being told.
	Nodes int
	// Dir has the data and logs of all nodes, a folder each; it is made if missing. Started on it again with as many nodes, a cluster
	// has its data, and its ports. Empty means a temporary one that Close removes.
	Dir string
	// Port is that of CQL, the same on each node; 0 means the one of Dir's last life, or a free one.
	Port int
	// HeapMB is the heap of a node in MiB, of 128 at least; it takes about 300 besides. 0 means 512 for one node, 256 for more.
	HeapMB int
	// CommitlogSync is "periodic" (what was acknowledged in the last 10 s can be lost with kill -9 of all that have it; the default,
	// as it is Cassandra's) or "batch" (acknowledged is on the disk).
	CommitlogSync string
	// User and Password, both or none: with them nobody gets in without, and the user is a superuser. The user "cassandra" is
	// Cassandra's own and can't be chosen.
	User, Password string
	// TLS has clients encrypt: Cluster.AuthorityFile is of who vouches for the nodes.
	TLS bool
	// Steady has Java compile fully and Cassandra measure itself, as in production: a node starts slower, and is faster once warm.
	// It is for measurements.
	Steady bool
	// Settings are lines of cassandra.yaml besides, or instead, each a key and a value in YAML.
	Settings map[string]string
	// Log is told what takes long; nil means nobody.
	Log *slog.Logger
}

const (
	periodic = "periodic"
	batch    = "batch"

	heapOfOne, heapOfMany, leastHeap = 512, 256, 128
)

// plainName is what needs no quoting in CQL.
var plainName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)

// filled is the config with its defaults.
func (c Config) filled() Config {
	if c.Nodes == 0 {
		c.Nodes = 1
	}
	if c.HeapMB == 0 {
		c.HeapMB = heapOfOne
		if c.Nodes > 1 {
			c.HeapMB = heapOfMany
		}
	}
	if c.CommitlogSync == "" {
		c.CommitlogSync = periodic
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate names all that is wrong with a config.
func (c Config) Validate() error {
	c = c.filled()
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.Nodes < 1 || c.Nodes > maxNodes {
		fault("nodes are %d: want 1 to %d", c.Nodes, maxNodes)
	}
	if c.Port < 0 || c.Port > 65535 {
		fault("port is %d: want 1 to 65535, or 0 for a free one", c.Port)
	}
	if c.HeapMB < leastHeap {
		fault("heap is %d MiB: want %d at least", c.HeapMB, leastHeap)
	}
	if c.CommitlogSync != periodic && c.CommitlogSync != batch {
		fault("commitlog sync is %q: want %q or %q", c.CommitlogSync, periodic, batch)
	}
	switch {
	case (c.User == "") != (c.Password == ""):
		fault("user and password: want both or none")
	case c.User == firstUser:
		fault("user is %q, which is Cassandra's own: want another", c.User)
	case c.User != "" && !plainName.MatchString(c.User):
		fault("user is %q: want small letters, digits and _, of 48 at most, a letter first", c.User)
	}
	return errors.Join(faults...)
}
