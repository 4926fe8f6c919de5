package cassandra_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/storage"
	"anode/storage/cassandra"
	server "anode/testkit/cassandra"
	"anode/testkit/storagetest"
)

// written writes until it is there.
func written(t *testing.T, a *cassandra.Archive, batches []*messages.Batch) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		_, err := a.Write(ctx, batches)
		if err == nil {
			return
		}
		if !errors.Is(err, storage.ErrAway) {
			t.Fatal(err)
		}
	}
}

// A server that stands still, and one that is killed, are away; what is written then is there when they are back.
func TestAServerInTrouble(t *testing.T) {
	if os.Getenv("ANODE_LONG") == "" {
		t.Skip("a server is killed and started again: ANODE_LONG=1")
	}
	c := server.ForTest(t, server.Config{})
	keyspace := c.Keyspace(t)
	a := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace})
	batches := opened(t, storagetest.NewOrigin(storagetest.Self, 7, storagetest.Start).Run(t, 60)...)
	ctx := t.Context()
	_, err := a.Write(ctx, batches[:10])
	must(t, err)

	must(t, c.Node(0).Pause())
	for begin := time.Now(); a.Stats().Away == ""; <-time.After(50 * time.Millisecond) {
		if time.Since(begin) > patience {
			t.Fatal("nobody asks it anything, and it is not seen that it stands still")
		}
	}
	must(t, c.Node(0).Resume())
	written(t, a, batches[:10])
	must(t, c.Node(0).Pause())
	short, cancel := context.WithTimeout(ctx, time.Second)
	_, err = a.Write(short, batches[10:20])
	cancel()
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("paused, with a second of time: %v", err)
	}
	if _, err = a.Write(ctx, batches[10:20]); !errors.Is(err, storage.ErrAway) {
		t.Errorf("paused: %v", err)
	}
	if _, err := a.Confirmed(ctx, ""); !errors.Is(err, storage.ErrAway) {
		t.Errorf("asked while it is paused: %v", err)
	}
	if stats := a.Stats(); stats.Away == "" || stats.Since.IsZero() || stats.Failed == 0 {
		t.Errorf("the status says %+v", stats)
	}
	must(t, c.Node(0).Resume())
	written(t, a, batches[10:20])
	if away := a.Stats().Away; away != "" {
		t.Errorf("back, the status says %q", away)
	}

	done := make(chan struct{})
	go func() {
		defer close(done)
		for part := range slices.Chunk(batches[20:], 2) {
			written(t, a, part)
		}
	}()
	must(t, c.Node(0).Kill())
	must(t, c.Node(0).Restart(ctx))
	<-done
	written(t, a, batches) // the last seconds before the kill may be lost: an archiver writes them again
	for _, from := range []*cassandra.Archive{a, open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace})} {
		same(t, "after the kill", positions(t, from, storage.ArchiveScan{Stream: "test.a", Origin: storagetest.Self}), inBatches("test.a", batches))
	}

	must(t, c.Node(0).Kill())
	late := start(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace})
	if _, err := late.Write(ctx, batches); !errors.Is(err, storage.ErrAway) {
		t.Errorf("without a server: %v", err)
	}
	must(t, c.Node(0).Restart(ctx))
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	must(t, late.Connected(wait))
}

// Passwords are mended while it tries, connections are encrypted, and nothing tells the password.
func TestCredentialsAndTLS(t *testing.T) {
	if os.Getenv("ANODE_LONG") == "" {
		t.Skip("a server of its own: ANODE_LONG=1")
	}
	const secret = "long-secret"
	c := server.ForTest(t, server.Config{User: "joe", Password: secret, TLS: true})
	file := filepath.Join(t.TempDir(), "credentials")
	must(t, os.WriteFile(file, []byte("user: joe\npassword: another-secret\n"), 0o600))
	var said hearing
	cfg := cassandra.Config{Hosts: c.Addrs(), Keyspace: "k", Credentials: file, TLS: cassandra.TLS{On: true, CA: c.AuthorityFile()}}
	a, err := cassandra.New(cfg, cassandra.Deps{Logger: said.logger()})
	must(t, err)
	short, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := a.Connected(short); !errors.Is(err, storage.ErrAway) || !strings.Contains(err.Error(), "password are refused") {
		t.Errorf("with a wrong password: %v", err)
	}
	must(t, os.WriteFile(file, []byte("joe:"+secret), 0o600))
	wait, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, a.Connected(wait))
	_, err = a.Write(wait, opened(t, storagetest.NewOrigin(storagetest.Self, 7, storagetest.Start).Run(t, 3)...))
	must(t, err)
	must(t, a.Close())
	if text := said.String() + fmt.Sprintf("%+v", a.Stats()); strings.Contains(text, "secret") || strings.Contains(text, "joe") {
		t.Errorf("who comes in is told:\n%s", text)
	}
	bare := cfg
	bare.TLS = cassandra.TLS{}
	b := start(t, bare)
	short, cancel = context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	if err := b.Connected(short); !errors.Is(err, storage.ErrAway) {
		t.Errorf("without TLS: %v", err)
	}
}

// One of three nodes is killed and comes back: nothing is lost, and hardly anything waits.
func TestOneOfThree(t *testing.T) {
	if os.Getenv("ANODE_LONG") == "" {
		t.Skip("three servers: ANODE_LONG=1")
	}
	c := server.ForTest(t, server.Config{Nodes: 3})
	keyspace := c.Keyspace(t)
	a := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace})
	// many streams, so that to list them takes longer than gocql waits between two dials to a node that is down
	o := storagetest.NewOrigin(storagetest.Self, 7, storagetest.Start)
	var batches []*messages.Batch
	for i := range 120 {
		var drafts []messages.Draft
		for n := range 50 {
			drafts = append(drafts, storagetest.Draft(messages.Stream(fmt.Sprintf("test.s%d", (i%12)*50+n)), "1"))
		}
		batches = append(batches, opened(t, o.Next(t, append(drafts, storagetest.Draft("test.a", "1"))...))...)
	}
	for i := range 3 {
		part := batches[i*40 : (i+1)*40]
		done := make(chan struct{})
		go func() {
			defer close(done)
			for few := range slices.Chunk(part, 5) {
				written(t, a, few)
			}
		}()
		must(t, c.Node(i).Kill())
		<-done
		must(t, c.Node(i).Restart(t.Context()))
		must(t, c.Ready(t.Context()))
	}
	same(t, "after three kills", positions(t, a, storage.ArchiveScan{Stream: "test.a", Origin: storagetest.Self}), inBatches("test.a", batches))
}
