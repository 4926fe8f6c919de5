// Package sim simulates a mesh: thousands of nodes in one goroutine, in virtual time, from one seed.
//
// What decides in a node is the real thing, the core of anode/actors/gossip/core, or whatever else a test
// puts in its place (Core). What is around it is simulated: links with latency, loss and bandwidth, journals
// that take their time, fail and forget, memberlist's view of who is alive, clocks that jump, and readers.
//
//	s, err := sim.New(sim.Config{Nodes: 1000, Seed: 7})
//	s.At(2*time.Second, sim.Publish(sim.Load{At: sim.Any(10), Rate: 5}))
//	s.At(20*time.Second, sim.Crash(sim.Share(0.1), sim.How{Machine: true}))
//	result, err := s.Run(ctx)
//
// The same as a script, an action a line (Sim.Play):
//
//	2s   load origins=10 rate=5 size=300
//	20s  crash 10% machine
//	30s  partition 0-499 | 500-999
//	40s  heal
//
// A run ends when the script is through and everything is everywhere. The same seed, actions and program give
// the same run, event by event: Result.Hash tells. Scenarios are scripts that come with the package.
//
// What is promised is checked all the time; a broken promise is a Violation in the Result:
//
//   - a node appends a batch once
//   - readers get each origin's batches in order, none twice, none skipped without a gap that is true
//   - a hole is given up only where no node that could be asked for half a minute holds it
//   - what a node that runs holds, all that run hold, Config.Converge after the last fault
//   - what waits in a link's queue, for a journal, and what is asked for over a link is bounded
//   - a core's lines are what its journal holds; a peer that is said to hold something does
//
// As long as a partition, a pause, an ill journal or churn lasts, nothing has to be everywhere: a run that ends so
// says it (Result.Lasting, Result.Verdict).
//
// # Checks of one's own
//
// Try is for a script in a test. To look at the mesh on the way, run it piece by piece: between two calls of RunTo
// everything stands still, and Holds, Held, Links, Core and the others tell how it is; more actions may be added.
// Run or Must then runs it to its end, with the promises. Config.Tune changes what cores begin with, Config.New puts
// something else in their place, which may embed a *core.Core and do one thing differently. ExampleSim_RunTo has one.
//
// What can't be done (a node that there is not, a batch of 1 GiB, more than memory has room for) is told by
// Check, and by Run before anything happens. A run is bounded: MaxNodes, MaxDuration, and 8 GiB as reckoned from its
// nodes and batches.
//
// # The model
//
//   - A frame takes the latency of its pair of nodes, and jitter. Frames of a link stay in order. A lost frame does
//     not come at all, which is harsher than TCP. With a bandwidth, frames wait in three classes: control,
//     live, repair.
//   - Dialling takes two round trips, and a half until the caller knows. Who dials a dead machine or the other
//     side of a partition waits for Config.DialTimeout. Of two that dial each other the lower identity's call
//     stays.
//   - A process that ends resets its links; a machine that ends leaves its peers in silence.
//   - A journal answers in order, Config.Append after it got a batch. Batches have headers that are true and
//     a body that they all share: 10 GiB of them take nothing.
//   - Each node learns of deaths and joins after its own delay. All pass the same sets of members in the same
//     order, which so can be shared; each side of a partition has its own row of them.
//
// A Sim is for one goroutine and starts none. Of 10,000 nodes each takes about 16 KB beside its core.
package sim
