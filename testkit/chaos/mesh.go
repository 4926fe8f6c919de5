package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Mesh is a number of nodes on this machine, each a process of its own. Its methods are for many goroutines.
type Mesh struct {
	cfg   Config
	nodes []*Node
	ports *ports
	// Ways lies between the nodes; nil where nothing does.
	Ways   *Ways
	client *http.Client
}

// Start starts the nodes, all at once, and returns when they serve. They run until Close; ctx bounds the start.
func Start(ctx context.Context, cfg Config) (*Mesh, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Mesh{cfg: cfg, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	if err := m.lay(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	errs := make([]error, cfg.Nodes)
	var starts sync.WaitGroup
	for i, n := range m.nodes {
		if !slices.Contains(cfg.Down, i) {
			starts.Go(func() { errs[i] = n.Start(ctx) })
		}
	}
	starts.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// lay makes directories, ports, ways and nodes.
func (m *Mesh) lay() error {
	if err := os.MkdirAll(m.cfg.Dir, 0o755); err != nil {
		return err
	}
	const each = 2 // one for HTTP, one for the mesh
	drawn, err := drawPorts(m.cfg.host(), each*m.cfg.Nodes)
	if err != nil {
		return err
	}
	m.ports = drawn
	list := drawn.list
	at := func(port int) string { return net.JoinHostPort(m.cfg.host(), strconv.Itoa(port)) }
	behind := make([]netip.AddrPort, m.cfg.Nodes)
	addresses := make([]string, m.cfg.Nodes)
	for i := range m.cfg.Nodes {
		behind[i] = netip.MustParseAddrPort(at(list[each*i]))
		addresses[i] = behind[i].String()
	}
	if m.cfg.Via == Proxied {
		if m.Ways, err = newWays(behind, m.owner); err != nil {
			return err
		}
		for i, f := range m.Ways.fronts {
			addresses[i] = f.at.String()
		}
	}
	for i := range m.cfg.Nodes {
		m.nodes = append(m.nodes, m.node(i, at(list[each*i+1]), behind[i].String(), addresses))
	}
	if m.Ways != nil {
		m.Ways.begin()
	}
	return nil
}

// node makes one that does not run yet.
func (m *Mesh) node(i int, http, mesh string, addresses []string) *Node {
	name := cmp.Or(m.cfg.Name, "n") + strconv.Itoa(i)
	dir := filepath.Join(m.cfg.Dir, name)
	args := []string{"serve", "--name", name, "--data", dir, "--http", http, "--mesh", mesh}
	if addresses[i] != mesh {
		args = append(args, "--advertise-mesh", addresses[i])
	}
	for _, seed := range m.cfg.seeds(i, addresses) {
		args = append(args, "--join", seed)
	}
	args = append(args, m.cfg.Args...)
	if m.cfg.ArgsOf != nil {
		args = append(args, m.cfg.ArgsOf(i)...)
	}
	return &Node{
		Index: i, Name: name, Dir: dir, URL: "http://" + http, Mesh: addresses[i],
		binary: m.cfg.Binary, args: args, env: m.cfg.Env, log: dir + ".log", client: m.client,
	}
}

// owner tells which node owns a socket.
func (m *Mesh) owner(of, to netip.AddrPort) (int, bool) {
	var pids []int
	byPID := make(map[int]int)
	for _, n := range m.nodes {
		if pid := n.pid(); pid != 0 {
			pids = append(pids, pid)
			byPID[pid] = n.Index
		}
	}
	pid, ok := ownerOf(of, to, pids)
	return byPID[pid], ok
}

// Nodes are all, by their index, running or not. The slice is the caller's.
func (m *Mesh) Nodes() []*Node { return slices.Clone(m.nodes) }

// Node is one of them.
func (m *Mesh) Node(index int) *Node { return m.nodes[index] }

// Running are the nodes whose processes run and are not frozen.
func (m *Mesh) Running() []*Node {
	return slices.DeleteFunc(m.Nodes(), func(n *Node) bool { return n.State() != Running })
}

// linkedEvery is how often is asked who is linked.
const linkedEvery = 100 * time.Millisecond

// Linked waits until each node that runs has a link to each other, or ctx ends.
func (m *Mesh) Linked(ctx context.Context) error {
	for {
		err := m.linked(ctx)
		if err == nil {
			return nil
		}
		if !sleep(ctx, linkedEvery) {
			return fmt.Errorf("not all are linked: %w", err)
		}
	}
}

func (m *Mesh) linked(ctx context.Context) error {
	running := m.Running()
	for _, n := range running {
		v, err := n.Gossip(ctx)
		if err != nil {
			return err
		}
		if int(v["links"]) != len(running)-1 {
			return fmt.Errorf("%s has %v links and %v peers, of %d", n.Name, v["links"], v["peers"], len(running)-1)
		}
	}
	return nil
}

// Close kills what runs, and ends the ways. The directories stay.
func (m *Mesh) Close() error {
	for _, n := range m.nodes {
		n.Kill()
	}
	m.client.CloseIdleConnections()
	var faults []error
	if m.ports != nil {
		faults = append(faults, m.ports.Close())
	}
	if m.Ways != nil {
		faults = append(faults, m.Ways.Close())
	}
	return errors.Join(faults...)
}
