package archived_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	_ "anode/cmd/anode/app" // what the program is made of: when it changes, a result of before is none
	"anode/testkit/cassandra"
	"anode/testkit/chaos"
)

// program is the built binary.
var program string

// shared is the Cassandra of tests that leave it alone.
var shared cassandra.Shared

// common is the keyspace of tests whose streams have names of their own, and whose nodes archive all for ever: to make tables takes long where
// much else is done.
const common = "archived"

var made sync.Once

// commonly gives shared, with the tables of common.
func commonly(t testing.TB) *cassandra.Cluster {
	t.Helper()
	c := shared.Cluster(t)
	made.Do(func() {
		m := start(t, chaos.Config{Nodes: 1, Args: archive(c.Node(0).Addr(), common, "")})
		warm(t, m.Node(0))
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestMain(m *testing.M) {
	flag.Parse()
	// They wait rather than work, so their number is not that of cores; the long ones work.
	if err := flag.Set("test.parallel", of("16", "3")); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "anode-archived")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if os.Getenv("ANODE_CASSANDRA") != "0" { // else all is skipped
		if program, err = chaos.Build(context.Background(), dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	code := shared.Closing(m).Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// long tells that tests run at full length.
func long() bool { return os.Getenv("ANODE_LONG") != "" }

// of picks by the length of tests.
func of[T any](short, full T) T {
	if long() {
		return full
	}
	return short
}

// seeded draws a seed, or takes ANODE_SEED, and prints it.
func seeded(t testing.TB) (uint64, *rand.Rand) {
	t.Helper()
	seed := rand.Uint64N(1_000_000)
	if text := os.Getenv("ANODE_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("ANODE_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("ANODE_SEED=%d", seed)
	return seed, rand.New(rand.NewPCG(seed, 0))
}

// start starts a mesh that ends with the test, and shows its logs when it fails.
func start(t testing.TB, cfg chaos.Config) *chaos.Mesh {
	t.Helper()
	cfg.Binary, cfg.Dir = program, t.TempDir()
	if runtime.GOOS == "linux" { // all of 127/8 is there: meshes that start at the same time draw no port twice
		cfg.Host = fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), 1+rand.IntN(250), 1+rand.IntN(250))
	}
	if os.Getenv("ANODE_KEEP") != "" {
		cfg.Args = append(slices.Clone(cfg.Args), "--log-level", "debug")
	}
	m, err := chaos.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		for _, n := range m.Nodes() {
			if keep := os.Getenv("ANODE_KEEP"); keep != "" {
				_ = os.WriteFile(filepath.Join(keep, strings.ReplaceAll(t.Name(), "/", "-")+"-"+n.Name+".log"), []byte(n.Log()), 0o644)
			}
			if t.Failed() {
				t.Logf("log of %s:\n%s", n.Name, n.Tail(8<<10))
			}
		}
	})
	if cfg.Nodes > 1 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := m.Linked(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// archive are the flags of a node whose archive is at an address; settings are those of the URL, as a query.
func archive(address, keyspace, settings string, more ...string) []string {
	if settings != "" {
		settings = "&" + settings
	}
	return append([]string{"--archive", "cassandra://" + address + "/" + keyspace + "?discovery=off" + settings}, more...)
}

// eventually waits until a condition holds, and gives how long it took.
func eventually(t testing.TB, what string, patience time.Duration, holds func() error) time.Duration {
	t.Helper()
	begin := time.Now()
	for {
		err := holds()
		if err == nil {
			return time.Since(begin)
		}
		if time.Since(begin) > patience {
			t.Fatalf("after %s still not: %s: %.500v", patience, what, err)
		}
		pause(t, 100*time.Millisecond)
	}
}

// pause waits; the end of the test ends it.
func pause(t testing.TB, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// view is how a node's archive is.
type view struct {
	State, Detail string
	// Away is since when the archive does not answer, Error why.
	Away  *time.Time `json:"away_since"`
	Error string
	Rows  uint64
	Lag   struct {
		Records, Batches uint64
		Seconds          float64
	}
	Origins []struct {
		Origin, Archiver string
		Here, Read       bool
		Lag              struct{ Batches uint64 }
	}
}

func viewOf(t testing.TB, n *chaos.Node) (v view, err error) {
	err = n.Get(t.Context(), "/api/v1/archive", &v)
	return v, err
}

// caughtUp waits until nothing waits to be archived at any node that has an archive and runs.
func caughtUp(t testing.TB, patience time.Duration, nodes ...*chaos.Node) time.Duration {
	t.Helper()
	return eventually(t, "all is archived", patience, func() error {
		for _, n := range nodes {
			v, err := viewOf(t, n)
			if err != nil {
				return err
			}
			if v.State != "ok" || v.Away != nil || v.Lag.Batches != 0 {
				return fmt.Errorf("%s: %s, %s: %d records behind; %s", n.Name, v.State, v.Detail, v.Lag.Records, v.Error)
			}
			for _, o := range v.Origins {
				if o.Archiver == "" || o.Here && !o.Read {
					return fmt.Errorf("%s: it is not known who archives %s", n.Name, o.Origin)
				}
			}
		}
		return nil
	})
}

// warm waits until a node has archived something: until then the tables may be being made, and who is killed meanwhile holds up others, which
// storage/cassandra tests.
func warm(t testing.TB, nodes ...*chaos.Node) {
	t.Helper()
	for _, n := range nodes {
		if status, body, err := n.Do(t.Context(), http.MethodPost, "/api/v1/streams/"+warming+"/records", "text/plain", []byte(n.Name)); err != nil || status != http.StatusCreated {
			t.Fatalf("%d %s %v", status, body, err)
		}
		eventually(t, "something is archived", warmPatience, func() error {
			v, err := viewOf(t, n)
			if err == nil && v.Rows == 0 {
				err = fmt.Errorf("%s: %s %s", n.Name, v.Detail, v.Error)
			}
			return err
		})
	}
	caughtUp(t, warmPatience, nodes...)
}

// warmPatience is how long tables may take to be made, where much else is done.
const warmPatience = 4 * time.Minute

// warming is a stream that is not looked at.
const warming = "warming"

// alarmed gives the alarms that a node knows, as text.
func alarmed(t testing.TB, n *chaos.Node) (string, error) {
	_, body, err := n.Do(t.Context(), http.MethodGet, "/api/v1/alarms", "", nil)
	return string(body), err
}
