package demo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// EndFlag is the flag of "anode serve" that ends the node when its standard input does: a pipe from here, so that the
// system closes it when this process ends in whatever way.
const EndFlag = "end-with-stdin"

// child is a node's process. Its fields do not change.
type child struct {
	cmd *exec.Cmd
	// input is held open for as long as the node is to live.
	input io.Closer
	// serving gets where the node is, once, unless it ends before.
	serving chan served
	// ended is closed when the process is gone, err is how; it is read afterwards.
	ended chan struct{}
	err   *error
}

// served is what a node says when it serves.
type served struct{ http, mesh, id string }

// startChild runs a program as a node. Its log is appended to a file. The thread that calls it must live as long as the
// child is to: where the system knows that, the child ends with it.
func startChild(program, log string, args []string) (*child, error) {
	logFile, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = logFile.Close() }() // the child has its own
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Stderr, cmd.SysProcAttr = environment(os.Environ()), logFile, attributes()
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, input.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, input.Close(), output.Close())
	}
	c := &child{cmd: cmd, input: input, serving: make(chan served, 1), ended: make(chan struct{}), err: new(error)}
	go c.wait(output)
	return c, nil
}

// environment is that of the demo without what would set up a node.
func environment(all []string) []string {
	var kept []string
	for _, pair := range all {
		if !strings.HasPrefix(pair, "ANODE_") {
			kept = append(kept, pair)
		}
	}
	return kept
}

// wait reads what the child says and waits for its end. ended is closed by it.
func (c *child) wait(output io.Reader) {
	lines := bufio.NewScanner(output)
	for told := false; lines.Scan(); {
		if s, ok := parseServing(lines.Text()); ok && !told {
			told = true
			c.serving <- s
		}
	}
	*c.err = c.cmd.Wait()
	close(c.ended)
}

// parseServing reads the line with which a node says that it serves.
func parseServing(line string) (s served, ok bool) {
	rest, ok := strings.CutPrefix(line, "anode: serving ")
	for field := range strings.FieldsSeq(rest) {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "http":
			s.http = value
		case "mesh":
			s.mesh = value
		case "node":
			s.id = value
		}
	}
	return s, ok && s.http != "" && s.mesh != "" && s.id != ""
}

// pid is the process's number.
func (c *child) pid() int { return c.cmd.Process.Pid }

// gone tells whether the process has ended.
func (c *child) gone() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// kill ends the process at once, and waits.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it fails where the process is gone
	<-c.ended
	_ = c.input.Close()
}

// stop ends the process cleanly, and at once where that takes too long. It waits.
func (c *child) stop(patience time.Duration) error {
	defer func() { _ = c.input.Close() }()
	if c.gone() {
		return nil
	}
	if err := c.terminate(); err != nil {
		c.kill()
		return err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c.ended:
		return *c.err
	case <-timer.C:
		c.kill()
		return fmt.Errorf("did not end within %s", patience)
	}
}
