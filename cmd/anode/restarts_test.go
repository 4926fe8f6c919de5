package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestCursorOverManyRestarts stops a following command again and again while records come: what all its
// runs printed together is each record once, in order.
func TestCursorOverManyRestarts(t *testing.T) {
	const bursts, burst = 30, 100
	dir := t.TempDir()
	server := startNode(t, dir)
	publisher := anode(t, "publish", "app.a", "-", "--server", server)
	in, err := publisher.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := publisher.Start(); err != nil {
		t.Fatal(err)
	}
	more, fed := make(chan struct{}), make(chan error, 1)
	go func() { fed <- feed(in, burst, more) }()

	var got, want []int
	random := rand.New(rand.NewPCG(1, 2))
	for run := range bursts {
		more <- struct{}{}
		got = append(got, follow(t, dir, server, 1+random.IntN((run+1)*burst-len(got)))...)
	}
	if left := bursts*burst - len(got); left > 0 {
		got = append(got, follow(t, dir, server, left)...)
	}
	close(more)
	if err := errors.Join(<-fed, publisher.Wait()); err != nil {
		t.Fatal(err)
	}
	for i := range bursts * burst {
		want = append(want, i)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d records came, each once in order is wanted: %v", len(got), got)
	}
}

// feed writes numbers, a burst each time it is told.
func feed(to io.WriteCloser, burst int, more <-chan struct{}) error {
	n := 0
	for range more {
		for range burst {
			if _, err := fmt.Fprintln(to, n); err != nil {
				return err
			}
			n++
		}
	}
	return to.Close()
}

// follow runs the command, stops it when it has printed so many, and gives all that it printed.
func follow(t *testing.T, dir, server string, least int) []int {
	cmd := anode(t, "subscribe", "app.", "--start", "earliest", "--cursor", filepath.Join(dir, "cursor"), "--server", server)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var got []int
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var record struct {
			Data int `json:"data"`
		}
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		if got = append(got, record.Data); len(got) == least {
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the command ended with %v", err)
	}
	return got
}

// anode is a command that ends with the test.
func anode(t *testing.T, args ...string) *exec.Cmd {
	path, err := exec.LookPath("anode")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stderr = os.Stderr
	return cmd
}

// startNode runs a node until the test ends, and gives its URL.
func startNode(t *testing.T, dir string) string {
	cmd := anode(t, "serve", "--data", filepath.Join(dir, "data"), "--http", "127.0.0.1:0", "--mesh", "127.0.0.1:0", "--log-level", "warn")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // its context has killed it
	return serving(t, out)
}

// serving reads the URL that a node prints when it serves.
func serving(t *testing.T, out io.Reader) string {
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(line, "http=")
	url, _, _ := strings.Cut(rest, " ")
	return url
}
