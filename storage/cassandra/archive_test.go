package cassandra_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"anode/storage"
	"anode/storage/cassandra"
	server "anode/testkit/cassandra"
	"anode/testkit/storagetest"
)

var shared server.Shared

func TestMain(m *testing.M) { goleak.VerifyTestMain(shared.Closing(m)) }

// patience bounds what is waited for, on a machine where other tests run too.
const patience = 2 * time.Minute

// open gives an archive that is there, and is closed after the test.
func open(t testing.TB, cfg cassandra.Config) *cassandra.Archive {
	t.Helper()
	a := start(t, cfg)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := a.Connected(ctx); err != nil {
		t.Fatal(err)
	}
	return a
}

// common is the keyspace that tests have one after the other: to make tables takes longer than to empty them.
const common = "common"

// empty gives the server that tests share, and a keyspace with the tables and nothing in them, for as long as the test lasts. Such
// tests are not parallel.
func empty(t testing.TB) (*server.Cluster, string) {
	t.Helper()
	c := shared.Cluster(t)
	t.Cleanup(func() { truncate(t, c, common) })
	return c, common
}

// truncate empties the tables that have rows.
func truncate(t testing.TB, c *server.Cluster, keyspace string) {
	s := session(t, c, keyspace)
	tables, err := s.Query(`SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?`, keyspace).Iter().SliceMap()
	must(t, err)
	var wait sync.WaitGroup
	for _, row := range tables {
		name, _ := row["table_name"].(string)
		if name == "schema_versions" {
			continue
		}
		wait.Go(func() {
			if s.Query("SELECT * FROM "+name+" LIMIT 1").Iter().NumRows() == 0 {
				return
			}
			if err := s.Query("TRUNCATE " + name).Exec(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

// start gives an archive that may not be there yet.
func start(t testing.TB, cfg cassandra.Config) *cassandra.Archive {
	t.Helper()
	a, err := cassandra.New(cfg, cassandra.Deps{Logger: logger(t), Node: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// logger writes to the test's log what is more than debugging.
func logger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func TestArchive(t *testing.T) {
	storagetest.Archive(t, func(t *testing.T) storagetest.OpenedArchives {
		c, keyspace := empty(t)
		return storagetest.OpenedArchives{
			Open: func(cfg storagetest.ArchiveConfig) storage.Archive {
				return open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace, Streams: cfg.Streams, TTL: cfg.TTL})
			},
			Wait: func(d time.Duration) { <-time.After(d) }, // the server's clock is no other than this machine's
		}
	})
}

// hearing keeps all that a log is told. gocql's goroutines may say something a moment after Close.
type hearing struct {
	mu   sync.Mutex
	text strings.Builder
}

func (h *hearing) Write(line []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(line)
}

func (h *hearing) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

func (h *hearing) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(h, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
