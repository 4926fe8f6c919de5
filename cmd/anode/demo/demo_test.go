package demo

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// output can be read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// execute runs the command on a free port.
func execute(ctx context.Context, out, errs io.Writer, args ...string) error {
	cmd := Command()
	cmd.SetArgs(append([]string{"--http", "127.0.0.1:0"}, args...))
	cmd.SetIn(strings.NewReader(""))
	cmd.SetOut(out)
	cmd.SetErr(errs)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	return cmd.ExecuteContext(ctx)
}

// leavings are the directories of demos.
func leavings(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "anode-demo-") {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestDemoRunsShowsAndLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out, errs output
	if err := execute(context.Background(), &out, &errs, "--for", "3500ms"); err != nil {
		t.Fatalf("%v\n%s%s", err, out.String(), errs.String())
	}
	text := out.String()
	for _, want := range []string{"dashboard   http://127.0.0.1:", "anode subscribe market. --server http://", "curl -N 'http://", "curl -d '{"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	lines := regexp.MustCompile(`(?m)^ *\d+s +(\d+) records +([\d.]+)/s +(\d+) streams +0 subscribers +\S+ .+$`).FindAllStringSubmatch(text, -1)
	if len(lines) < 3 {
		t.Fatalf("%d lines:\n%s", len(lines), text)
	}
	last := lines[len(lines)-1]
	if n, _ := strconv.Atoi(last[1]); n < 60 || n > 400 {
		t.Errorf("%s records in about three seconds", last[1])
	}
	if n, _ := strconv.Atoi(last[3]); n < 12 {
		t.Errorf("%s streams", last[3])
	}
	end := regexp.MustCompile(`\d+ records in [\d.]+s, the first after ([\d.µms]+); the node has stopped\.\n$`).FindStringSubmatch(text)
	if end == nil {
		t.Fatalf("ends with %q", text[max(0, len(text)-200):])
	}
	first, err := time.ParseDuration(end[1])
	if err != nil || first > 2*time.Second {
		t.Errorf("the first record came after %s", end[1])
	}
	if errs.String() != "" {
		t.Errorf("stderr has %s", errs.String())
	}
	if left := leavings(t); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestWhatIsPrintedToPasteWorks(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out output
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- execute(ctx, &out, io.Discard) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("being interrupted is no failure: %v", err)
		}
	}()
	var publish, events string
	deadline := time.After(30 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); publish == ""; {
		select {
		case <-tick.C:
			text := out.String()
			if m := regexp.MustCompile(`curl -d '([^']+)' (\S+)\n`).FindStringSubmatch(text); m != nil {
				publish = m[2]
				events = regexp.MustCompile(`curl -N '([^']+)'`).FindStringSubmatch(text)[1]
			}
		case <-deadline:
			t.Fatalf("nothing to paste in %s", out.String())
		}
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Post(publish, "application/x-www-form-urlencoded", strings.NewReader(`{"hello":"mesh"}`))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Errorf("publish: %d %s", answer.StatusCode, body)
	}
	answer, err = client.Get(events + "?start=last:1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var got []byte
	for buffer := make([]byte, 4096); !bytes.Contains(got, []byte(`"hello"`)); {
		n, err := answer.Body.Read(buffer)
		if got = append(got, buffer[:n]...); err != nil {
			t.Fatalf("events ended with %v after %s", err, got)
		}
	}
}

func TestSeveralNodesAreRefusedInWords(t *testing.T) {
	for text, want := range map[string]string{"3": "this version runs one node", "0": "whole number", "x": "whole number"} {
		if err := execute(context.Background(), io.Discard, io.Discard, "--nodes", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--nodes %s: %v", text, err)
		}
	}
	if err := execute(context.Background(), io.Discard, io.Discard, "--for", "-1s"); err == nil || !strings.Contains(err.Error(), "--for") {
		t.Errorf("--for -1s: %v", err)
	}
}

func TestAnAddressInUseIsNamed(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	if err := execute(context.Background(), io.Discard, io.Discard, "--http", "192.0.2.1:80"); err == nil || !strings.Contains(err.Error(), "192.0.2.1:80") {
		t.Fatalf("error is %v", err)
	}
	if left := leavings(t); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}
