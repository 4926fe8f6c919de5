package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestASecondSignalStopsAtOnce holds a node's clean stop up with a request that does not end.
func TestASecondSignalStopsAtOnce(t *testing.T) {
	cmd := anode(t, "serve", "--data", filepath.Join(t.TempDir(), "data"), "--http", "127.0.0.1:0", "--mesh", "127.0.0.1:0")
	cmd.Stderr = nil
	out, outErr := cmd.StdoutPipe()
	logs, logErr := cmd.StderrPipe()
	if err := errors.Join(outErr, logErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(logs); s.Scan(); {
			lines <- s.Text()
		}
	}()
	conn := unfinished(t, serving(t, out))
	defer conn.Close()

	for range 10 { // at once, as of a terminal and of what runs the node: they are one
		terminate(t, cmd)
	}
	awaitLine(t, lines, "stopping")
	began := time.Now()
	for again := time.NewTicker(oneSignal / 4); ; {
		<-again.C
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		if line, ok := next(lines); ok && strings.Contains(line, "told twice, stopping at once") {
			again.Stop()
			break
		}
		if time.Since(began) > 20*time.Second {
			t.Fatal("does not stop at once")
		}
	}
	if took := time.Since(began); took < oneSignal/4 {
		t.Errorf("signals that came together are two, %s after the first", took)
	}
	began = time.Now()
	for range lines { // up to its end
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 128+int(syscall.SIGTERM) {
		t.Errorf("ended with %v, want exit code %d", err, 128+int(syscall.SIGTERM))
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
}

// next is a line that has come, if any.
func next(lines <-chan string) (string, bool) {
	select {
	case line, ok := <-lines:
		return line, ok
	default:
		return "", false
	}
}

// unfinished begins a request at a server that waits for the rest of its body.
func unfinished(t *testing.T, url string) net.Conn {
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	// The server asks for the body when its handler reads it: from then on the request is under way.
	_, err = fmt.Fprint(conn, "POST /api/v1/streams/a/records HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "100") {
		t.Fatalf("got %q, %v, want 100 Continue", line, err)
	}
	return conn
}

func TestASignalEndsPublishingThatWaitsForInput(t *testing.T) {
	server := startNode(t, t.TempDir())
	cmd := anode(t, "publish", "a", "-", "-o", "json", "--server", server)
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "1\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, `{"id":`) {
		t.Fatalf("got %q, %v", line, err)
	}
	terminate(t, cmd)
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
		t.Errorf("ended with %v, want exit code 1", err)
	}
	if got := errs.String(); got != "anode: interrupted\n" {
		t.Errorf("stderr %q", got)
	}
}

func terminate(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func awaitLine(t *testing.T, lines <-chan string, part string) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("ended before it said %q", part)
			}
			if strings.Contains(line, part) {
				return
			}
		case <-timeout:
			t.Fatalf("does not say %q", part)
		}
	}
}
