package browser_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "anode/cmd/anode/app" // what the program is made of: when it changes, a result of before is none
	"anode/testkit/chaos"
)

// program is the built binary; empty where no browser was asked for.
var program string

func TestMain(m *testing.M) {
	if os.Getenv(browserSwitch) != "1" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "anode-browser")
	if err != nil {
		panic(err)
	}
	if program, err = chaos.Build(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// mesh runs three nodes: north, which has arguments of its own, south and west.
func mesh(t *testing.T, args ...string) []*chaos.Node {
	t.Helper()
	m, err := chaos.Start(t.Context(), chaos.Config{
		Nodes: 3, Binary: program, Dir: t.TempDir(), Args: []string{"--allow-private", "127.0.0.0/8"},
		ArgsOf: func(node int) []string {
			own := []string{"--name", []string{"north", "south", "west"}[node]}
			if node == 0 {
				own = append(own, args...)
			}
			return own
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		for _, n := range m.Nodes() {
			if t.Failed() {
				t.Logf("log of %s:\n%s", n.Name, n.Tail(16<<10))
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := m.Linked(ctx); err != nil {
		t.Fatal(err)
	}
	return m.Nodes()
}

// register registers a source from YAML.
func register(t *testing.T, n *chaos.Node, spec string) {
	t.Helper()
	if status, body, err := n.Do(t.Context(), http.MethodPost, "/api/v1/sources", "application/yaml", []byte(spec)); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s %v", status, body, err)
	}
}

// sourceIs waits until a node says that a source is in a state, and has made so many records.
func sourceIs(t *testing.T, n *chaos.Node, name, state string, records int) {
	t.Helper()
	for end := time.Now().Add(patience); ; <-time.After(50 * time.Millisecond) {
		var source struct {
			Status struct {
				State   string
				Records int
			}
		}
		err := n.Get(t.Context(), "/api/v1/sources/"+name, &source)
		if err == nil && source.Status.State == state && source.Status.Records >= records {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %s is %+v, not %s with %d records: %v", n.Name, name, source.Status, state, records, err)
		}
	}
}

// placed waits until all nodes take part in who owns what, so that nothing moves any more.
func placed(t *testing.T, nodes []*chaos.Node, name string) {
	t.Helper()
	of := fmt.Sprintf("of %d candidates", len(nodes))
	for _, n := range nodes {
		for end := time.Now().Add(patience); ; <-time.After(50 * time.Millisecond) {
			var source struct{ Status struct{ Why string } }
			err := n.Get(t.Context(), "/api/v1/sources/"+name, &source)
			if err == nil && strings.HasSuffix(source.Status.Why, of) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %s is %q, not %s: %v", n.Name, name, source.Status.Why, of, err)
			}
		}
	}
}

// repository is where the project's files are.
func repository(t *testing.T, parts ...string) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{here, "..", ".."}, parts...)...)
}

// quoted is a text as a script has it.
func quoted(text string) string { return fmt.Sprintf("%q", text) }
