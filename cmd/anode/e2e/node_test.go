package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "anode/cmd/anode/app" // what the program is made of: when it changes, a result of before is none
)

// program is the built binary.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "anode-e2e")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "anode")
	build := exec.Command("go", "build", "-o", program, "anode/cmd/anode")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "the program does not build:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// long tells that tests run at full length.
func long() bool { return os.Getenv("ANODE_LONG") != "" }

// seeded is a random source whose seed is printed.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("ANODE_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("ANODE_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("ANODE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// node is a running process.
type node struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	id   string
	log  *syncBuffer
	done chan error
}

// syncBuffer keeps the last of what a process logs.
type syncBuffer struct {
	mu   sync.Mutex
	text []byte
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	if cut := len(b.text) - 64<<10; cut > 0 {
		b.text = b.text[cut:]
	}
	return len(p), nil
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text)
}

// start runs a node on a data directory and waits until it serves.
func start(t *testing.T, dir string, args ...string) *node {
	t.Helper()
	n := &node{t: t, log: &syncBuffer{}, done: make(chan error, 1)}
	n.cmd = exec.Command(program, append([]string{"serve", "--data", dir, "--http", "127.0.0.1:0", "--mesh", "127.0.0.1:0"}, args...)...)
	n.cmd.Stderr = n.log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make(chan string, 1)
	go func() {
		s := bufio.NewScanner(out)
		if s.Scan() {
			line <- s.Text()
		}
		_, _ = io.Copy(io.Discard, out)
		n.done <- n.cmd.Wait()
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of node %s:\n%s", n.id, n.log)
		}
		n.kill()
	})
	select {
	case text := <-line:
		for _, field := range strings.Fields(text) {
			name, value, _ := strings.Cut(field, "=")
			switch name {
			case "http":
				n.url = value
			case "node":
				n.id = value
			}
		}
		if !strings.HasPrefix(text, "anode: serving ") || n.url == "" || n.id == "" {
			t.Fatalf("the first line is %q", text)
		}
	case err := <-n.done:
		n.done <- err
		t.Fatalf("the node ended before it served: %v\n%s", err, n.log)
	case <-time.After(30 * time.Second):
		t.Fatalf("the node does not serve after 30 s\n%s", n.log)
	}
	return n
}

// kill is kill -9; it returns when the process is gone.
func (n *node) kill() {
	_ = n.cmd.Process.Kill()
	n.done <- <-n.done
}

// stop is SIGTERM, and must end cleanly.
func (n *node) stop() {
	n.t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		n.t.Fatal(err)
	}
	select {
	case err := <-n.done:
		n.done <- err
		if err != nil {
			n.t.Fatalf("the node did not stop cleanly: %v\n%s", err, n.log)
		}
	case <-time.After(20 * time.Second):
		n.t.Fatalf("the node does not stop\n%s", n.log)
	}
}

// rss is the process's resident memory in bytes.
func (n *node) rss() int64 {
	n.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", n.cmd.Process.Pid))
	if err != nil {
		n.t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		n.t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// anode runs a command and gives what it printed.
func anode(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	return string(out), err
}

// call makes a request and gives status and body.
func (n *node) call(method, path, contentType, body string) (int, []byte) {
	n.t.Helper()
	status, answer, err := n.try(method, path, contentType, body)
	if err != nil {
		n.t.Fatal(err)
	}
	return status, answer
}

func (n *node) try(method, path, contentType, body string) (int, []byte, error) {
	r, err := http.NewRequest(method, n.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// record is what tests look at of a record.
type record struct {
	ID       string          `json:"id"`
	Stream   string          `json:"stream"`
	Key      string          `json:"key"`
	NativeID string          `json:"native_id"`
	Data     json.RawMessage `json:"data"`
}

// history reads all of a stream.
func (n *node) history(stream string) []record {
	n.t.Helper()
	r, err := http.NewRequest(http.MethodGet, n.url+"/api/v1/streams/"+stream+"/records", nil)
	if err != nil {
		n.t.Fatal(err)
	}
	r.Header.Set("Accept", "application/x-ndjson")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		n.t.Fatalf("history of %s: %d %v", stream, res.StatusCode, err)
	}
	var list []record
	for _, line := range bytes.Split(bytes.TrimSpace(body), []byte{'\n'}) {
		if len(line) == 0 {
			continue
		}
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			n.t.Fatalf("history of %s has the line %q: %v", stream, line, err)
		}
		list = append(list, r)
	}
	return list
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, patience time.Duration, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("after %s still not: %s", patience, what)
		}
		<-time.After(20 * time.Millisecond)
	}
}
