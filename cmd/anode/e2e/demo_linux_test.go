package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal and what was written to it.
type terminal struct {
	master, slave *os.File
	mu            sync.Mutex // guards text
	text          bytes.Buffer
	read          chan struct{}
}

func openTerminal(t *testing.T, width, height uint16) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no pseudo-terminals: %v", err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height}); err != nil {
		t.Fatal(err)
	}
	p := &terminal{master: master, slave: slave, read: make(chan struct{})}
	go func() {
		defer close(p.read)
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			p.mu.Lock()
			p.text.Write(buffer[:n])
			p.mu.Unlock()
			if err != nil { // EIO, when nobody has the other end any more
				return
			}
		}
	}()
	return p
}

// screen is what stands on the terminal: the demo writes whole lines at their places.
func (p *terminal) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	rows := make(map[int]string)
	for _, m := range regexp.MustCompile(`\x1b\[(\d+);1H((?:[^\x1b]|\x1b\[[\d;]*m)*)\x1b\[K`).FindAllStringSubmatch(p.text.String(), -1) {
		row, _ := strconv.Atoi(m[1])
		rows[row] = regexp.MustCompile(`\x1b\[[\d;]*m`).ReplaceAllString(m[2], "")
	}
	var lines []string
	for row := 1; row <= 200; row++ {
		lines = append(lines, rows[row])
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// all is all that was written.
func (p *terminal) all() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func (p *terminal) press(t *testing.T, keys string) {
	t.Helper()
	if _, err := p.master.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// shows waits until the screen matches.
func (p *terminal) shows(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	until(t, "the screen shows "+pattern, func() bool {
		found = re.FindStringSubmatch(p.screen())
		return found != nil
	}, func() string { return p.screen() })
	return found
}

// until waits for a condition for a minute.
func until(t *testing.T, what string, so func() bool, state func() string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s\n%s", what, state())
		}
	}
}

// runDemo is the command on a free port; temporary data goes where the test sees it.
func runDemo(t *testing.T, args ...string) (cmd *exec.Cmd, dir string) {
	t.Helper()
	dir = t.TempDir()
	cmd = exec.Command(program, append([]string{"demo", "--http", "127.0.0.1:0"}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "TERM=xterm", "ANODE_NAME=not-for-the-demo")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, dir
}

// nodesOf are the processes of nodes with data in a directory.
func nodesOf(t *testing.T, dir string) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file) // one that has ended in between has nothing
		if err == nil && bytes.Contains(text, []byte("serve")) && bytes.Contains(text, []byte(dir)) {
			pid, _ := strconv.Atoi(strings.Split(file, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}

func empty(t *testing.T, dir string) {
	t.Helper()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}

func TestDemoOnATerminal(t *testing.T) {
	p := openTerminal(t, 110, 40)
	cmd, dir := runDemo(t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.slave, p.slave, p.slave
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	_ = p.slave.Close()
	p.shows(t, `node-3 +alive +\d+ +[\d,]+`)
	p.shows(t, `market\S+ +\d+`)
	if n := len(nodesOf(t, dir)); n != 3 {
		t.Fatalf("%d processes", n)
	}

	p.press(t, "k")
	p.shows(t, `kill which\? +1 node-1 +2 node-2 +3 node-3`)
	p.press(t, "2")
	p.shows(t, `node-2 +killed`)
	p.shows(t, `node-2 killed; subscriber on node-[13] after \S+ m?s; [^\n]*missed 0`)
	if n := len(nodesOf(t, dir)); n != 2 {
		t.Fatalf("%d processes after a kill", n)
	}
	p.press(t, "r")
	p.shows(t, `node-2 revived; serves after [^\n]*has all records after \S+ m?s[^\n]*; missed 0`)
	p.press(t, "p3")
	p.shows(t, `node-3 +paused`)
	p.shows(t, `node-3 paused; [^\n]*missed 0`)
	p.press(t, "p3")
	p.shows(t, `node-3 resumed; [^\n]*has all records after \S+ m?s[^\n]*; missed 0`)
	if err := unix.IoctlSetWinsize(int(p.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 60, Row: 20}); err != nil {
		t.Fatal(err)
	}
	until(t, "it is drawn anew for a terminal of another size", func() bool { return strings.Contains(p.all(), "\x1b[20;1H  \x1b[1mk\x1b[0m") }, p.screen)
	p.press(t, "q")
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, p.all()[max(0, len(p.all())-600):])
	}
	<-p.read
	if end := p.all(); !regexp.MustCompile(`\x1b\[\?1049l[^\x1b]*seen: missed 0, doubled \d+, 0 gaps\.[^\x1b]*is removed\.\r\n$`).MatchString(end) {
		t.Errorf("it ends with %q", end[max(0, len(end)-600):])
	}
	if left := nodesOf(t, dir); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
	empty(t, dir)
}

func TestDemoElsewhere(t *testing.T) {
	cmd, dir := runDemo(t, "--nodes", "2")
	out := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	until(t, "two lines of figures", func() bool {
		return len(regexp.MustCompile(`(?m)^ +0:\d\d  nodes 2/2  [\d.]+/s  stored [1-9]\d*  seen [1-9]\d*  missed 0  doubled \d+  gaps 0`).FindAllString(out.String(), -1)) >= 2
	}, out.String)

	// What is to be pasted works: what is published at one node comes from the other.
	subscribe := regexp.MustCompile(`(?m)^  \S+ (subscribe lab\. \S+ --server \S+)$`).FindStringSubmatch(out.String())
	publish := regexp.MustCompile(`(?m)^  \S+ (publish lab\.desk) '(\S+)' (--server) (\S+)$`).FindStringSubmatch(out.String())
	curl := regexp.MustCompile(`(?m)^  curl (\S+)$`).FindStringSubmatch(out.String())
	if subscribe == nil || publish == nil || curl == nil {
		t.Fatalf("nothing to paste in\n%s", out)
	}
	if strings.HasSuffix(subscribe[1], publish[4]) {
		t.Error("both are at one node")
	}
	if text, err := exec.Command(program, append(strings.Fields(publish[1]), publish[2:]...)...).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, text)
	}
	got, err := exec.Command(program, append(strings.Fields(subscribe[1]), "--start", "earliest", "--where", ".data.hi == 1", "--count", "1")...).Output()
	if err != nil || !strings.Contains(string(got), `"stream":"lab.desk"`) {
		t.Errorf("%v: %s", err, got)
	}
	var cluster struct{ Nodes []any }
	res, err := http.Get(curl[1])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(&cluster); err != nil || len(cluster.Nodes) == 0 {
		t.Errorf("%v %v", err, cluster)
	}

	// One that dies of itself is told, and nothing is missed.
	if err := syscall.Kill(nodesOf(t, dir)[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "it tells that a node has ended", func() bool { return strings.Contains(out.String(), "ended by itself: signal: killed") }, out.String)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("being told to end is no failure: %v\n%s", err, out)
	}
	if text := out.String(); strings.Contains(text, "\x1b") || !strings.Contains(text, "seen: missed 0, ") {
		t.Errorf("it says\n%s", text)
	}
	if left := nodesOf(t, dir); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
	empty(t, dir)
}

func TestDemoEndsByItself(t *testing.T) {
	cmd, dir := runDemo(t, "--nodes", "1", "--for", "3s")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	end := regexp.MustCompile(`[1-9]\d* records in [\d.]+ s, the first after (\S+ m?s)\.\s+Of ([1-9]\d*) numbered ones stored (\d+) were seen: missed 0, doubled 0, 0 gaps\.`).FindSubmatch(out)
	if end == nil || !bytes.Equal(end[2], end[3]) {
		t.Errorf("it says\n%s", out)
	}
	empty(t, dir)
}

func TestADemoThatIsKilledLeavesNoProcess(t *testing.T) {
	cmd, dir := runDemo(t)
	out := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "it runs three nodes", func() bool { return strings.Contains(out.String(), "nodes 3/3") }, out.String)
	pids := nodesOf(t, dir)
	if len(pids) != 3 {
		t.Fatalf("%d processes", len(pids))
	}
	if err := syscall.Kill(pids[0], syscall.SIGSTOP); err != nil { // one that is stopped can't end by itself
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Errorf("it ended with %v", err)
	}
	until(t, "all nodes are gone", func() bool { return len(nodesOf(t, dir)) == 0 }, func() string { return strings.TrimSpace(out.String()) })
}

func TestANodeEndsWithItsStandardInput(t *testing.T) {
	cmd := exec.Command(program, "serve", "--end-with-stdin", "--data", t.TempDir(), "--http", "127.0.0.1:0", "--mesh", "127.0.0.1:0")
	log := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	until(t, "it serves", func() bool { return strings.Contains(log.String(), "anode: serving ") }, log.String)
	if _, err := io.WriteString(in, "x\n"); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, log)
	}
}
