package member_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"anode/actors/gossip/link"
	"anode/actors/gossip/member"
	"anode/messages"
)

// listen binds UDP and TCP to one free port.
func listen(t testing.TB, host string) *member.Sockets {
	t.Helper()
	for range 20 {
		tcp, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		noFamily := errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
		switch {
		case noFamily && strings.Contains(host, ":"):
			t.Skipf("no IPv6 here: %v", err)
		case err != nil:
			t.Fatal(err)
		}
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err == nil {
			return member.NewSockets(udp, tcp)
		}
		tcp.Close()
	}
	t.Fatal("no port is free for both")
	return nil
}

func TestSocketsCarryAMesh(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1", "::", "0.0.0.0"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			var nodes []*node
			var seed string
			for i := range 5 {
				sockets := listen(t, host)
				at := sockets.Local()
				cfg := config(fmt.Sprintf("n%02d", i))
				if at.Addr().IsUnspecified() { // the route to the seed tells which address
					seed = net.JoinHostPort("127.0.0.1", fmt.Sprint(at.Port()))
					if i == 0 {
						cfg.Advertise = "127.0.0.1"
					}
				} else {
					seed = at.String()
				}
				if i > 0 {
					seed = nodes[0].addr
				}
				cfg.Seeds = []string{seed}
				list, err := member.New(cfg, sockets)
				if err != nil {
					t.Fatal(err)
				}
				n := &node{List: list, id: cfg.Node, addr: at.String(), ended: make(chan error, 1)}
				if at.Addr().IsUnspecified() {
					n.addr = net.JoinHostPort("127.0.0.1", fmt.Sprint(at.Port()))
				}
				go func() { n.ended <- list.Run(t.Context()) }()
				nodes = append(nodes, n)
			}
			began := time.Now()
			await(t, nodes, "all know all", func() bool { return know(nodes...) })
			t.Logf("joined after %s", time.Since(began))
			began = time.Now()
			end(t, nodes[4])
			await(t, nodes[:4], "death", func() bool { return nodes[0].state("n04") == member.Dead })
			t.Logf("death seen after %s", time.Since(began))
			if err := nodes[3].Leave(time.Second); err != nil {
				t.Error(err)
			}
			await(t, nodes[:3], "leave", func() bool { return nodes[0].state("n03") == member.Left })
			for _, n := range nodes[:4] {
				end(t, n)
			}
		})
	}
}

// await waits until something is so, woken by the nodes' events.
func await(t *testing.T, nodes []*node, what string, is func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	for !is() {
		woken := make(chan struct{}, len(nodes))
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		for _, n := range nodes {
			waiting.Go(func() {
				select {
				case <-n.Events():
					woken <- struct{}{}
				case <-ctx.Done():
				}
			})
		}
		select {
		case <-woken:
		case <-late:
			t.Errorf("too late: %s", what)
		}
		cancel()
		waiting.Wait()
		if t.Failed() {
			t.FailNow()
		}
	}
}

func end(t *testing.T, n *node) {
	t.Helper()
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if err := <-n.ended; err != nil {
		t.Error(err)
	}
}

func TestTransportOfTheSystemRefusesOverTCP(t *testing.T) {
	seed := listen(t, "127.0.0.1")
	at := seed.Local().String()
	var nodes []*node
	for _, c := range []struct {
		id, cluster string
		network     *member.Sockets
	}{{"a", "one", seed}, {"b", "two", listen(t, "127.0.0.1")}} {
		cfg := config(c.id)
		cfg.Cluster, cfg.Seeds = c.cluster, []string{at}
		list, err := member.New(cfg, c.network)
		if err != nil {
			t.Fatal(err)
		}
		n := &node{List: list, id: messages.NodeID(c.id), ended: make(chan error, 1)}
		go func() { n.ended <- list.Run(t.Context()) }()
		nodes = append(nodes, n)
	}
	await(t, nodes, "both say it", func() bool { return len(nodes[0].Problems()) == 1 && len(nodes[1].Problems()) == 1 })
	if p := nodes[1].Problems()[0]; p.Reason != `it is of another cluster, this node of "two"` {
		t.Errorf("the caller says %+v", p)
	}
	if p := nodes[0].Problems()[0]; p.About != "caller 127.0.0.1" || p.Reason != `it is of cluster "two", this node of "one"` {
		t.Errorf("the seed says %+v", p)
	}
	for _, n := range nodes {
		end(t, n)
	}
}

// A mesh shares its TCP port with the links of the peers: the first byte of a stream tells whose it is.
func TestMeshSharesItsPortWithLinks(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var muxes sync.WaitGroup
	var nodes []*node
	for i := range 3 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		mux := link.NewMux(tcp, link.MuxConfig{})
		muxes.Go(func() { _ = mux.Run(ctx) })
		cfg := config(fmt.Sprintf("n%02d", i))
		if i > 0 {
			cfg.Seeds = []string{nodes[0].addr}
		}
		if i == 2 {
			cfg.Keys = [][]byte{otherKey}
		}
		list, err := member.New(cfg, member.NewSockets(udp, mux.Streams()))
		if err != nil {
			t.Fatal(err)
		}
		n := &node{List: list, id: cfg.Node, addr: tcp.Addr().String(), ended: make(chan error, 1)}
		go func() { n.ended <- list.Run(t.Context()) }()
		nodes = append(nodes, n)
	}
	await(t, nodes, "two join, and the third is refused", func() bool {
		return know(nodes[:2]...) && len(nodes[2].Problems()) == 1 && strings.Contains(nodes[2].Problems()[0].Reason, "secret")
	})
	for _, n := range nodes {
		end(t, n)
	}
	cancel()
	muxes.Wait()
}

func TestNetworkThatIsClosedByOthersEndsRun(t *testing.T) {
	network := listen(t, "127.0.0.1")
	list, err := member.New(config("a"), network)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- list.Run(t.Context()) }()
	<-list.Events()
	_ = network.Close() // of what Run closes too
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("it ended with %v", err)
	}
}
