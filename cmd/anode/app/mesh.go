package app

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"anode/actors/gossip"
	"anode/actors/gossip/member"
	"anode/actors/node"
	"anode/cmd/anode/clustersecret"
	"anode/storage/state"
)

// openKeys reads the mesh's secret.
func (r *running) openKeys() (err error) {
	r.keys, err = clustersecret.Open(clustersecret.Config{
		Cluster: r.cfg.Cluster, File: r.cfg.ClusterSecretFile, Text: string(r.cfg.ClusterSecret), Loopback: r.cfg.MeshOnLoopback(),
		Clock: time.Now, Logger: r.log,
	})
	return err
}

// openMesh binds the mesh port, so that one in use is an error at the start, and its real address can be told.
func (r *running) openMesh() error {
	open := r.opt.Network
	if open == nil {
		open = OpenMesh
	}
	m, err := bindMesh(r.cfg.Mesh, open)
	if err != nil {
		return fmt.Errorf("mesh: %w", err)
	}
	r.mesh = m
	r.onClose(m.Close)
	return nil
}

// meshPart is the node's part in the mesh.
func (r *running) meshPart() *node.Mesh {
	return &node.Mesh{
		Key: r.identity.Key, NodeIDOf: state.NodeIDOf, Keys: r.keys.Keys, Open: r.mesh.Open,
		Seeds: r.cfg.Join, Advertise: r.cfg.AdvertiseMesh, Stop: r.mustEnd,
		RetentionBytes: int64(r.cfg.RetentionBytes), RetentionAge: r.cfg.RetentionAge,
	}
}

// mayEnd ends the node in order.
func (r *running) mayEnd() {
	select {
	case r.retired <- struct{}{}:
	default:
	}
}

// mustEnd ends the node; the first reason is told.
func (r *running) mustEnd(reason string) {
	select {
	case r.stopped <- reason:
	default:
	}
}

// meshPort opens the node's place in a mesh again and again, always at the port that it had first.
type meshPort struct {
	// addr is what is bound, with the real port; local what the first network said.
	addr, local string
	open        func(addr string) (gossip.Network, error)

	mu sync.Mutex // guards what follows
	// last is the network that was opened last, held tells that nobody has asked for it yet.
	last   gossip.Network
	held   bool
	closed bool
}

// bindMesh opens the port for the first time.
func bindMesh(addr string, open func(string) (gossip.Network, error)) (*meshPort, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	n, err := open(addr)
	if err != nil {
		return nil, err
	}
	local := n.Local()
	return &meshPort{
		addr: net.JoinHostPort(host, strconv.Itoa(int(local.Port()))), local: local.String(),
		open: open, last: n, held: true,
	}, nil
}

// Addr is the real address.
func (m *meshPort) Addr() string { return m.local }

// Open gives the network that the start has bound, and later the same port, bound anew. The one before is closed: of
// a part of the node that failed it may be open still.
func (m *meshPort) Open() (gossip.Network, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return nil, fmt.Errorf("mesh: %w", net.ErrClosed)
	case m.held:
		m.held = false
		return m.last, nil
	}
	if err := closeOnce(m.last); err != nil {
		return nil, fmt.Errorf("mesh: %w", err)
	}
	n, err := m.open(m.addr)
	if err != nil {
		return nil, fmt.Errorf("mesh: %w", err)
	}
	m.last = n
	return n, nil
}

// Close gives the port back, whoever has it.
func (m *meshPort) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return closeOnce(m.last)
}

// closeOnce closes what may be closed already.
func closeOnce(n gossip.Network) error {
	if err := n.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// meshTries is how many free TCP ports are tried for one whose UDP port is free too.
const meshTries = 20

// OpenMesh binds an address for TCP and UDP; port 0 finds one that is free for both.
func OpenMesh(addr string) (gossip.Network, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		n, err := bindBoth(addr, host)
		if err == nil {
			return n, nil
		}
		if port != "0" || try == meshTries {
			return nil, err
		}
	}
}

func bindBoth(addr, host string) (gossip.Network, error) {
	tcp, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(tcp.Addr().String())
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	udp, err := net.ListenPacket("udp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	return member.NewSockets(udp, tcp), nil
}
