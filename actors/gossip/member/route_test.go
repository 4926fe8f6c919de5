package member_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"anode/actors/gossip/member"
)

// moving is a host whose routes change.
type moving struct {
	*host
	mu     sync.Mutex // guards routes
	routes map[string]string
}

func (m *moving) Local() netip.AddrPort { return netip.MustParseAddrPort("[::]:7000") }

func (m *moving) Route(to netip.Addr) (netip.Addr, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if from, ok := m.routes[to.String()]; ok {
		return netip.MustParseAddr(from), nil
	}
	return netip.Addr{}, errors.New("no route")
}

func (m *moving) reroute(routes map[string]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.routes = routes
}

// TestAdvertisedAddressThatBecameWrong: a List whose address leads nowhere any more, or was the wrong one from the beginning, ends, so
// that a new one finds the right one; a seed that is away for a while, and a network that is, change nothing.
func TestAdvertisedAddressThatBecameWrong(t *testing.T) {
	const out = "192.0.2.1"
	first := map[string]string{"10.1.0.1": "10.1.0.1", "10.1.0.9": "10.1.0.1", "10.2.0.1": "10.2.0.1", "10.2.0.9": "10.2.0.1", out: "10.1.0.1"}
	for name, c := range map[string]struct {
		seeds  []string
		names  []string // what other.example resolves to later
		routes map[string]string
		want   string // the address that it should have; empty: it goes on
	}{
		"other seeds are in the other network":     {seeds: []string{"me.example:1", "other.example:1"}, names: []string{"10.2.0.9"}, routes: first, want: "10.2.0.1"},
		"other seeds are in this network":          {seeds: []string{"me.example:1", "other.example:1"}, names: []string{"10.1.0.9"}, routes: first},
		"other seeds are in both":                  {seeds: []string{"me.example:1", "other.example:1"}, names: []string{"10.2.0.9", "10.1.0.9"}, routes: first},
		"no other seed is there":                   {seeds: []string{"me.example:1", "other.example:1"}, routes: first},
		"the machine has another address":          {routes: map[string]string{"10.1.0.7": "10.1.0.7", out: "10.1.0.7"}, want: "10.1.0.7"},
		"the machine has another one, and a seed":  {seeds: []string{"me.example:1"}, routes: map[string]string{"10.1.0.7": "10.1.0.7", out: "10.1.0.7"}, want: "10.1.0.7"},
		"the machine has lost all of its networks": {seeds: []string{"me.example:1"}, routes: map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFabric()
				f.names["me.example"] = []netip.Addr{netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("10.2.0.1")}
				m := &moving{host: f.host("10.1.0.1:7000"), routes: first}
				cfg := config("a")
				cfg.Seeds = c.seeds
				list, err := member.New(cfg, m)
				if err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() { ended <- list.Run(context.Background()) }()
				<-list.Events()
				if at := list.Members()[0].Addr.Addr().String(); at != "10.1.0.1" {
					t.Fatalf("it begins at %s", at)
				}
				m.reroute(c.routes)
				f.change(func(f *fabric) {
					for _, ip := range c.names {
						f.names["other.example"] = append(f.names["other.example"], netip.MustParseAddr(ip))
					}
				})
				select {
				case err = <-ended:
				case <-time.After(2 * time.Minute):
					err = errors.Join(list.Close(), <-ended)
				}
				switch {
				case c.want == "" && err != nil:
					t.Errorf("it ends: %v", err)
				case c.want != "" && (err == nil || !strings.Contains(err.Error(), "no more at 10.1.0.1, but at "+c.want)):
					t.Errorf("the error is %v", err)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

// TestMembersTellTheNetwork: an address stays while living members are reached from it, whatever the seeds that are left say.
func TestMembersTellTheNetwork(t *testing.T) {
	inWorld(t, func(w *world) {
		w.mesh(2)
		m := &moving{host: w.net.host("10.1.0.1:7000"), routes: map[string]string{
			"10.1.0.1": "10.1.0.1", "10.0.0.1": "10.1.0.1", "10.0.0.2": "10.1.0.1", "10.2.0.9": "10.2.0.1", "10.2.0.1": "10.2.0.1",
		}}
		w.net.change(func(f *fabric) { f.names["first.example"] = []netip.Addr{netip.MustParseAddr("10.0.0.1")} })
		cfg := config("z")
		cfg.Seeds = []string{"first.example:7946", "other.example:7946"}
		list, err := member.New(cfg, m)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- list.Run(context.Background()) }()
		w.within(time.Minute, "it joins", func() bool { return len(list.Members()) == 3 })
		w.net.change(func(f *fabric) {
			delete(f.names, "first.example")
			f.names["other.example"] = []netip.Addr{netip.MustParseAddr("10.2.0.9")}
		})
		select {
		case err := <-ended:
			t.Errorf("it ends: %v", err)
		case <-time.After(2 * time.Minute):
			if err := errors.Join(list.Close(), <-ended); err != nil {
				t.Error(err)
			}
		}
	})
}
