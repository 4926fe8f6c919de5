package cassandra

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"anode/messages"
)

// Config says where the archive is, and how it is used. Parse makes one of a URL.
type Config struct {
	// Hosts are HOST:PORT of nodes to begin with; the others are found by asking these.
	Hosts []string
	// Keyspace has the tables. It is created where it is missing.
	Keyspace string
	// DC is the data center whose nodes are asked; "" is any.
	DC string
	// Replication is used only where the keyspace is created.
	Replication Replication
	// Consistency is "quorum", "local_quorum" or "one"; "" is "local_quorum" where DC is set and "quorum" elsewhere.
	Consistency string
	// TTL is how long records are kept, in whole seconds; 0 is for ever.
	TTL time.Duration
	// TLS says how connections are encrypted.
	TLS TLS
	// Given has only Hosts be asked, at these addresses: nodes behind a translation of addresses name such as can't be reached.
	Given bool
	// Batch is the most bytes of rows in one request; 0 is DefaultBatch.
	Batch int
	// Flight is the most requests under way at a time; 0 is DefaultFlight.
	Flight int

	// Credentials names a file with user and password; "" is none. It is read again for each connection.
	Credentials string
	// Streams is what is written; "" is messages.Everything.
	Streams messages.Pattern
}

const (
	// DefaultBatch is below batch_size_fail_threshold of a server (50 KiB).
	DefaultBatch = 40 << 10
	// MaxBatch is the most that a batch may be set to.
	MaxBatch = 1 << 20
	// DefaultFlight is more than one server of a few cores makes use of.
	DefaultFlight = 64
	// MaxFlight is below the 32,768 requests of a connection by far.
	MaxFlight = 4096
	// MaxTTL leaves room below Cassandra's own bound: rows that list others outlive them.
	MaxTTL = serverTTL - maxSlack

	serverTTL = 20 * 365 * 24 * time.Hour
	maxSlack  = 7 * 24 * time.Hour
)

// Replication says how many copies there are.
type Replication struct {
	// Factor is the copies in the data center, or in each where none is named; 0 is three, or as many as there are nodes.
	Factor int
	// DCs are the copies in each data center by name; nil where Factor counts.
	DCs map[string]int
}

// TLS says how connections are encrypted.
type TLS struct {
	On bool
	// CA, Cert and Key are files in PEM. No CA is the system's.
	CA, Cert, Key string
	// Name is what the servers' certificates are for; "" is the host that is dialled.
	Name string
	// Unverified takes any certificate.
	Unverified bool
}

// Deps is what an archive needs of its surroundings.
type Deps struct {
	Logger *slog.Logger
	// Clock is the wall clock; nil is time.Now.
	Clock func() time.Time
	// Node names the process where a migration is noted.
	Node string
}

// Validate names all that is wrong with it.
func (c *Config) Validate() error {
	var faults []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(len(c.Hosts) == 0, "no host: the form is cassandra://HOST:PORT,HOST:PORT/KEYSPACE")
	for _, host := range c.Hosts {
		if err := checkHost(host); err != nil {
			faults = append(faults, err)
		}
	}
	fault(!keyspaceName(c.Keyspace), "keyspace %q: must begin with a-z and have up to 48 of a-z, 0-9 and _", c.Keyspace)
	fault(c.TTL < 0 || c.TTL > MaxTTL || c.TTL%time.Second != 0, "ttl %s: must be whole seconds up to 20 years less a week; 0 is for ever", c.TTL)
	switch c.Consistency {
	case "", "quorum", "local_quorum", "one":
	default:
		fault(true, "consistency %q: is one of quorum, local_quorum, one", c.Consistency)
	}
	fault(c.Replication.Factor < 0 || c.Replication.Factor > 100, "replication %d: must be 1 to 100", c.Replication.Factor)
	for dc, n := range c.Replication.DCs {
		fault(n < 1 || n > 100, "replication of %s is %d: must be 1 to 100", dc, n)
		fault(!plainName(dc), "replication: data center %q has other characters than letters, digits, _, - and .", dc)
	}
	fault(c.DC != "" && !plainName(c.DC), "dc %q has other characters than letters, digits, _, - and .", c.DC)
	fault(c.Batch < 0 || c.Batch > MaxBatch || c.Batch > 0 && c.Batch < 1<<10, "batch of %d bytes: must be 1KiB to 1MiB", c.Batch)
	fault(c.Flight < 0 || c.Flight > MaxFlight, "flight %d: must be 1 to %d", c.Flight, MaxFlight)
	fault((c.TLS.Cert == "") != (c.TLS.Key == ""), "tls-cert and tls-key go together")
	fault(!c.TLS.On && (c.TLS.CA != "" || c.TLS.Cert != "" || c.TLS.Key != "" || c.TLS.Name != ""), "tls is off, but other settings of tls are there")
	return errors.Join(faults...)
}

// withDefaults gives what is not set its value.
func (c Config) withDefaults() Config {
	if c.Consistency == "" {
		c.Consistency = "quorum"
		if c.DC != "" {
			c.Consistency = "local_quorum"
		}
	}
	if c.Batch == 0 {
		c.Batch = DefaultBatch
	}
	if c.Flight == 0 {
		c.Flight = DefaultFlight
	}
	if c.Streams == "" {
		c.Streams = messages.Everything
	}
	return c
}
