package cluster

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"

	"anode/testkit/cluster/fabric"
)

// Cluster is nodes of one process and the network between them. It is safe for concurrent use.
type Cluster struct {
	cfg    Config
	fabric *fabric.Fabric
	// work are the goroutines that end lives.
	work sync.WaitGroup

	mu     sync.Mutex // guards what follows; a leaf
	nodes  []*Node
	faults []error
}

// New makes a cluster and starts its nodes, unless they are to be Idle. Close must be called.
func New(cfg Config) (*Cluster, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.fill(rand.Uint64())
	network, err := fabric.New(cfg.fabric())
	if err != nil {
		return nil, err
	}
	c := &Cluster{cfg: cfg, fabric: network}
	for range cfg.Nodes {
		n, err := c.Add(Addition{})
		if err == nil && !cfg.Idle {
			err = n.Start()
		}
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// Seed is where chance comes from.
func (c *Cluster) Seed() uint64 { return c.cfg.Seed }

// Fabric is the network, for what Cluster has no word for.
func (c *Cluster) Fabric() *fabric.Fabric { return c.fabric }

// Node is one of the nodes, in the order in which they were made, from 0.
func (c *Cluster) Node(i int) *Node { return c.Nodes()[i] }

// Nodes are all, those that don't run too.
func (c *Cluster) Nodes() []*Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.nodes)
}

// Running are the nodes that run.
func (c *Cluster) Running() []*Node {
	return slices.DeleteFunc(c.Nodes(), func(n *Node) bool { return !n.Running() })
}

// Addition is how a node that is added differs from the others.
type Addition struct {
	// Clone is the node whose key and data it has a copy of; nil is a new node.
	Clone *Node
	// Seeds are HOST:PORT of nodes to join; nil means the first three. An empty list joins nobody.
	Seeds []string
	// Secret is another mesh's; empty means the cluster's.
	Secret string
}

// Add makes one more node, with a machine of its own. It does not run yet.
func (c *Cluster) Add(a Addition) (*Node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := len(c.nodes)
	if i >= mostNodes {
		return nil, fmt.Errorf("cluster: more than %d nodes", mostNodes)
	}
	n := &Node{cluster: c, index: i, addr: addressOf(i), key: c.keyOf(i)}
	if a.Clone != nil {
		n.key, n.disk = a.Clone.key, a.Clone.copied()
	} else {
		n.disk = newDisk(n.ID(), &c.cfg)
	}
	if a.Secret == "" {
		a.Secret = c.cfg.Secret
	}
	if a.Seeds == nil {
		for i := range seedNodes {
			a.Seeds = append(a.Seeds, fmt.Sprintf("%s:%d", hostOf(i), meshPort))
		}
	}
	n.seeds, n.secret = a.Seeds, a.Secret
	c.fabric.Name(hostOf(i), n.addr.Addr())
	c.nodes = append(c.nodes, n)
	return n, nil
}

// addressOf is where a node's mesh port is.
func addressOf(i int) netip.AddrPort {
	const row = 250
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i / row), byte(i%row + 1)}), meshPort)
}

// hostOf is the name of a node's machine.
func hostOf(i int) string { return fmt.Sprintf("node%d.mesh", i) }

// keyOf makes a node's key of the seed.
func (c *Cluster) keyOf(i int) ed25519.PrivateKey {
	text := binary.LittleEndian.AppendUint64([]byte("anode testkit/cluster"), c.cfg.Seed)
	seed := sha256.Sum256(binary.LittleEndian.AppendUint64(text, uint64(i)))
	return ed25519.NewKeyFromSeed(seed[:])
}

// fault notes what went wrong beside the caller's way; Close tells.
func (c *Cluster) fault(err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, err)
}

// Close kills all nodes, and waits until what they were made of has ended: some seconds of the time that the cluster lives in. What
// memberlist began may go on for up to Settle. It tells what went wrong beside: lives that did not end within their time.
func (c *Cluster) Close() error {
	for _, n := range c.Nodes() {
		n.Kill()
	}
	c.work.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(c.faults...)
}
