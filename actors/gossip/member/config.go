package member

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"anode/messages"
)

// Config is what a List begins with.
type Config struct {
	// Node is who this node is, for ever; required. It is its name in memberlist.
	Node messages.NodeID
	// Cluster is the mesh, 1 to 255 bytes; required. Nodes of others are refused.
	Cluster string
	// Keys are AES-256 keys, 32 bytes each: the first seals, all open. None: nothing is sealed, which is refused
	// unless the node listens and is advertised on loopback. To change the key, all nodes get the new one as the
	// second, then as the first, then alone.
	Keys [][]byte
	// Meta is what the node says of itself at first.
	Meta Meta
	// Seeds are HOST:PORT of nodes to join, at most 64; they may be down, wrong, or this node itself. None: the node
	// waits for others, and calls those that are remembered.
	Seeds []string
	// Advertise is HOST:PORT or HOST (then with the port that the node listens at) for others to reach the node; empty
	// means as the package's documentation says.
	Advertise string
	// Remembered are the peers that Remember was given last.
	Remembered []Peer
	// Remember stores what peers there are: at most each second when they change, and each hour. Members wait for
	// it. nil: they are not stored.
	Remember func([]Peer)
	// Clock is the wall clock; required. Only what is shown and stored is of it.
	Clock func() time.Time
	// Logger is required. memberlist's own lines are of level debug.
	Logger *slog.Logger
	// Rand draws pauses; nil seeds one by chance. (What memberlist draws it draws by itself.) Only Run uses it.
	Rand *rand.Rand
}

// MaxSeeds is the most seeds that a List takes.
const MaxSeeds = 64

const (
	keySize   = 32
	maxLabel  = 255
	portsMost = 65535
)

// Validate names all faults.
func (c *Config) Validate() error {
	var faults []error
	add := func(err error) { faults = append(faults, err) }
	if _, err := messages.ParseNodeID(string(c.Node)); err != nil {
		add(err)
	}
	if c.Cluster == "" || len(c.Cluster) > maxLabel {
		add(fmt.Errorf("cluster %q: must have 1 to %d bytes", c.Cluster, maxLabel))
	}
	for i, key := range c.Keys {
		if len(key) != keySize {
			add(fmt.Errorf("key %d has %d bytes: want %d", i+1, len(key), keySize))
		}
	}
	if len(c.Seeds) > MaxSeeds {
		add(fmt.Errorf("%d seeds: at most %d", len(c.Seeds), MaxSeeds))
	}
	for _, seed := range c.Seeds {
		if err := CheckSeed(seed); err != nil {
			add(err)
		}
	}
	if c.Advertise != "" {
		if _, _, err := splitAdvertise(c.Advertise); err != nil {
			add(err)
		}
	}
	if c.Clock == nil {
		add(errors.New("a clock is required"))
	}
	if c.Logger == nil {
		add(errors.New("a logger is required"))
	}
	if len(faults) > 0 {
		return fmt.Errorf("member: %w", errors.Join(faults...))
	}
	return nil
}

// CheckSeed says what is wrong with a seed.
func CheckSeed(seed string) error {
	_, _, err := splitSeed(seed)
	return err
}

// CheckAdvertise says what is wrong with an advertised address, as far as can be told before it is resolved.
func CheckAdvertise(addr string) error {
	host, _, err := splitAdvertise(addr)
	if err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(host); err == nil && unfit(ip) != "" {
		return fmt.Errorf("advertised address %q: %s", addr, unfit(ip))
	}
	return nil
}

// splitSeed reads HOST:PORT.
func splitSeed(seed string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(seed)
	if err != nil || host == "" {
		return "", 0, fmt.Errorf("seed %q: want HOST:PORT%s", seed, bracketHint(seed))
	}
	if strings.Contains(host, "%") {
		return "", 0, fmt.Errorf("seed %q: an address with a zone is good on one machine only", seed)
	}
	port, err = parsePort(text)
	if err != nil {
		return "", 0, fmt.Errorf("seed %q: %w", seed, err)
	}
	return host, port, nil
}

// splitAdvertise reads HOST:PORT or HOST; port 0 is the one that is listened at.
func splitAdvertise(addr string) (host string, port uint16, err error) {
	if ip, err := netip.ParseAddr(strings.Trim(addr, "[]")); err == nil {
		return ip.String(), 0, nil
	}
	if !strings.Contains(addr, ":") {
		return addr, 0, nil
	}
	host, text, err := net.SplitHostPort(addr)
	if err != nil || host == "" {
		return "", 0, fmt.Errorf("advertised address %q: want HOST:PORT%s", addr, bracketHint(addr))
	}
	if text == "0" {
		return host, 0, nil
	}
	port, err = parsePort(text)
	if err != nil {
		return "", 0, fmt.Errorf("advertised address %q: %w", addr, err)
	}
	return host, port, nil
}

func parsePort(text string) (uint16, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("port %q: want 1 to %d", text, portsMost)
	}
	return uint16(port), nil
}

// bracketHint is for who wrote an IPv6 address as it is.
func bracketHint(addr string) string {
	if strings.Count(addr, ":") > 1 && !strings.Contains(addr, "]") {
		return ", with an IPv6 address in brackets: [::1]:7946"
	}
	return ""
}
