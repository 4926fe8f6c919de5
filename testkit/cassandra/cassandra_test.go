package cassandra_test

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"go.uber.org/goleak"

	"anode/testkit/cassandra"
)

// shared is whole before and after each test; the tests here may kill and pause it, as they run one after the other.
var shared = cassandra.Shared{Config: cassandra.Config{CommitlogSync: "batch"}}

func TestMain(m *testing.M) {
	if dir := os.Getenv(mortalDir); dir != "" {
		mortal(dir)
	}
	goleak.VerifyTestMain(shared.Closing(m))
}

// patience bounds what a node is waited for, on a machine where other tests run too.
const patience = 4 * time.Minute

func long(t *testing.T) {
	t.Helper()
	if os.Getenv("ANODE_LONG") == "" {
		t.Skip("SKIPPED: long; ANODE_LONG=1 runs it")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open gives a session with a keyspace, for the length of a test.
func open(t *testing.T, c *cassandra.Cluster, keyspace string) *gocql.Session {
	t.Helper()
	settings := c.Settings()
	settings.Keyspace = keyspace
	settings.Timeout = 30 * time.Second
	s, err := settings.CreateSession()
	must(t, err)
	t.Cleanup(s.Close)
	return s
}

const (
	makeTable = "CREATE TABLE t (k int PRIMARY KEY, v text)"
	insert    = "INSERT INTO t (k, v) VALUES (?, ?)"
	read      = "SELECT v FROM t WHERE k = ?"
)

// write makes the table and a row, one.
func write(t *testing.T, s *gocql.Session) {
	t.Helper()
	must(t, s.Query(makeTable).Exec())
	must(t, s.Query(insert, 1, "one").Consistency(gocql.All).Exec())
}

func isThere(t *testing.T, s *gocql.Session) {
	t.Helper()
	var v string
	must(t, s.Query(read, 1).Consistency(gocql.Quorum).Scan(&v))
	if v != "one" {
		t.Errorf("the row is %q", v)
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestEachTestHasAKeyspaceOfItsOwn(t *testing.T) {
	c, first := shared.ForTest(t)
	_, second := shared.ForTest(t)
	write(t, open(t, c, first))
	s := open(t, c, second)
	write(t, s)
	isThere(t, s)
}

func TestARowOutlivesAKill(t *testing.T) {
	c, keyspace := shared.ForTest(t)
	n := c.Node(0)
	s := open(t, c, keyspace)
	write(t, s)
	s.Close()
	must(t, n.Kill())
	if err := n.Ready(t.Context()); !errors.Is(err, cassandra.ErrDown) {
		t.Errorf("a node that was killed is ready: %v", err)
	}
	must(t, n.Restart(within(t)))
	isThere(t, open(t, c, keyspace))
}

func TestAPausedNodeDoesNotAnswerUntilItIsResumed(t *testing.T) {
	c, keyspace := shared.ForTest(t)
	n := c.Node(0)
	s := open(t, c, keyspace)
	write(t, s)
	must(t, n.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	var v string
	err := s.Query(read, 1).WithContext(ctx).Scan(&v)
	must(t, n.Resume())
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a paused node answers: %v", err)
	}
	must(t, n.Ready(within(t)))
	isThere(t, s)
}

func TestANodeThatCannotStartSaysWhy(t *testing.T) {
	shared.ForTest(t) // where there is none, this test says nothing
	_, err := cassandra.Start(within(t), cassandra.Config{Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("error is %v: want the end of the log in it", err)
	}
}

func TestThreeNodesServeWhileOneIsDown(t *testing.T) {
	long(t)
	c := cassandra.ForTest(t, cassandra.Config{Nodes: 3, User: "ann", Password: "it's hers"})
	keyspace := c.Keyspace(t)
	s := open(t, c, keyspace)
	write(t, s)
	must(t, c.Node(1).Kill())
	isThere(t, s)
	isThere(t, open(t, c, keyspace))
	must(t, s.Query(insert, 2, "two").Consistency(gocql.Quorum).Exec())
	must(t, c.Node(1).Restart(within(t)))
	must(t, c.Ready(within(t)))
	must(t, s.Query(insert, 3, "three").Consistency(gocql.All).Exec())
}

func TestAClusterOnItsOldDirectoryHasItsDataPortUserAndCiphers(t *testing.T) {
	long(t)
	cfg := cassandra.Config{Dir: t.TempDir(), User: "ann", Password: "it's hers", TLS: true}
	c := cassandra.ForTest(t, cfg)
	keyspace, port := c.Keyspace(t), c.Port()
	s := open(t, c, keyspace)
	write(t, s)
	s.Close()
	strangersStayOutside(t, c)
	must(t, c.Close())
	c = cassandra.ForTest(t, cfg)
	if c.Port() != port {
		t.Errorf("the port is %d: want %d", c.Port(), port)
	}
	isThere(t, open(t, c, keyspace))
}

func strangersStayOutside(t *testing.T, c *cassandra.Cluster) {
	t.Helper()
	for name, change := range map[string]func(*gocql.ClusterConfig){
		"a wrong password": func(s *gocql.ClusterConfig) {
			s.Authenticator = gocql.PasswordAuthenticator{Username: "ann", Password: "x"}
		},
		"no password":       func(s *gocql.ClusterConfig) { s.Authenticator = nil },
		"no encryption":     func(s *gocql.ClusterConfig) { s.SslOpts = nil },
		"another authority": func(s *gocql.ClusterConfig) { s.SslOpts.Config = &tls.Config{MinVersion: tls.VersionTLS12} },
		"no such user": func(s *gocql.ClusterConfig) {
			s.Authenticator = gocql.PasswordAuthenticator{Username: "bob", Password: "x"}
		},
	} {
		settings := c.Settings()
		settings.ConnectTimeout = 5 * time.Second
		change(settings)
		if s, err := settings.CreateSession(); err == nil {
			s.Close()
			t.Errorf("with %s one gets in", name)
		}
	}
}
