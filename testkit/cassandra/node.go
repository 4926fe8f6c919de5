package cassandra

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// Node is one of a cluster: a process, a folder and an address that it has in each of its lives. It is safe for concurrent use; who
// starts or ends it waits for others who do.
type Node struct {
	cluster *Cluster
	index   int

	// acting is held by who starts or ends the node.
	acting sync.Mutex
	// mu guards life: it is nil before the first.
	mu   sync.Mutex
	life *life
}

// life is one process.
type life struct {
	process *os.Process
	ended   chan struct{} // closed when it has
	how     error         // after ended
}

// ErrDown says that a node has no process.
var ErrDown = errors.New("the node is down")

// Addr is where the node takes CQL, as host:port.
func (n *Node) Addr() string { return net.JoinHostPort(n.Host(), strconv.Itoa(n.cluster.ports.Native)) }

// Host is the address of the node.
func (n *Node) Host() string { return host(n.index) }

// Log is the file of all that the node logs, life after life.
func (n *Node) Log() string { return n.cluster.cfg.place(n.index).log() }

// alive gives the life that goes on.
func (n *Node) alive() (*life, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life == nil {
		return nil, ErrDown
	}
	select {
	case <-n.life.ended:
		return nil, ErrDown
	default:
		return n.life, nil
	}
}

// launch starts a process for a node that is down.
func (n *Node) launch() error {
	log, err := os.OpenFile(n.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own
	c := n.cluster
	cmd := exec.Command(c.home.java, c.cfg.arguments(n.index, c.home.lib)...)
	cmd.Dir = string(c.cfg.place(n.index))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = attributes()
	l := &life{ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Linux ends it with the thread that started it, which is kept for as long as it lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		l.process = cmd.Process
		if started <- err; err != nil {
			return
		}
		defer close(l.ended)
		l.how = cmd.Wait()
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start java: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.life = l
	return nil
}

// Kill is kill -9: what was not synced is the operating system's. It waits for the end; a node that is down stays so.
func (n *Node) Kill() error {
	n.acting.Lock()
	defer n.acting.Unlock()
	return n.kill()
}

func (n *Node) kill() error {
	l, err := n.alive()
	if err != nil {
		return nil
	}
	if err := l.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-l.ended
	return nil
}

// Pause stands the node still (SIGSTOP): its connections live, and nothing answers. Stop, too, waits for Resume then.
func (n *Node) Pause() error { return n.signal(freeze) }

// Resume has a paused node go on.
func (n *Node) Resume() error { return n.signal(thaw) }

func (n *Node) signal(how func(*os.Process) error) error {
	l, err := n.alive()
	if err != nil {
		return err
	}
	return how(l.process)
}

// Stop ends the node as SIGTERM does: it syncs what it has. It waits for the end; when ctx ends before, the node is killed, and the
// error is ctx's. A node that is down stays so.
func (n *Node) Stop(ctx context.Context) error {
	n.acting.Lock()
	defer n.acting.Unlock()
	return n.stop(ctx)
}

func (n *Node) stop(ctx context.Context) error {
	l, err := n.alive()
	if err != nil {
		return nil
	}
	if err := terminate(l.process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return errors.Join(err, n.kill())
	}
	select {
	case <-l.ended:
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("node %s does not stop: %w", n.Host(), context.Cause(ctx)), n.kill())
	}
}

// Restart starts the node on its data and ports, after it was stopped if it lives, and waits until it is ready.
func (n *Node) Restart(ctx context.Context) error {
	n.acting.Lock()
	defer n.acting.Unlock()
	if err := n.stop(ctx); err != nil {
		return err
	}
	if err := n.launch(); err != nil {
		return err
	}
	return n.Ready(ctx)
}

// readyPoll is how often a node that starts is looked at.
const readyPoll = 50 * time.Millisecond

// Ready waits until the node answers a query. A node that is down, or ends meanwhile, is an error with the end of its log.
func (n *Node) Ready(ctx context.Context) error {
	return n.until(ctx, func() error { return n.cluster.probe(ctx, n, 1) })
}

// until asks again and again, as long as the node lives.
func (n *Node) until(ctx context.Context, ask func() error) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		l, err := n.alive()
		if err != nil {
			return n.failure(err)
		}
		err = n.open(ctx)
		if err == nil {
			err = ask()
		}
		if err == nil {
			return nil
		}
		select {
		case <-l.ended:
			return n.failure(l.how)
		case <-ctx.Done():
			return fmt.Errorf("%w, at last: %w", n.failure(context.Cause(ctx)), err)
		case <-tick.C:
		}
	}
}

// open tells whether the node takes connections, which is cheaper to ask than a query.
func (n *Node) open(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", n.Addr())
	if err != nil {
		return err
	}
	return conn.Close()
}

func (n *Node) failure(err error) error {
	return fmt.Errorf("node %s is not ready: %w; its log ends: %s", n.Host(), err, n.logEnd())
}

// logEnd gives the end of the log.
func (n *Node) logEnd() []byte {
	text, err := os.ReadFile(n.Log())
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(text[max(0, len(text)-outputKept):])
}
