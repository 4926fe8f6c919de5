package chaos_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"anode/testkit/chaos"
)

// steer posts to a source at a node.
func steer(t *testing.T, n *chaos.Node, name, what string) {
	t.Helper()
	if status, body, err := n.Do(t.Context(), http.MethodPost, "/api/v1/sources/"+name+"/"+what, "", nil); err != nil || status != http.StatusOK {
		t.Fatalf("%s at %s: %d %.300s %v", what, n.Name, status, body, err)
	}
}

// open are the nodes that have a connection to a source's feed now.
func (f *field) open(source string) (nodes []string) {
	for _, c := range f.callsOf(source) {
		if c.end.IsZero() {
			nodes = append(nodes, c.node)
		}
	}
	return nodes
}

// anywhere has one source that runs on one of four nodes; labels and --own say where sources may run.
func anywhere(t *testing.T) {
	f := newField(t, 50*time.Millisecond)
	const region = "--label=region="
	m := fed(t, chaos.Config{Nodes: 4, ArgsOf: func(i int) []string {
		return [][]string{{region + "eu"}, {region + "eu", "--own", "none"}, {region + "eu", "--own", "local"}, {region + "us"}}[i]
	}})
	linked(t, m, 20*time.Second)
	for _, n := range m.Nodes() {
		activated(t, n, 30*time.Second)
	}
	t.Run("own and labels say where it runs", func(t *testing.T) { placed(t, m, f) })
	t.Run("its status is the owner's", func(t *testing.T) {
		for _, n := range m.Nodes() {
			eventually(t, n.Name+" tells how it is", 10*time.Second, func() error {
				all, err := sourcesOf(t.Context(), n)
				if s := all["us"].Status; err == nil && (s.State != "running" || s.Records == 0) {
					return fmt.Errorf("%+v", s)
				}
				return err
			})
		}
	})
	t.Run("its status is the same from every node", func(t *testing.T) { saidAlike(t, m, "us") })
	t.Run("its frames are the owner's", func(t *testing.T) {
		for _, n := range m.Nodes() {
			framed(t, n, "us")
		}
	})
	t.Run("a restart reaches the owner", func(t *testing.T) {
		for _, n := range m.Nodes() {
			before := len(f.callsOf("us"))
			steer(t, n, "us", "restart")
			eventually(t, "it connects anew", 10*time.Second, func() error {
				if c := f.callsOf("us"); len(c) == before || !slices.Equal(f.open("us"), []string{known(3)}) {
					return fmt.Errorf("%d calls, open are %v", len(c), f.open("us"))
				}
				return nil
			})
		}
	})
	t.Run("a pause reaches the owner", func(t *testing.T) {
		for i, n := range m.Nodes() {
			steer(t, n, "us", "pause")
			eventually(t, "it is let go", 10*time.Second, func() error {
				if open := f.open("us"); len(open) > 0 {
					return fmt.Errorf("%v read it", open)
				}
				return nil
			})
			other := m.Node((i + 1) % 4)
			eventually(t, other.Name+" knows that it is paused", 10*time.Second, func() error {
				all, err := sourcesOf(t.Context(), other)
				if s := all["us"].Status; err == nil && s.State != "paused" {
					return fmt.Errorf("%+v", s)
				}
				return err
			})
			if i == 0 {
				saidAlike(t, m, "us")
			}
			steer(t, other, "us", "resume")
			eventually(t, "it is read again", 10*time.Second, func() error {
				if open := f.open("us"); !slices.Equal(open, []string{known(3)}) {
					return fmt.Errorf("%v read it", open)
				}
				return nil
			})
		}
	})
	t.Run("a push is taken by every node with its labels, whatever it owns", func(t *testing.T) { pushed(t, m) })
	t.Run("without a node that may own it, it says so", func(t *testing.T) {
		m.Node(3).Kill()
		for _, n := range m.Running() {
			eventually(t, "it is told", 10*time.Second, func() error {
				all, err := sourcesOf(t.Context(), n)
				if s := all["us"].Status; err == nil && (len(s.Owners) > 0 || s.Why == "" || s.State != "pending") {
					return fmt.Errorf("%+v", s)
				}
				return err
			})
			figures, err := n.Component(t.Context(), "placement")
			if err != nil || figures["ownerless"] != 1 {
				t.Errorf("%s: %v %v", n.Name, figures, err)
			}
		}
	})
}

// saidAlike waits until all nodes say the same of a source: how it is and since when, whose it is and why, and when it moved.
func saidAlike(t *testing.T, m *chaos.Mesh, name string) {
	t.Helper()
	eventually(t, "all say the same of "+name, 10*time.Second, func() error {
		first := ""
		for _, n := range m.Running() {
			all, err := sourcesOf(t.Context(), n)
			if err != nil {
				return err
			}
			s := all[name].Status
			said := fmt.Sprintf("%s since %s, owned by %v: %s, moved %s", s.State, s.Since, s.Owners, s.Why, s.Moved)
			if first == "" {
				first = said
			}
			if said != first || s.Moved != nil {
				return fmt.Errorf("%s says: %s; and the first: %s", n.Name, said, first)
			}
		}
		return nil
	})
}

// placed registers sources everywhere, and looks where they run.
func placed(t *testing.T, m *chaos.Mesh, f *field) {
	register(t, m.Node(1), f.spec("sse", "us", "nodes: {region: us}"))
	local := map[string]bool{}
	const each = 8
	for i, n := range m.Nodes() {
		for j := range each {
			name := fmt.Sprintf("eu.%d.%d", i, j)
			register(t, n, f.spec("websocket", name, "nodes: {region: eu}"))
			local[name] = i == 2
		}
	}
	all := agreed(t, m, 1+4*each, 1, 15*time.Second)
	if !slices.Equal(all["us"], []int{3}) {
		t.Errorf("us is owned by %v", all["us"])
	}
	byLocal := 0
	for name, isLocal := range local {
		switch own := all[name]; {
		case slices.Equal(own, []int{2}) && isLocal:
			byLocal++
		case !slices.Equal(own, []int{0}):
			t.Errorf("%s is owned by %v", name, own)
		}
	}
	if byLocal == 0 || byLocal == each {
		t.Errorf("the node with --own local owns %d of the %d registered there: this shows nothing", byLocal, each)
	}
	fedBy(t, f, all, 10*time.Second)
}

// framed waits for a frame of a source from a node.
func framed(t *testing.T, n *chaos.Node, source string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL+"/api/v1/sources/"+source+"/frames?for=8s", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if strings.Contains(lines.Text(), `\"n\":`) {
			return
		}
	}
	t.Errorf("%s has no frames of %s: %d %v", n.Name, source, res.StatusCode, lines.Err())
}

// pushed pushes to one source at every node, whatever that one owns, with its one token; and to one that runs only where its
// labels are.
func pushed(t *testing.T, m *chaos.Mesh) {
	const spec = "kind: push\nnative_id: .n\npush: {token: \"${secret:hook}\"}\n"
	register(t, m.Node(2), "name: hook\n"+spec)
	register(t, m.Node(2), "name: far\nnodes: {region: us}\n"+spec)
	push := func(n *chaos.Node, source, token string) (int, string, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.URL+"/api/v1/sources/"+source+"/push", strings.NewReader(fmt.Sprintf(`{"n":%d}`, n.Index)))
		if err != nil {
			return 0, "", err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, "", err
		}
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		return res.StatusCode, string(text), err
	}
	const us = 3
	for i, n := range m.Nodes() {
		eventually(t, n.Name+" takes it", 10*time.Second, func() error {
			if status, text, err := push(n, "hook", "hook of all nodes"); err != nil || status != http.StatusAccepted {
				return fmt.Errorf("%d %s %w", status, text, err)
			}
			return nil
		})
		if status, text, err := push(n, "hook", "another"); err != nil || status != http.StatusUnauthorized {
			t.Errorf("with another token %s says %d %s %v", n.Name, status, text, err)
		}
		eventually(t, n.Name+" says where it runs that is not here", 10*time.Second, func() error {
			status, text, err := push(n, "far", "hook of all nodes")
			if want := map[bool]int{true: http.StatusAccepted, false: http.StatusServiceUnavailable}[i == us]; err != nil || status != want {
				return fmt.Errorf("%d %s %w", status, text, err)
			}
			if i != us && !strings.Contains(text, m.Node(us).Name) {
				return errors.New(text)
			}
			return nil
		})
	}
	for _, n := range m.Nodes() {
		eventually(t, n.Name+" has all", 10*time.Second, func() error {
			_, by, err := copies(t.Context(), n, "hook")
			if err == nil && len(by) != len(m.Nodes()) {
				return errors.New(fmt.Sprint(by))
			}
			return err
		})
	}
}
