package app_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/goleak"

	"anode/client"
	"anode/cmd/anode/app"
	"anode/cmd/anode/config"
	"anode/messages/command"
	"anode/storage"
	"anode/storage/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// running is a node in this process.
type running struct {
	t        testing.TB
	url      string
	out, log lines
	reload   chan os.Signal
	cancel   context.CancelFunc
	ended    chan error
	stopped  bool
}

// settings are those of arguments, on free ports.
func settings(t testing.TB, dir string, args ...string) config.Config {
	t.Helper()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.Flags(flags)
	if err := flags.Parse(append([]string{"--data", dir, "--http", "127.0.0.1:0", "--mesh", "127.0.0.1:0", "--name", "test"}, args...)); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(flags, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// start runs a node until the test ends. It returns when the node serves.
func start(t testing.TB, dir string, args ...string) *running {
	t.Helper()
	r := &running{t: t, reload: make(chan os.Signal, 1), ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	cfg, serving := settings(t, dir, args...), make(chan string, 1)
	go func() {
		r.ended <- app.Run(ctx, cfg, app.Options{Stdout: &r.out, Stderr: &r.log, Version: "v0", Reload: r.reload, Serving: func(url string) { serving <- url }})
	}()
	t.Cleanup(r.stop)
	select {
	case r.url = <-serving:
	case err := <-r.ended:
		r.stopped = true
		t.Fatalf("did not serve: %v\n%s", err, r.log.String())
	}
	return r
}

// stop ends the node cleanly, in time.
func (r *running) stop() {
	r.t.Helper()
	if r.stopped {
		return
	}
	r.stopped = true
	r.cancel()
	began := time.Now()
	if err := <-r.ended; err != nil {
		r.t.Errorf("did not stop cleanly: %v\n%s", err, r.log.String())
	}
	if took := time.Since(began); took > 10*time.Second {
		r.t.Errorf("took %s to stop", took)
	}
}

func (r *running) client() *client.Client {
	r.t.Helper()
	c, err := client.New(client.Config{Servers: []string{r.url}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

func TestStatusTellsSettings(t *testing.T) {
	r := start(t, t.TempDir(), "--retention-bytes", "64MiB", "--durability", "interval")
	status, err := r.client().Status(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if s := status.Settings; s["retention-bytes"] != "64MiB" || s["disk-budget"] != "128MiB" || s["durability"] != "interval" || s["data"] != "" {
		t.Errorf("%v", s)
	}
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// eventually asks again and again until it is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	ctx := within(t)
	for tick := time.NewTicker(10 * time.Millisecond); !so(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within half a minute: %s", what)
		}
	}
}

func history(t testing.TB, c *client.Client, stream string) (all []*client.Record) {
	t.Helper()
	for r, err := range c.History(client.History{Stream: stream}).All(within(t)) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func publish(t testing.TB, c *client.Client, stream, data string) string {
	t.Helper()
	p, err := c.Publish(within(t), client.Draft{Stream: stream, Payload: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return p.ID
}

func TestServesStoresAndDelivers(t *testing.T) {
	r := start(t, t.TempDir())
	line := regexp.MustCompile(`^anode: serving http=(http://127\.0\.0\.1:[1-9][0-9]*) mesh=\S+ node=([a-z0-9]+)\n$`).FindStringSubmatch(r.out.String())
	if line == nil || line[1] != r.url {
		t.Fatalf("stdout is %q, the node at %s", r.out.String(), r.url)
	}
	c := r.client()
	sub, err := c.Subscribe(client.Subscribe{Streams: []string{"lab.>"}, Start: "earliest"})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	first := publish(t, c, "lab.a", `{"n":1.10}`)
	if !strings.HasPrefix(first, line[2]+"-") {
		t.Errorf("record %s is not of node %s", first, line[2])
	}
	second := publish(t, c, "lab.b", `"two"`)
	var got []string
	for event, err := range sub.All(within(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if record, ok := event.(*client.Record); ok {
			got = append(got, record.ID+" "+string(record.Data))
		}
		if len(got) == 2 {
			break
		}
	}
	if got[0] != first+` {"n":1.10}` || got[1] != second+` "two"` {
		t.Errorf("delivered %q", got)
	}
	if h := history(t, c, "lab.a"); len(h) != 1 || h[0].ID != first {
		t.Errorf("history is %v", h)
	}
	r.stop()
	if _, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://")); err == nil {
		t.Error("the port is still open")
	}
}

func TestASecondProcessOnADirectoryIsToldWhoHasIt(t *testing.T) {
	dir := t.TempDir()
	start(t, dir)
	err := app.Run(within(t), settings(t, dir), app.Options{Stdout: io.Discard, Stderr: io.Discard, Version: "v0"})
	if !errors.Is(err, storage.ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("error is %v", err)
	}
}

// Who is started while the process before it is just ending waits for it.
func TestWhoIsStartedAtOnceWaitsForTheOneBefore(t *testing.T) {
	dir := t.TempDir()
	lock, err := state.LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	log := &waits{told: make(chan struct{})}
	go func() {
		<-log.told
		if err := lock.Unlock(); err != nil {
			t.Error(err)
		}
	}()
	ctx, stop := context.WithCancel(within(t))
	defer stop()
	err = app.Run(ctx, settings(t, dir), app.Options{Stdout: io.Discard, Stderr: log, Version: "v0", Serving: func(string) { stop() }})
	if err != nil || ctx.Err() == nil {
		t.Fatalf("error is %v", err)
	}
}

// waits is a log that tells that somebody waits for a data directory.
type waits struct {
	once sync.Once
	told chan struct{}
}

func (w *waits) Write(text []byte) (int, error) {
	if strings.Contains(string(text), "another process has the data directory") {
		w.once.Do(func() { close(w.told) })
	}
	return len(text), nil
}

func TestAPortInUseIsAnErrorThatNamesIt(t *testing.T) {
	r := start(t, t.TempDir())
	at := strings.TrimPrefix(r.url, "http://")
	err := app.Run(within(t), settings(t, t.TempDir(), "--http", at), app.Options{Stdout: io.Discard, Stderr: io.Discard, Version: "v0"})
	if err == nil || !strings.Contains(err.Error(), at) {
		t.Fatalf("error is %v", err)
	}
}

// write puts a file into a directory.
func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const good = "name: good\nkind: rest\nurl: https://192.0.2.1/x\npaused: true\n"

func TestARestartKeepsRecordsAndSources(t *testing.T) {
	dir, sources := t.TempDir(), t.TempDir()
	write(t, sources, "good.yaml", good)
	args := []string{"--sources", sources}
	r := start(t, dir, args...)
	c := r.client()
	before := []string{publish(t, c, "lab.a", `1`), publish(t, c, "lab.a", `2`)}
	var was command.SourceView
	eventually(t, "the source is registered", func() (ok bool) {
		var err error
		was, err = c.Source(within(t), "good")
		return err == nil
	})
	r.stop()
	r = start(t, dir, args...)
	c = r.client()
	eventually(t, "the sources were applied again", func() bool { return strings.Contains(r.log.String(), "sources applied") })
	if is, err := c.Source(within(t), "good"); err != nil || is.Version != was.Version || !bytes.Equal(is.Spec, was.Spec) {
		t.Errorf("the source was %+v, is %+v, %v", was, is, err)
	}
	after := append(before, publish(t, c, "lab.a", `3`))
	got := history(t, c, "lab.a")
	if len(got) != 3 {
		t.Fatalf("%d records", len(got))
	}
	for i, id := range after {
		if got[i].ID != id {
			t.Errorf("record %d is %s, was %s", i, got[i].ID, id)
		}
	}
	if got[1].Position.Epoch >= got[2].Position.Epoch {
		t.Errorf("%s after the restart is not above %s", got[2].ID, got[1].ID)
	}
}

func TestAFaultyFileIsNamedAndStopsNoOther(t *testing.T) {
	sources := t.TempDir()
	write(t, sources, "a.yaml", "name: bad\nkind: rest\nurl: ftp://x\nreest: {}\n")
	write(t, sources, "b.json", `{"name":`)
	write(t, sources, "c.yml", good)
	write(t, sources, "d.yaml", good) // the same name again
	write(t, sources, ".hidden.yaml", "nonsense")
	write(t, sources, "README.md", "nonsense")
	if err := os.Mkdir(filepath.Join(sources, "dir.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	r := start(t, t.TempDir(), "--sources", sources)
	c := r.client()
	eventually(t, "the files were read", func() bool { return strings.Contains(r.log.String(), "sources applied") })
	log := r.log.String()
	for _, want := range []string{
		"a.yaml path=/url rule=", "a.yaml path=/reest rule=", "b.json path=", "d.yaml path=/name rule=", "files=4 changed=1 faulty=3",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not have %q:\n%s", want, log)
		}
	}
	if strings.Contains(log, "hidden") || strings.Contains(log, "README") || strings.Contains(log, "dir.yaml") {
		t.Errorf("something was read that is no source:\n%s", log)
	}
	all, err := c.Sources(within(t))
	if err != nil || len(all) != 1 || all[0].Name != "good" {
		t.Fatalf("%v %v", all, err)
	}

	write(t, sources, "c.yml", good+"labels: {a: b}\n")
	write(t, sources, "a.yaml", strings.ReplaceAll(good, "good", "mended"))
	r.reload <- os.Interrupt // any signal
	eventually(t, "a reload applies what changed", func() bool {
		mended, err := c.Source(within(t), "mended")
		if err != nil {
			return false
		}
		changed, err := c.Source(within(t), "good")
		return err == nil && mended.Name == "mended" && changed.Version != all[0].Version && bytes.Contains(changed.Spec, []byte(`"labels"`))
	})

	if err := os.RemoveAll(sources); err != nil {
		t.Fatal(err)
	}
	r.reload <- os.Interrupt
	eventually(t, "a reload without the directory is logged", func() bool { return strings.Contains(r.log.String(), "the sources can't be applied") })
	if all, err := c.Sources(within(t)); err != nil || len(all) != 2 {
		t.Fatalf("%v %v", all, err)
	}
}

func TestMissingSourcesAndSecretsAreErrorsBeforeAnythingIsOpened(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for _, flag := range []string{"--sources", "--secrets"} {
		for _, path := range []string{filepath.Join(t.TempDir(), "no-such"), os.Args[0]} {
			err := app.Run(within(t), settings(t, dir, flag, path), app.Options{Stdout: io.Discard, Stderr: io.Discard, Version: "v0"})
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: error is %v", flag, err)
			}
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data directory was made: %v", err)
	}
}

// BenchmarkStart is from nothing to a node that serves.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		r := start(b, b.TempDir())
		b.StopTimer()
		r.stop()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/start")
}
