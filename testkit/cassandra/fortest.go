package cassandra

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"
)

// switchName is the variable of the environment that says whether tests have Cassandra: "0" never; "1" always, and a machine where it can't
// be had fails them; else where it can be had, and a test elsewhere is skipped.
const switchName = "ANODE_CASSANDRA"

// startPatience bounds a start in a test; what is got from elsewhere once comes in it too.
const startPatience = 8 * time.Minute

// schemaTimeout bounds a change of schema, which takes a second where tests crowd a machine.
const schemaTimeout = 30 * time.Second

// ForTest starts a cluster for one test, which may kill and pause its nodes, and closes it after.
func ForTest(t testing.TB, cfg Config) *Cluster {
	t.Helper()
	c, err := wanted(t.Context(), cfg)
	judge(t, err)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// wanted starts a cluster where tests are to have one.
func wanted(ctx context.Context, cfg Config) (*Cluster, error) {
	if os.Getenv(switchName) == "0" {
		return nil, fmt.Errorf("%w: %s is 0", ErrUnavailable, switchName)
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	return Start(ctx, cfg)
}

// judge ends a test without a cluster.
func judge(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrUnavailable) && os.Getenv(switchName) != "1":
		t.Skipf("SKIPPED, nothing of Cassandra is tested here: %v", err)
	default:
		t.Fatal(err)
	}
}

// Shared is a cluster for all tests of a package, started by the first that wants it. Nobody kills or pauses its nodes. The zero
// value, kept in a variable of the tests' package, is ready for use; TestMain closes it:
//
//	var shared cassandra.Shared
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(shared.Closing(m)) }
type Shared struct {
	// Config is the cluster's.
	Config Config

	once    sync.Once
	cluster *Cluster
	err     error
}

// Cluster gives the cluster alone. It may be called by many tests at once.
func (s *Shared) Cluster(t testing.TB) *Cluster {
	t.Helper()
	s.once.Do(func() { s.cluster, s.err = wanted(context.Background(), s.Config) })
	judge(t, s.err)
	return s.cluster
}

// ForTest gives the cluster, and a keyspace of the test's own that is removed after it. It may be called by many tests at once.
func (s *Shared) ForTest(t testing.TB) (c *Cluster, keyspace string) {
	t.Helper()
	s.Cluster(t)
	keyspace = s.cluster.Keyspace(t)
	t.Cleanup(func() {
		if err := s.cluster.execute("DROP KEYSPACE IF EXISTS " + keyspace); err != nil {
			t.Error(err)
		}
	})
	return s.cluster, keyspace
}

// Main is what runs the tests of a package: a *testing.M.
type Main interface{ Run() int }

// Closing is m with a clean end: it closes the cluster after the tests.
func (s *Shared) Closing(m Main) Main { return closing{m, s} }

type closing struct {
	Main
	shared *Shared
}

// Run runs the tests, and closes.
func (c closing) Run() int {
	code := c.Main.Run()
	if c.shared.cluster == nil {
		return code
	}
	if err := c.shared.cluster.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// Keyspace makes a keyspace with a name that no other has, which all nodes keep, and gives the name.
func (c *Cluster) Keyspace(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("t%016x", rand.Uint64())
	form := "CREATE KEYSPACE %s WITH replication = {'class': 'SimpleStrategy', 'replication_factor': %d}"
	if err := c.execute(fmt.Sprintf(form, name, len(c.nodes))); err != nil {
		t.Fatal(err)
	}
	return name
}

// execute runs a statement of CQL on a session of its own.
func (c *Cluster) execute(statement string) error {
	settings := c.Settings()
	settings.Timeout = schemaTimeout
	session, err := settings.CreateSession()
	if err != nil {
		return err
	}
	defer session.Close()
	return session.Query(statement).Exec()
}
