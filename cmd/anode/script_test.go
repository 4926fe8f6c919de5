package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"anode": main})
}

// TestScripts runs the command as people do: real processes, a real node on a free port.
//
// Besides testscript's own commands there are:
//
//	node start [flags]   runs a node on $WORK/data and sets ANODE_SERVER
//	node again           runs it again on the address that it had
//	node reload          sends it SIGHUP
//	node stop|kill       ends it, by SIGTERM (it must exit 0) or SIGKILL
//	code N args…         runs anode and wants the exit code N
//	keep NAME            sets $NAME to what the last command printed, without the line break
//	flip FILE OFFSET     turns the bits of a byte
//	follow FILE args…    runs anode in the background with its output in FILE
//	signal NAME          sends a signal to what follow runs, and waits for its end
//	await FILE N         waits until a file has N lines
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Values[processes{}] = &processes{}
			env.Defer(func() { env.Values[processes{}].(*processes).killAll() })
			env.Setenv("ANODE_LOG_LEVEL", "warn")
			env.Setenv("GORACE", os.Getenv("GORACE")) // what make race says of processes with the race detector
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"node": nodeCommand, "code": codeCommand, "keep": keepCommand, "flip": flipCommand,
			"follow": followCommand, "signal": signalCommand, "await": awaitCommand,
		},
	})
}

// processes are those that a script has started.
type processes struct{ node, follower *process }

// process is a running anode.
type process struct {
	cmd  *exec.Cmd
	errs *strings.Builder
}

func (p *processes) killAll() {
	for _, one := range []*process{p.node, p.follower} {
		if one != nil {
			_ = one.end(syscall.SIGKILL) // it may have ended
		}
	}
}

func of(ts *testscript.TestScript) *processes { return ts.Value(processes{}).(*processes) }

// start runs anode; its stdout is out, which it takes over.
func start(ts *testscript.TestScript, out *os.File, args ...string) *process {
	path, err := exec.LookPath("anode")
	ts.Check(err)
	p := &process{cmd: exec.Command(path, args...), errs: &strings.Builder{}}
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Env = append(os.Environ(), "ANODE_SERVER="+ts.Getenv("ANODE_SERVER"), "ANODE_LOG_LEVEL="+ts.Getenv("ANODE_LOG_LEVEL"))
	p.cmd.Stdout, p.cmd.Stderr = out, p.errs
	ts.Check(errors.Join(p.cmd.Start(), out.Close()))
	return p
}

// end sends a signal and waits.
func (p *process) end(signal os.Signal) error {
	err := p.cmd.Process.Signal(signal)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	return errors.Join(err, p.cmd.Wait())
}

func nodeCommand(ts *testscript.TestScript, neg bool, args []string) {
	p := of(ts)
	switch {
	case neg || len(args) == 0:
		ts.Fatalf("usage: node start [flags] | again | reload | stop | kill")
	case args[0] == "start" || args[0] == "again":
		address := "127.0.0.1:0"
		if args[0] == "again" {
			address = strings.TrimPrefix(ts.Getenv("ANODE_SERVER"), "http://")
		}
		r, w, err := os.Pipe()
		ts.Check(err)
		p.node = start(ts, w, append([]string{"serve", "--data", ts.MkAbs("data"), "--http", address, "--mesh", "127.0.0.1:0"}, args[1:]...)...)
		ts.Check(r.SetReadDeadline(time.Now().Add(20 * time.Second)))
		line, err := bufio.NewReader(r).ReadString('\n')
		ts.Check(r.Close())
		if err != nil {
			_ = p.node.end(syscall.SIGKILL) // it has failed already
			ts.Fatalf("the node does not serve: %v\n%s", err, p.node.errs)
		}
		_, rest, found := strings.Cut(line, "anode: serving http=")
		url, _, _ := strings.Cut(rest, " ")
		if !found || !strings.HasPrefix(url, "http://127.0.0.1:") || !strings.Contains(line, " node=") {
			ts.Fatalf("the node says %q", line)
		}
		ts.Setenv("ANODE_SERVER", url)
	case p.node == nil:
		ts.Fatalf("no node runs")
	case args[0] == "reload":
		ts.Check(p.node.cmd.Process.Signal(syscall.SIGHUP))
	case args[0] == "stop":
		err := p.node.end(syscall.SIGTERM)
		if err != nil {
			ts.Fatalf("the node did not stop cleanly: %v\n%s", err, p.node.errs)
		}
		p.node = nil
	case args[0] == "kill":
		_ = p.node.end(syscall.SIGKILL) // "signal: killed" is what is wanted
		p.node = nil
	}
}

func codeCommand(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec("anode", args[1:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func keepCommand(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

func flipCommand(ts *testscript.TestScript, _ bool, args []string) {
	matches, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(matches) != 1 {
		ts.Fatalf("%d files are %s", len(matches), args[0])
	}
	offset, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.OpenFile(matches[0], os.O_RDWR, 0)
	ts.Check(err)
	b := make([]byte, 1)
	_, err = f.ReadAt(b, offset)
	ts.Check(err)
	_, err = f.WriteAt([]byte{^b[0]}, offset)
	ts.Check(errors.Join(err, f.Close()))
}

func followCommand(ts *testscript.TestScript, _ bool, args []string) {
	out, err := os.OpenFile(ts.MkAbs(args[0]), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	ts.Check(err)
	of(ts).follower = start(ts, out, args[1:]...)
}

func signalCommand(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "none": syscall.Signal(0)}
	p := of(ts)
	err := p.follower.end(signals[args[0]])
	if (err != nil) != neg {
		ts.Fatalf("ended with %v\n%s", err, p.follower.errs)
	}
	p.follower = nil
}

func awaitCommand(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	for deadline := time.Now().Add(20 * time.Second); ; {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if !errors.Is(err, os.ErrNotExist) { // it may come yet
			ts.Check(err)
		}
		if strings.Count(string(text), "\n") >= want {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s has\n%s", args[0], text)
		}
		time.Sleep(5 * time.Millisecond) // a file tells nobody that it has grown
	}
}
