package chaos

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// State is what a node's process does.
type State string

const (
	// Stopped: there is no process.
	Stopped State = "stopped"
	// Running: it serves.
	Running State = "running"
	// Frozen: it was told to stand still.
	Frozen State = "frozen"
)

// Node is one node: a data directory and, while it runs, a process. Its methods are for many goroutines.
type Node struct {
	Index int
	// Name is its --name; Dir the data directory; URL where it serves; Mesh the address that it advertises. All are the same
	// over restarts.
	Name, Dir, URL, Mesh string

	binary string
	args   []string
	env    []string
	log    string
	client *http.Client

	mu      sync.Mutex // guards what follows
	process *process
	state   State
	id      string
}

// process is one life of a node.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it ended, with err
	err  error
}

const (
	// startPatience bounds a start, stopPatience a clean stop.
	startPatience = 30 * time.Second
	stopPatience  = 20 * time.Second
)

// State is what its process does now.
func (n *Node) State() State {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil {
		return Stopped
	}
	select {
	case <-n.process.done:
		return Stopped
	default:
		return n.state
	}
}

// ID is its NodeID; empty before the first start.
func (n *Node) ID() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.id
}

func (n *Node) pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil {
		return 0
	}
	return n.process.cmd.Process.Pid
}

// Start runs a process, unless one runs, and returns when it serves.
func (n *Node) Start(ctx context.Context) error {
	if n.State() != Stopped {
		return nil
	}
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(n.binary, n.args...)
	cmd.Stderr, cmd.SysProcAttr, cmd.Env = log, attributes(), append(os.Environ(), n.env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", n.Name, err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	n.mu.Lock()
	n.process, n.state = p, Running
	n.mu.Unlock()
	line := make(chan string, 1)
	go func() { // ends with the process, for which Kill and Stop wait
		defer close(p.done)
		s := bufio.NewScanner(out)
		if s.Scan() {
			line <- s.Text()
		}
		_, _ = io.Copy(io.Discard, out)
		p.err = cmd.Wait()
	}()
	return n.served(ctx, p, line)
}

// served waits for the line that says that the node serves.
func (n *Node) served(ctx context.Context, p *process, line <-chan string) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	select {
	case text := <-line:
		if _, id, ok := strings.Cut(text, " node="); ok && strings.HasPrefix(text, "anode: serving ") {
			n.mu.Lock()
			n.id = strings.Fields(id)[0]
			n.mu.Unlock()
			return nil
		}
		return fmt.Errorf("%s: the first line is %q", n.Name, text)
	case <-p.done:
		return fmt.Errorf("%s ended before it served: %w\n%s", n.Name, p.err, n.Tail(1<<10))
	case <-ctx.Done():
		return fmt.Errorf("%s does not serve: %w\n%s", n.Name, ctx.Err(), n.Tail(1<<10))
	}
}

// current is the process that runs, nil where none does.
func (n *Node) current() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process
}

// Kill is kill -9. It returns when the process is gone.
func (n *Node) Kill() {
	if p := n.current(); p != nil {
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// Stop asks the process to end, and waits. An error is that it did not, or not cleanly.
func (n *Node) Stop(ctx context.Context) error {
	p := n.current()
	if p == nil {
		return nil
	}
	if err := terminate(p.cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %w", n.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("%s did not stop cleanly: %w\n%s", n.Name, p.err, n.Tail(1<<10))
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s does not stop: %w\n%s", n.Name, ctx.Err(), n.Tail(1<<10))
	}
}

// Ended waits until the process has ended by itself, and gives how.
func (n *Node) Ended(ctx context.Context) error {
	p := n.current()
	if p == nil {
		return nil
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("%s still runs: %w", n.Name, ctx.Err())
	}
}

// Freeze makes the process stand still; Thaw lets it go on.
func (n *Node) Freeze() error { return n.signal(freeze, Frozen) }

// Thaw ends Freeze.
func (n *Node) Thaw() error { return n.signal(thaw, Running) }

func (n *Node) signal(send func(*os.Process) error, state State) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil {
		return fmt.Errorf("%s does not run", n.Name)
	}
	if err := send(n.process.cmd.Process); err != nil {
		return fmt.Errorf("%s: %w", n.Name, err)
	}
	n.state = state
	return nil
}

// keyFile is the node's identity within its directory.
const keyFile = "node.key"

// Wipe empties the directory of a node that does not run. With its key it comes back as who it was, with
// nothing; without, as a new node.
func (n *Node) Wipe(keepKey bool) error {
	if n.State() != Stopped {
		return fmt.Errorf("%s runs", n.Name)
	}
	entries, err := os.ReadDir(n.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if keepKey && e.Name() == keyFile {
			continue
		}
		if err := os.RemoveAll(filepath.Join(n.Dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Log is all that the node has logged in all its lives.
func (n *Node) Log() string {
	text, err := os.ReadFile(n.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Tail is the end of Log, at most so many bytes.
func (n *Node) Tail(most int) string {
	text := n.Log()
	return text[max(0, len(text)-most):]
}
