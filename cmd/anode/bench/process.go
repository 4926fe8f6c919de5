package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a server under load: one that was started for it, or one that stands elsewhere.
type process struct {
	url string
	// line is what it said when it served.
	line string
	data string
	cmd  *exec.Cmd
	logs *tail
	// took is the time from the start of the process until it served.
	took time.Duration
}

// startPatience bounds the start of a process, stopPatience its end.
const (
	startPatience = 20 * time.Second
	stopPatience  = 15 * time.Second
)

// node gives the node to load.
func (c *common) node(ctx context.Context) (*process, error) {
	if c.server != "" {
		return &process{url: strings.TrimRight(c.server, "/")}, nil
	}
	data, err := os.MkdirTemp("", "anode-bench-")
	if err != nil {
		return nil, err
	}
	args := append([]string{"serve", "--data", data, "--http", "127.0.0.1:0", "--mesh", "127.0.0.1:0", "--log-level", "warn"}, c.flags...)
	p, err := launch(ctx, args)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(data))
	}
	p.data = data
	return p, nil
}

var serving = regexp.MustCompile(`serving http=(\S+)`)

// launch starts this program with other arguments and waits until it says where it serves.
func launch(ctx context.Context, args []string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, args...), logs: &tail{}}
	p.cmd.Stderr = p.logs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	found := make(chan [2]string, 1)
	go func() {
		defer close(found)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if m := serving.FindStringSubmatch(lines.Text()); m != nil {
				found <- [2]string{m[1], lines.Text()}
				break
			}
		}
		_, _ = io.Copy(io.Discard, out) // so that it never waits for us
	}()
	timer := time.NewTimer(startPatience)
	defer timer.Stop()
	var said [2]string
	var ok bool
	select {
	case said, ok = <-found:
	case <-timer.C:
	case <-ctx.Done():
	}
	if !ok {
		err := fmt.Errorf("%s %s did not say that it serves: %s", self, strings.Join(args, " "), p.logs)
		return nil, errors.Join(err, p.stop())
	}
	p.url, p.line, p.took = said[0], said[1], time.Since(began)
	return p, nil
}

// stop ends a process that was started, and removes its data.
func (p *process) stop() error {
	if p.cmd == nil {
		return nil
	}
	var faults []error
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		faults = append(faults, err)
	}
	kill := time.AfterFunc(stopPatience, func() { _ = p.cmd.Process.Kill() })
	err := p.cmd.Wait()
	kill.Stop()
	if err != nil {
		faults = append(faults, fmt.Errorf("the process ended with %w: %s", err, p.logs))
	}
	if p.data != "" {
		faults = append(faults, os.RemoveAll(p.data))
	}
	return errors.Join(faults...)
}

// tail keeps the end of a log, which may be read while the process writes it.
type tail struct {
	mu   sync.Mutex // guards text
	text []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-2000):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

// usage is what a process used up, or between two times.
type usage struct {
	at   time.Time
	cpu  time.Duration
	rss  int64
	span time.Duration
}

// since is what was used since an earlier time; rss is as it is now.
func (u usage) since(before usage) usage {
	return usage{at: u.at, cpu: u.cpu - before.cpu, rss: u.rss, span: u.at.Sub(before.at)}
}

// usage asks a process for its processor time and memory.
func (p *process) usage(ctx context.Context) (usage, error) {
	u := usage{at: time.Now()}
	values, err := p.metrics(ctx)
	if err != nil {
		return u, err
	}
	u.cpu = time.Duration(values["process_cpu_seconds_total"] * float64(time.Second))
	u.rss = int64(values["process_resident_memory_bytes"])
	return u, nil
}

// metrics are the values that /metrics has, by name with labels.
func (p *process) metrics(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s/metrics answers %s", p.url, resp.Status)
	}
	values := make(map[string]float64)
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if name, text, ok := strings.Cut(lines.Text(), " "); ok && name != "#" {
			if v, err := strconv.ParseFloat(text, 64); err == nil {
				values[name] = v
			}
		}
	}
	return values, lines.Err()
}
