package archive

import (
	"testing"
	"time"

	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage/cassandra"
	"anode/storage/memory"
	server "anode/testkit/cassandra"
)

// A real Cassandra of one node, that is killed while records come: it forgets some of its last writes, and is given them again. What is
// in it then is what was stored, by the node's own check, too.
func TestACassandraThatIsKilled(t *testing.T) {
	c := server.ForTest(t, server.Config{})
	archive, err := cassandra.New(cassandra.Config{
		Hosts: c.Addrs(), Keyspace: c.Keyspace(t), Given: true, Replication: cassandra.Replication{Factor: 1},
	}, cassandra.Deps{Node: "self"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := archive.Close(); err != nil {
			t.Error(err)
		}
	}()
	w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self"}), archive)
	w.alone = true
	w.start()
	defer w.stop()
	var all []wire.Sealed
	publish := func(d time.Duration) {
		for until := time.Now().Add(d); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
			before := time.Now()
			all = append(all, w.publish("self", 20)...)
			all = append(all, w.publish("peer", 5)...)
			if took := time.Since(before); took > 5*time.Second {
				t.Errorf("to store took %s", took)
			}
		}
	}
	await := func() {
		t.Helper()
		for until := time.Now().Add(3 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
			v := w.view()
			if v.Figures["lag_batches"] == 0 {
				return
			}
			if time.Now().After(until) {
				t.Fatalf("%+v", v)
			}
		}
	}
	publish(5 * time.Second)
	await()
	publish(5 * time.Second)
	w.good(c.Node(0).Kill())
	publish(5 * time.Second)
	w.good(c.Node(0).Restart(t.Context()))
	publish(2 * time.Second)
	await()
	time.Sleep(2 * time.Second)
	await()
	w.good(w.journal.Sync())
	holds(t, archive, all)
	to := time.Now().Add(2 * time.Hour).UnixMilli()
	if unequal, summary := checked(w, command.CheckArchive{ToMs: to}); len(unequal) > 0 {
		t.Errorf("%q, %s", unequal, summary)
	}
	t.Logf("%d records; %+v", len(records(t, all)), w.view().Figures)
}
