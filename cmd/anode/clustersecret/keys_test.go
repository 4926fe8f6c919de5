package clustersecret_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"anode/actors/gossip/link"
	"anode/cmd/anode/clustersecret"
)

// childFile, where it is set, makes this program one that only opens that file: for the race of processes.
const childFile = "CLUSTERSECRET_TEST_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		os.Exit(child(path))
	}
	goleak.VerifyTestMain(m)
}

func child(path string) int {
	s, err := clustersecret.Open(clustersecret.Config{Cluster: "c", File: path, Clock: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Printf("%x", s.Keys().Memberlist())
	return 0
}

// world is what a Source needs, under a test's hand.
type world struct {
	t    *testing.T
	now  time.Time
	log  bytes.Buffer
	path string
}

func newWorld(t *testing.T) *world {
	return &world{t: t, now: time.Unix(1_700_000_000, 0), path: filepath.Join(t.TempDir(), "secret")}
}

func (w *world) config() clustersecret.Config {
	return clustersecret.Config{Cluster: "c", File: w.path, Clock: func() time.Time { return w.now }, Logger: slog.New(slog.NewTextHandler(&w.log, nil))}
}

func (w *world) write(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) open() *clustersecret.Source {
	w.t.Helper()
	s, err := clustersecret.Open(w.config())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// keysOf are what secrets give.
func keysOf(t *testing.T, secrets ...string) *link.Keys {
	t.Helper()
	var list [][]byte
	for _, s := range secrets {
		list = append(list, []byte(s))
	}
	keys, err := link.NewKeys("c", list, true)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestWhereSecretsComeFrom(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*clustersecret.Config)
		want []string
	}{
		"a file":           {func(*clustersecret.Config) {}, []string{one, two}},
		"the text itself":  {func(c *clustersecret.Config) { c.File, c.Text = "", two+"\n"+one }, []string{two, one}},
		"none on loopback": {func(c *clustersecret.Config) { c.File, c.Loopback = "", true }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.write(one + "\n" + two)
			cfg := w.config()
			c.set(&cfg)
			s, err := clustersecret.Open(cfg)
			if err != nil || !reflect.DeepEqual(s.Keys(), keysOf(t, c.want...)) {
				t.Errorf("other keys, or %v", err)
			}
			if w.log.Len() > 0 {
				t.Errorf("logged: %s", &w.log)
			}
		})
	}
}

func TestWhatCannotBeOpenedIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*world, *clustersecret.Config)
		want    string
	}{
		"no secret beyond loopback": {func(_ *world, c *clustersecret.Config) { c.File = "" }, "beyond loopback needs one"},
		"too short":                 {func(w *world, _ *clustersecret.Config) { w.write("hush-hush\n") }, "secret: line 1: a secret of 9 bytes"},
		"too short a text":          {func(_ *world, c *clustersecret.Config) { c.File, c.Text = "", "hush-hush" }, "ANODE_CLUSTER_SECRET: line 1: a secret of 9"},
		"an empty file":             {func(w *world, _ *clustersecret.Config) { w.write("") }, "secret: it has no secret (make one"},
		"a directory":               {func(w *world, c *clustersecret.Config) { c.File = filepath.Dir(w.path) }, "is no file"},
		"no directory":              {func(w *world, c *clustersecret.Config) { c.File = filepath.Join(w.path, "x", "y") }, "there is no directory"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			cfg := w.config()
			c.prepare(w, &cfg)
			_, err := clustersecret.Open(cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestAMissingFileIsMadeOnceForItsOwner(t *testing.T) {
	w := newWorld(t)
	first := w.open()
	if n := strings.Count(w.log.String(), "a fresh cluster secret was made"); n != 1 {
		t.Errorf("said %d times: %s", n, &w.log)
	}
	info, err := os.Stat(w.path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	w.noSecretInLog()
	w.log.Reset()
	if second := w.open(); !reflect.DeepEqual(first.Keys(), second.Keys()) || w.log.Len() > 0 {
		t.Errorf("a second start has other keys, or something to say: %s", &w.log)
	}
	w.alone()
	other := newWorld(t)
	if reflect.DeepEqual(other.open().Keys(), first.Keys()) {
		t.Error("two fresh secrets are the same")
	}
}

// noSecretInLog fails if a line of the file is in the log.
func (w *world) noSecretInLog() {
	w.t.Helper()
	text, err := os.ReadFile(w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	secrets, err := clustersecret.Parse(text)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range secrets {
		if bytes.Contains(w.log.Bytes(), s) {
			w.t.Errorf("the log has a secret: %s", &w.log)
		}
	}
}

// alone fails if anything is left beside the file.
func (w *world) alone() {
	w.t.Helper()
	entries, err := os.ReadDir(filepath.Dir(w.path))
	if err != nil || len(entries) != 1 {
		w.t.Errorf("the directory has %v, %v", entries, err)
	}
}

func TestOfManyWhoMakeTheFileOneWins(t *testing.T) {
	w := newWorld(t)
	var made, wait sync.WaitGroup
	var mu sync.Mutex
	wins, seen := 0, make(map[string]int)
	begin := make(chan struct{})
	for range 20 {
		wait.Add(1)
		made.Go(func() {
			wait.Done()
			<-begin
			won, err := clustersecret.Create(w.path)
			if err != nil {
				t.Error(err)
			}
			text, err := os.ReadFile(w.path)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			seen[string(text)]++
			if won {
				wins++
			}
		})
	}
	wait.Wait()
	close(begin)
	made.Wait()
	if wins != 1 || len(seen) != 1 {
		t.Errorf("%d won, and %d contents were seen", wins, len(seen))
	}
	w.alone()
}

func TestOfManyProcessesOneWins(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	got := make([]string, 8)
	for i := range got {
		all.Go(func() {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childFile+"="+w.path)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			got[i] = string(out)
		})
	}
	all.Wait()
	for _, keys := range got {
		if keys == "" || keys != got[0] {
			t.Fatalf("processes have other keys: %q", got)
		}
	}
	w.alone()
}

func TestARewrittenFileIsReadAgainEachSecond(t *testing.T) {
	w := newWorld(t)
	w.write(one)
	s := w.open()
	w.write(two + "\n" + one)
	w.now = w.now.Add(999 * time.Millisecond)
	if !reflect.DeepEqual(s.Keys(), keysOf(t, one)) {
		t.Error("it was read again within a second")
	}
	w.now = w.now.Add(time.Millisecond)
	if !reflect.DeepEqual(s.Keys(), keysOf(t, two, one)) {
		t.Error("it was not read again after a second")
	}
	if !strings.Contains(w.log.String(), "the cluster secret was read anew") || !strings.Contains(w.log.String(), "secrets=2") {
		t.Errorf("logged: %s", &w.log)
	}
	w.now = w.now.Add(-time.Hour) // the clock was set back
	w.write(two)
	if !reflect.DeepEqual(s.Keys(), keysOf(t, two)) {
		t.Error("a clock that was set back keeps the old")
	}
	w.noSecretInLog()
}

func TestContentThatCannotBeUsedKeepsTheKeysAndIsSaidOnce(t *testing.T) {
	w := newWorld(t)
	w.write(one)
	s := w.open()
	for _, broken := range []func(){
		func() { w.write("hush-hush") },
		func() { w.write("") },
		func() { _ = os.Remove(w.path) },
	} {
		w.log.Reset()
		broken()
		for range 3 {
			w.now = w.now.Add(time.Second)
			if !reflect.DeepEqual(s.Keys(), keysOf(t, one)) {
				t.Fatal("the keys are others")
			}
		}
		if n := strings.Count(w.log.String(), "can't be read anew"); n != 1 || strings.Contains(w.log.String(), "hush") {
			t.Errorf("said %d times: %s", n, &w.log)
		}
	}
	w.write(two)
	w.now = w.now.Add(time.Second)
	if !reflect.DeepEqual(s.Keys(), keysOf(t, two)) {
		t.Error("it does not recover")
	}
}

func TestAFileThatOthersMayReadIsWarnedOf(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such permissions")
	}
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true} {
		w := newWorld(t)
		w.write(one)
		if err := os.Chmod(w.path, mode); err != nil {
			t.Fatal(err)
		}
		w.open()
		if strings.Contains(w.log.String(), "hint=\"chmod 600 ") != warned {
			t.Errorf("%o: logged %q", mode, &w.log)
		}
	}
}

func TestKeysMayBeAskedForByMany(t *testing.T) {
	w := newWorld(t)
	w.write(one)
	cfg := w.config()
	cfg.Clock = time.Now
	s, err := clustersecret.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if s.Keys() == nil {
					t.Error("no keys")
				}
			}
		})
	}
	all.Wait()
}
