package cassandra_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"anode/storage"
	"anode/storage/cassandra"
	"anode/testkit/storagetest"
)

// All that start at once have the keyspace and the tables made once.
func TestManyStartAtOnce(t *testing.T) {
	c, _ := shared.ForTest(t)
	keyspace := "many" + fmt.Sprint(time.Now().UnixNano())
	t.Cleanup(func() { must(t, session(t, c, "").Query("DROP KEYSPACE "+keyspace).Exec()) })
	var archives []*cassandra.Archive
	for range 8 {
		archives = append(archives, start(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace}))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	batches := opened(t, storagetest.NewOrigin(storagetest.Self, 7, storagetest.Start).Run(t, 8)...)
	for i, a := range archives {
		must(t, a.Connected(ctx))
		_, err := a.Write(ctx, batches[i:i+1])
		must(t, err)
	}
	s := session(t, c, keyspace)
	versions, statements := cassandra.Migrations()
	if n := count(t, s, "schema_versions WHERE part = 'schema'"); n != len(versions) {
		t.Errorf("%d versions were made, want %d", n, len(versions))
	}
	if n := count(t, s, "system_schema.tables WHERE keyspace_name = '"+keyspace+"'"); n != len(statements)+1 {
		t.Errorf("there are %d tables, want %d", n, len(statements)+1)
	}
	if n := count(t, s, "schema_versions WHERE part = 'lease'"); n != 0 {
		t.Error("the lease was not given back")
	}
	same(t, "what all wrote", positions(t, archives[0], storage.ArchiveScan{Stream: "test.a", Origin: storagetest.Self}), inBatches("test.a", batches))
}

// One that was killed while it made the tables has the lease for a while; then another goes on.
func TestAMigratorIsKilled(t *testing.T) {
	c, keyspace := shared.ForTest(t)
	s := session(t, c, keyspace)
	must(t, s.Query(cassandra.VersionsTable).Exec())
	must(t, s.Query(`INSERT INTO schema_versions (part, version, holder) VALUES ('lease', 0, 'killed') IF NOT EXISTS USING TTL 2`).Exec())
	_, statements := cassandra.Migrations()
	for _, statement := range statements[:3] {
		must(t, s.Query(statement).Exec())
	}
	a := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace})
	if n := count(t, s, "schema_versions WHERE part = 'lease' AND version = 0"); n != 0 {
		t.Error("it did not wait for the lease, or did not give it back")
	}
	_, err := a.Write(t.Context(), opened(t, storagetest.NewOrigin(storagetest.Self, 7, storagetest.Start).Run(t, 1)...))
	must(t, err)
}

// One that is stopped while it makes the tables gives the lease back, and another one that waits for it says for whom.
func TestAMigratorIsStopped(t *testing.T) {
	c, keyspace := shared.ForTest(t)
	s := session(t, c, keyspace)
	must(t, s.Query(cassandra.VersionsTable).Exec())
	a, err := cassandra.New(cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace}, cassandra.Deps{Logger: logger(t), Node: "first"})
	must(t, err)
	begin := time.Now()
	for count(t, s, "schema_versions WHERE part = 'lease' AND version = 0") == 0 && time.Since(begin) < patience {
	}
	must(t, a.Close())
	if n := count(t, s, "schema_versions WHERE part = 'lease' AND version = 0"); n != 0 {
		t.Error("the lease was not given back")
	}
	must(t, s.Query(`INSERT INTO schema_versions (part, version, holder) VALUES ('lease', 0, 'second 00000001') IF NOT EXISTS USING TTL 20`).Exec())
	b := start(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace})
	begin = time.Now()
	for !strings.Contains(b.Stats().Away, "node second makes the archive's tables") {
		if time.Since(begin) > patience || b.Stats().Away == "" {
			t.Fatalf("it waits, and says %q", b.Stats().Away)
		}
		<-time.After(50 * time.Millisecond)
	}
	must(t, s.Query(`DELETE FROM schema_versions WHERE part = 'lease' AND version = 0 IF EXISTS`).Exec())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, b.Connected(ctx))
}

// A statement may take longer than the lease lasts: nobody else makes tables meanwhile.
func TestALeaseLastsAsLongAsAStatement(t *testing.T) {
	c, keyspace := shared.ForTest(t)
	const lease = 5 * time.Second
	var other atomic.Int32
	first := true
	var wait sync.WaitGroup
	defer wait.Wait()
	err := cassandra.Migrate(t.Context(), session(t, c, keyspace), keyspace, "one", lease, func(statement string) {
		if !first || statement == cassandra.VersionsTable {
			return
		}
		first = false
		s := session(t, c, keyspace)
		wait.Go(func() {
			if err := cassandra.Migrate(t.Context(), s, keyspace, "two", lease, func(string) { other.Add(1) }); err != nil {
				t.Error(err)
			}
		})
		<-time.After(2 * lease)
		if n := other.Load(); n != 0 {
			t.Errorf("another one made %d statements meanwhile", n)
		}
	})
	must(t, err)
	if wait.Wait(); other.Load() != 0 {
		t.Errorf("another one made %d statements afterwards", other.Load())
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	c, keyspace := shared.ForTest(t)
	s := session(t, c, keyspace)
	must(t, s.Query(cassandra.VersionsTable).Exec())
	must(t, s.Query(`INSERT INTO schema_versions (part, version) VALUES ('schema', 99)`).Exec())
	a := start(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := a.Connected(ctx); !errors.Is(err, cassandra.ErrNewerSchema) || !strings.Contains(err.Error(), "99") {
		t.Errorf("connected: %v", err)
	}
	if _, err := a.Confirmed(ctx, ""); !errors.Is(err, cassandra.ErrNewerSchema) || errors.Is(err, storage.ErrAway) {
		t.Errorf("asked: %v", err)
	}
	if got := a.Stats(); !strings.Contains(got.Away, "99") || !got.Refused || got.Database == "" {
		t.Errorf("status: %+v", got)
	}
}

// Who names other servers of one database, or the same by other names, has the same one; another keyspace is another one.
func TestADatabaseIsTheSameWhateverItIsCalled(t *testing.T) {
	c, keyspace := empty(t)
	_, other := shared.ForTest(t)
	_, port, err := net.SplitHostPort(c.Node(0).Addr())
	must(t, err)
	if got := start(t, cassandra.Config{Hosts: []string{"127.0.0.1:1"}, Keyspace: keyspace}).Stats(); got.Database != "" || got.Refused {
		t.Errorf("before it is connected: %+v", got)
	}
	of := func(host, keyspace string) storage.ArchiveStats {
		return open(t, cassandra.Config{Hosts: []string{net.JoinHostPort(host, port)}, Keyspace: keyspace, Given: true}).Stats()
	}
	one, two, third := of("127.0.0.1", keyspace), of("localhost", keyspace), of("127.0.0.1", other)
	if one.Database == "" || one.Database != two.Database || one.Place == two.Place || one.Database == third.Database {
		t.Errorf("%+v, %+v and %+v", one, two, third)
	}
}
