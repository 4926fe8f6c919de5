// Package cluster runs whole nodes in one process, over a network in memory, and lets them die, sleep and be cut off: in
// virtual time, where an hour of a quiet mesh takes a second.
//
//	func TestWhoSleptCatchesUp(t *testing.T) {
//		cluster.Test(t, cluster.Config{Nodes: 3}, func(t *testing.T, c *cluster.Cluster) {
//			c.Partition(c.Nodes()[:2], c.Nodes()[2:])
//			c.Node(0).Publish(t.Context(), "lab.a", "while it sleeps")
//			time.Sleep(20 * time.Second)
//			c.Heal()
//			if took, err := c.WaitConverged(25 * time.Second); err != nil {
//				t.Error(took, err)
//			}
//		})
//	}
//
// # What a node is
//
// The actors that anode serve runs: journal, hub, subscribers, gossip, sources, status, made by node.Start. memberlist, TLS and
// Ed25519 are the real ones; keys are made of the seed. In memory are what the nodes stand on:
//
//	subscribers ── Node.Subscribe ──┐              ┌── Node.Publish
//	                           ┌────┴──────────────┴───┐
//	                           │ actors/node.Node      │  one a life: Start … Stop or Kill
//	                           └──┬─────────────────┬──┘
//	        storage/memory ── journal, state   fabric.Port ── testkit/cluster/fabric ── the other nodes
//	        (Wipe; else it outlives the life)  (Partition, Cut, Delay, Lose)
//
// There is no gateway: it writes to file descriptors, which a bubble of virtual time can't wait for. So nodes are made one
// level below anode/cmd/anode/app, and a subscriber is a session behind an outlet in memory, with the messages of anode.v1.json.
// The journal's files and the program's end have tests of their own, with processes.
//
// # How a life ends
//
//   - Kill is kill -9: from one moment to the next nothing is said, written or acknowledged. Streams are reset. What was written
//     stays, synced or not, as the operating system keeps it. What the life was made of is taken down behind that.
//   - Stop is SIGTERM: what waits is stored and sent, the mesh is told.
//   - A node that must end (its identity is in use) stops as in a program; Node.Ended says why.
//   - A machine that falls silent is Isolate, then Kill.
//
// # Time
//
// Test runs in a bubble of testing/synctest: time goes on when all goroutines wait for something of the bubble. All that this package
// and the nodes wait for is: channels, timers, condition variables, never a mutex for long. Outside of a bubble New gives a cluster
// that lives in real time.
//
// A bubble ends when all that was started in it has. Cluster.Close waits for the nodes; memberlist's goroutines, which
// wait for answers that don't come, go on for up to a minute, and protoactor's dead letters for a second. Test waits for them (Settle):
// virtual time, which costs nothing.
//
// # Chance
//
// Config.Seed decides keys, names, latencies, losses, and what the nodes' cores and memberships draw; Test tells it. It does not make a
// run the same again, event by event: which goroutine runs first, and which case of a select is taken, is Go's choice; what
// memberlist draws comes from math/rand's own source; what TLS draws from crypto/rand. That is what testkit/sim is for, which runs
// the core alone. What goes wrong here for one seed goes wrong often enough to be found by running it again.
//
// # What it costs
//
// A second of virtual time takes about 0.3 ms of CPU of a node in a mesh of three that is quiet, 7 ms in one of 50: it is linked to 6 to 16 others,
// each of which is asked four times a second whether it lives, and hears of the state of all.
//
// Under the race detector Test skips: the runtime dies now and then of timers in bubbles (go1.26.8). New works, in real time.
package cluster
