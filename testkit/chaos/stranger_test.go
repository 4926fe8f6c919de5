package chaos_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anode/testkit/chaos"
)

const (
	secret      = "ANODE_CLUSTER_SECRET=a secret that is as long as it has to be"
	otherSecret = "ANODE_CLUSTER_SECRET=another secret that is as long as it has to be"
)

// pair is a mesh of two that others try to come into.
func pair(t *testing.T) *chaos.Mesh {
	m := start(t, chaos.Config{Nodes: 2, Env: []string{secret}})
	linked(t, m, 20*time.Second)
	return m
}

// stranger starts a node beside a mesh, which joins it.
func stranger(t *testing.T, m *chaos.Mesh, cfg chaos.Config) *chaos.Node {
	t.Helper()
	cfg.Nodes, cfg.Name = 1, "stranger"
	cfg.Join = func(int, []string) []string { return []string{m.Node(0).Mesh} }
	return start(t, cfg).Node(0)
}

// refused lets somebody be refused by a node, and waits until it has said in its log why, and counted it.
func refused(t *testing.T, n *chaos.Node, word, metric, label string, try func()) {
	t.Helper()
	before, err := n.Metric(t.Context(), metric, label)
	if err != nil {
		t.Fatal(err)
	}
	try()
	eventually(t, fmt.Sprintf("%s logs %q", n.Name, word), 20*time.Second, func() error {
		if !strings.Contains(n.Log(), word) {
			return fmt.Errorf("it does not")
		}
		return nil
	})
	eventually(t, n.Name+" counts it", 5*time.Second, func() error {
		count, err := n.Metric(t.Context(), metric, label)
		if err == nil && count == before {
			return fmt.Errorf("%s %s is %v as before", metric, label, count)
		}
		return err
	})
}

// undisturbed demands that a pair is one, knows nobody else, and works.
func undisturbed(t *testing.T, m *chaos.Mesh) {
	t.Helper()
	linked(t, m, 5*time.Second)
	for _, n := range m.Nodes() {
		peers, err := n.Cluster(t.Context())
		if err != nil || len(peers) != 2 {
			t.Errorf("%s knows %v, %v", n.Name, peers, err)
		}
	}
	fill(t, m.Node(1), "calm.a", 5, 10)
	everywhere(t, m, "calm.a", 5, 10*time.Second)
}

func TestStrangersAreRefusedSaidAndCounted(t *testing.T) {
	t.Parallel()
	m := pair(t)
	fill(t, m.Node(0), "secret.a", 5, 10)
	for _, c := range []struct {
		name, word, label string
		cfg               chaos.Config
	}{
		{"with another secret", "another cluster secret", `reason="secret"`, chaos.Config{Env: []string{otherSecret}}},
		{"with no secret", "another cluster secret", `reason="secret"`, chaos.Config{}},
		{"of another cluster", "it is of cluster", `reason="cluster"`, chaos.Config{Env: []string{secret}, Args: []string{"--cluster", "other"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n *chaos.Node
			refused(t, m.Node(0), c.word, "anode_mesh_calls_refused_total", c.label, func() { n = stranger(t, m, c.cfg) })
			if !strings.Contains(n.Log(), "a node can't be joined") {
				t.Errorf("the stranger is not told: %s", n.Tail(2000))
			}
			if err := holds(t.Context(), n, "secret.a", 0); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("garbage", func(t *testing.T) {
		garbage := []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x00\x05hello", strings.Repeat("\xc4\x17", 500), "\xf4\x05anode\x0a\xff\xff\xff\xff", "\x00"}
		throw := func() {
			for _, text := range garbage {
				for _, network := range []string{"tcp", "udp"} {
					c, err := net.Dial(network, m.Node(0).Mesh)
					if err != nil {
						t.Fatal(err)
					}
					_, _ = c.Write([]byte(text))
					_ = c.Close()
				}
			}
		}
		refused(t, m.Node(0), "a connection to the mesh port was refused", "anode_mesh_refused_total", `reason="stranger"`, throw)
		refused(t, m.Node(0), "", // of datagrams anybody can send many: they are counted only
			"anode_mesh_calls_refused_total", `reason="garbage"`, throw)
	})
	undisturbed(t, m)
}

func TestACopyOfADataDirectoryIsRefusedAndEnds(t *testing.T) {
	t.Parallel()
	m := pair(t)
	dir := t.TempDir()
	key, err := os.ReadFile(filepath.Join(m.Node(1).Dir, "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "stranger0"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "stranger0", "node.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	var clone *chaos.Node
	refused(t, m.Node(0), "a newcomer was refused", "anode_mesh_impostors_total", "", func() {
		clone = stranger(t, m, chaos.Config{Dir: dir, Env: []string{secret}})
	})
	_, _, _ = clone.Do(t.Context(), http.MethodPost, "/api/v1/streams/clone.a/records", "application/json", []byte(`{"n":0}`))
	var ended error
	eventually(t, "the copy ends", 40*time.Second, func() error {
		if clone.State() != chaos.Stopped {
			return fmt.Errorf("it runs")
		}
		ended = clone.Ended(t.Context())
		return nil
	})
	if ended == nil || !strings.Contains(clone.Log(), "identity in use") {
		t.Errorf("it ended with %v:\n%s", ended, clone.Tail(2000))
	}
	undisturbed(t, m)
}
