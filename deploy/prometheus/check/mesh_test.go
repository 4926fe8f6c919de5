package check_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startPatience is how long a node may take to serve, on a machine that does other things, too.
const startPatience = time.Minute

// build builds aNode.
func build(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "anode")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./cmd/anode")
	cmd.Dir = "../../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// serve runs a node until the test ends, and gives its URL and its place in the mesh.
func serve(t *testing.T, path string, args ...string) (url, mesh string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, append([]string{"serve", "--data", t.TempDir(), "--http", "127.0.0.1:0", "--mesh", "127.0.0.1:0"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = startPatience
	cmd.Stderr = io.Discard
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() }) // what it says at its end shows nothing here
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(line) {
		switch name, value, _ := strings.Cut(field, "="); name {
		case "http":
			url = value
		case "mesh":
			mesh = value
		}
	}
	return url, mesh
}

// scrape gets what a node tells Prometheus.
func scrape(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v", answer.Status, err)
	}
	return string(text)
}

// told is what two nodes of a mesh tell, one of them with demo feeds, both with an archive that is away.
func told(t *testing.T) (texts []string) {
	t.Helper()
	path := build(t)
	const away = "cassandra://127.0.0.1:1/anode"
	one, mesh := serve(t, path, "--demo", "--archive", away)
	two, _ := serve(t, path, "--join", mesh, "--archive", away)
	for end := time.Now().Add(startPatience); ; time.Sleep(100 * time.Millisecond) {
		texts = []string{scrape(t, one), scrape(t, two)}
		if strings.Contains(texts[0], "anode_mesh_links 1") && strings.Contains(texts[1], "anode_mesh_links 1") && strings.Contains(texts[0], `anode_source_records_total{source="demo-ships"}`) {
			return texts
		}
		if time.Now().After(end) {
			t.Fatalf("they don't find each other:\n%s", texts[0])
		}
	}
}
