package chaos_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"anode/testkit/chaos"
)

// fed is a mesh whose nodes may read a field, and tell it who they are: "node-0" and so on.
func fed(t *testing.T, cfg chaos.Config) *chaos.Mesh {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	of := cfg.ArgsOf
	cfg.ArgsOf = func(i int) []string {
		dir := filepath.Join(cfg.Dir, "secrets"+strconv.Itoa(i))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, secret := range map[string]string{"who": known(i), "hook": "hook of all nodes"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(secret), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		args := []string{"--secrets", dir, "--allow-private", "127.0.0.0/8"}
		if of != nil {
			args = append(args, of(i)...)
		}
		return args
	}
	return start(t, cfg)
}

// known is how a node calls itself to a field.
func known(node int) string { return "node-" + strconv.Itoa(node) }

// register registers sources at a node.
func register(t *testing.T, n *chaos.Node, specs ...string) {
	t.Helper()
	for _, text := range specs {
		status, body, err := n.Do(t.Context(), http.MethodPost, "/api/v1/sources", "application/yaml", []byte(text))
		if err != nil || status != http.StatusCreated {
			t.Fatalf("register at %s: %d %.300s %v\n%s", n.Name, status, body, err, text)
		}
	}
}

// source is a source as a node sees it.
type source struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Status  struct {
		State     string   `json:"state"`
		Owners    []string `json:"owners"`
		Why       string   `json:"why"`
		Records   int      `json:"records"`
		LastError string   `json:"last_error"`
		// Since is when the state began, Moved when the owners changed last, as it came.
		Since string          `json:"since"`
		Moved json.RawMessage `json:"moved"`
	} `json:"status"`
}

// sourcesOf are all sources as a node sees them, by name.
func sourcesOf(ctx context.Context, n *chaos.Node) (map[string]source, error) {
	all := make(map[string]source)
	for path := "/api/v1/sources?limit=1000"; ; {
		var page struct {
			Items []source `json:"items"`
			Next  string   `json:"next"`
		}
		if err := n.Get(ctx, path, &page); err != nil {
			return nil, err
		}
		for _, s := range page.Items {
			all[s.Name] = s
		}
		if page.Next == "" {
			return all, nil
		}
		path = "/api/v1/sources?page=" + page.Next
	}
}

// owners are the owners of all sources as a node sees them, as indexes of nodes.
func owners(ctx context.Context, m *chaos.Mesh, n *chaos.Node) (map[string][]int, error) {
	all, err := sourcesOf(ctx, n)
	if err != nil {
		return nil, err
	}
	list := make(map[string][]int, len(all))
	for name, s := range all {
		list[name] = []int{}
		for _, id := range s.Status.Owners {
			list[name] = append(list[name], slices.IndexFunc(m.Nodes(), func(n *chaos.Node) bool { return n.ID() == id }))
		}
	}
	return list, nil
}

// agreed waits until all nodes that run have the same so many sources, with the same owners, and gives those. Each has as many
// as wanted.
func agreed(t *testing.T, m *chaos.Mesh, sources, each int, patience time.Duration) map[string][]int {
	t.Helper()
	var first map[string][]int
	eventually(t, "all nodes agree who owns what", patience, func() error {
		first = nil
		for _, n := range m.Running() {
			list, err := owners(t.Context(), m, n)
			if err != nil {
				return err
			}
			if len(list) != sources {
				return fmt.Errorf("%s has %d sources of %d", n.Name, len(list), sources)
			}
			for name, own := range list {
				if len(own) < each {
					return fmt.Errorf("%s: %s has the owners %v", n.Name, name, own)
				}
				if first != nil && !slices.Equal(first[name], own) {
					return fmt.Errorf("%s: %s has the owners %v, elsewhere %v", n.Name, name, own, first[name])
				}
			}
			first = list
		}
		return nil
	})
	return first
}

// active waits until all nodes that run may own sources, and know it of each other.
func active(t *testing.T, m *chaos.Mesh, patience time.Duration) {
	t.Helper()
	for _, n := range m.Running() {
		activated(t, n, patience)
	}
	// A source for which all are candidates tells how many there are.
	const probe = "probe"
	register(t, m.Running()[0], "name: "+probe+"\nkind: rest\nurl: http://127.0.0.1:1/\nrest: {every: 1h}\npaused: true\n")
	want := fmt.Sprintf("of %d candidates", len(m.Running()))
	for _, n := range m.Running() {
		eventually(t, n.Name+" knows that all are active", 10*time.Second, func() error {
			all, err := sourcesOf(t.Context(), n)
			if why := all[probe].Status.Why; err == nil && !strings.HasSuffix(why, want) {
				return errors.New(why)
			}
			return err
		})
	}
	if status, body, err := m.Running()[0].Do(t.Context(), http.MethodDelete, "/api/v1/sources/"+probe, "", nil); err != nil || status != http.StatusNoContent {
		t.Fatalf("remove: %d %s %v", status, body, err)
	}
}

// activated waits until a node may own sources.
func activated(t *testing.T, n *chaos.Node, patience time.Duration) {
	t.Helper()
	eventually(t, n.Name+" is active", patience, func() error {
		var status struct {
			Components []struct {
				Name   string `json:"name"`
				Detail string `json:"detail"`
			} `json:"components"`
		}
		if err := n.Get(t.Context(), "/api/v1/status", &status); err != nil {
			return err
		}
		for _, c := range status.Components {
			if c.Name == "placement" && !strings.Contains(c.Detail, "joining") && !strings.Contains(c.Detail, "not spoken") {
				return nil
			}
		}
		return fmt.Errorf("%v", status.Components)
	})
}

// copies are the records of a stream that a node holds, by their number.
func copies(ctx context.Context, n *chaos.Node, stream string) (order []int64, by map[int64][]chaos.Record, err error) {
	list, err := n.History(ctx, stream)
	if err != nil {
		return nil, nil, err
	}
	by = make(map[int64][]chaos.Record)
	for _, r := range list {
		number := int64(r.Data.Number)
		order = append(order, number)
		by[number] = append(by[number], r)
	}
	return order, by, nil
}

// whole waits until a node holds each number of a stream to the last, and gives the numbers that it holds more than once, with the records.
func whole(t *testing.T, n *chaos.Node, stream string, last int64, patience time.Duration) (order []int64, double map[int64][]chaos.Record) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s holds %s up to %d", n.Name, stream, last), patience, func() error {
		var err error
		if order, double, err = copies(t.Context(), n, stream); err != nil {
			return err
		}
		var missing []int64
		for number := int64(1); number <= last; number++ {
			if len(double[number]) == 0 {
				missing = append(missing, number)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("%d are missing: %v", len(missing), missing[:min(5, len(missing))])
		}
		return nil
	})
	for number, ids := range double {
		if len(ids) == 1 {
			delete(double, number)
		}
	}
	return order, double
}
