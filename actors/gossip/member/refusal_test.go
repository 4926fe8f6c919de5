package member_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"anode/actors/gossip/member"
)

func TestOtherMeshesAreRefusedAndTold(t *testing.T) {
	for name, c := range map[string]struct {
		addr         string
		change       func(*member.Config)
		theirs, ours string // reasons
		secret       bool
	}{
		"another cluster": {ip(9), func(c *member.Config) { c.Cluster = "other" }, `it is of another cluster, this node of "other"`, `it is of cluster "other", this node of "test"`, false},
		"another secret":  {ip(9), func(c *member.Config) { c.Keys = [][]byte{otherKey} }, "it has another cluster secret", "it has another cluster secret", true},
		"no secret":       {"127.0.0.9:7946", func(c *member.Config) { c.Keys = nil }, "it has another cluster secret, or one of both has none", "or one of both has none", true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.mesh(3)
				stray := w.start("stray", c.addr, func(conf *member.Config) {
					conf.Seeds = []string{ip(0)}
					c.change(conf)
				})
				mesh := w.nodes[:3]
				w.within(2*time.Second, "both say it", func() bool { return len(stray.Problems()) == 1 && len(mesh[0].Problems()) == 1 })
				time.Sleep(3 * time.Minute)
				if p := stray.Problems(); len(p) != 1 || p[0].About != "seed "+ip(0) || !strings.HasPrefix(p[0].Reason, c.theirs) || p[0].Hint == "" || time.Since(p[0].Since) < 2*time.Minute {
					t.Errorf("the stray says %+v", p)
				}
				host := netip.MustParseAddrPort(c.addr).Addr().String()
				if p := mesh[0].Problems(); len(p) != 1 || p[0].About != "caller "+host || !strings.Contains(p[0].Reason, c.ours) {
					t.Errorf("the seed says %+v", p)
				}
				s := mesh[0].Stats()
				if c.secret && (s.Secret < 10 || s.Cluster > 0) || !c.secret && (s.Cluster < 10 || s.Secret > 0) || stray.Stats().FailedCalls < 10 {
					t.Errorf("counted %+v, %+v", s, stray.Stats())
				}
				if !know(mesh...) || len(stray.Members()) != 1 || len(mesh[0].Members()) != 3 || mesh[0].Stats().Deaths > 0 {
					t.Errorf("the mesh was disturbed:\n%s", w.views())
				}
				w.kill(stray)
				time.Sleep(6 * time.Minute)
				if p := mesh[0].Problems(); len(p) > 0 {
					t.Errorf("the seed still says %+v", p)
				}
			})
		})
	}
}

func TestPacketsOfOtherMeshesAreRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		w.mesh(2)
		other := w.start("other", ip(9), func(c *member.Config) { c.Cluster = "other" })
		also := w.start("also", ip(8), func(c *member.Config) { c.Cluster = "other"; c.Seeds = []string{ip(9)} })
		w.within(2*time.Second, "they join", func() bool { return know(other, also) })
		w.kill(also)
		// A node of this mesh gets the address at which the other one still thinks its peer.
		w.start("n03", ip(8), func(c *member.Config) { c.Seeds = []string{ip(0)} })
		time.Sleep(20 * time.Second)
		if s := w.nodes[3].Stats(); s.Cluster == 0 {
			t.Errorf("counted %+v", s)
		}
		if other.state("also") != member.Dead || !know(w.nodes[0], w.nodes[1], w.nodes[3]) {
			t.Errorf("it went wrong:\n%s", w.views())
		}
	})
}

func TestNewSecretReplacesTheOldOneWhileAllRun(t *testing.T) {
	inWorld(t, func(w *world) {
		w.mesh(3)
		for _, keys := range [][][]byte{{key, otherKey}, {otherKey, key}, {otherKey}} {
			for range 3 {
				old := w.nodes[0]
				w.kill(old)
				w.start(string(old.id), old.addr, func(c *member.Config) { c.Keys, c.Seeds = keys, []string{ip(0), ip(1)} })
				w.within(20*time.Second, "it is back", w.allKnowAll)
				time.Sleep(2 * time.Second)
			}
		}
		for _, n := range w.nodes {
			if s := n.Stats(); s.Secret > 0 {
				t.Errorf("%s refused %d", n.id, s.Secret)
			}
		}
	})
}

func TestGarbageIsCountedAndHarmless(t *testing.T) {
	inWorld(t, func(w *world) {
		w.mesh(2)
		to, from := netip.MustParseAddrPort(ip(0)), w.net.host("10.0.0.99:1")
		defer from.Close()
		sealed := append([]byte{244, 4}, "testxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"...)
		sealed[6] = 1
		for _, garbage := range [][]byte{{}, {0}, {244}, {244, 0}, {244, 9, 'a'}, []byte("GET / HTTP/1.1\r\n\r\n"), append([]byte{244, 4}, "test"...), make([]byte, 65000), sealed} {
			if err := from.WriteTo(garbage, to); err != nil {
				t.Fatal(err)
			}
			c, err := from.DialStream(w.t.Context(), to)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Write(garbage); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second) // more than the node waits
			if _, err := c.Write([]byte("x")); err == nil {
				t.Errorf("%.20q: the stream is open still", garbage)
			}
			c.Close()
		}
		if s := w.nodes[0].Stats(); s.Garbage < 12 || s.Secret == 0 {
			t.Errorf("counted %+v", s)
		}
		if !w.allKnowAll() || w.nodes[0].Stats().Deaths > 0 {
			t.Errorf("the mesh was disturbed:\n%s", w.views())
		}
	})
}

func TestSeedThatIsNoNodeIsTold(t *testing.T) {
	for answer, want := range map[string]string{
		"":                                 "it hung up without an answer",
		"\xf4":                             "it hung up without an answer",
		"HTTP/1.1 400 Bad Request\r\n\r\n": "it answers as no node of a mesh does",
	} {
		inWorld(t, func(w *world) {
			other := w.net.host(ip(9))
			w.t.Cleanup(func() { other.Close() })
			go func() {
				for {
					c, err := other.AcceptStream()
					if err != nil {
						return
					}
					_, _ = c.Write([]byte(answer))
					c.Close()
				}
			}()
			n := w.start("a", ip(0), func(c *member.Config) { c.Seeds = []string{ip(9)} })
			w.within(time.Second, "the problem", func() bool { return len(n.Problems()) == 1 })
			if p := n.Problems()[0]; p.Reason != want || p.About != "seed "+ip(9) {
				t.Errorf("%q: %+v", answer, p)
			}
		})
	}
}

func TestStreamsAreBoundedByAddressAndTogether(t *testing.T) {
	inWorld(t, func(w *world) {
		n, to := w.start("a", ip(0), nil), netip.MustParseAddrPort(ip(0))
		w.within(time.Second, "it runs", func() bool { return len(n.Members()) > 0 })
		knock := func(from string, times int) {
			h := w.net.host(from)
			w.t.Cleanup(func() { h.Close() })
			for range times {
				if _, err := h.DialStream(w.t.Context(), to); err != nil {
					w.t.Fatal(err)
				}
				time.Sleep(time.Millisecond)
			}
		}
		for i, c := range []struct {
			from  string
			times int
			busy  uint64
		}{
			{"10.0.0.99:1", 50, 34},
			{"[2001:db8::1]:1", 10, 34},
			{"[2001:db8::2]:1", 10, 38},
			{"[2001:db8:0:1::2]:1", 16, 38},
			{"10.0.0.98:1", 16, 38},
			{"10.0.0.97:1", 1, 39},
		} {
			knock(c.from, c.times)
			if busy := n.Stats().Busy; busy != c.busy {
				t.Errorf("step %d: %d were refused", i, busy)
			}
		}
		time.Sleep(10 * time.Second)
		w.start("b", ip(1), func(c *member.Config) { c.Seeds = []string{ip(0)} })
		w.within(2*time.Second, "there is place again", w.allKnowAll)
	})
}
