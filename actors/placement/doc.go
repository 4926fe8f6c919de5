// Package placement decides which node owns which source. It is pure: it reads no clock, draws no numbers, does no I/O
// and starts nothing. Nodes with equal views have equal plans, so that nobody has to be asked who decides.
//
//	registry ──Sources──▶ ┌──────┐           ┌─ Tasks: run, standby, hand over, stop ──▶ sources
//	members ────Nodes───▶ │ View │ ─Next──▶ Plan ─ Questions ──▶ other nodes ──Reports──▶ View
//	time ─────────────▶  └──────┘   ▲      │ └─ Share: this node's part of what a host gets
//	                                └──────┘    Due: when to plan again, Why and Owners for people
//
// Who uses it plans at each change of what it knows, and when Due says: plan = Next(plan, view). It runs those Tasks
// whose Do.Runs, and no others; asks the Questions, and puts the answers into the next view; answers those of others
// by Say; gives budgets their Share; and when it drains leaves once Held is 0. The rules follow, one by one.
//
// # Who owns
//
// A source is owned by those of its candidates that weigh most for it: rendezvous hashing, "highest random weight"
// (Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996). The weight is a hash of the source's
// name and the node's id, the same on all nodes and in all versions. The order by weight is the rank of the owners,
// and the first Redundancy of them are owners; where there are fewer candidates, all are. An exclusive source has one.
// Of equal weights the lower id is the higher rank.
//
// A candidate is a node that says it is active, is alive or died less than Grace ago, wears the labels that the source
// asks for (nodes), takes it by --own, and does not yield it. --own limits only the node itself: none is a candidate
// for nothing, local for what was registered at it (which others may win nevertheless), all for everything.
//
// A source that runs Everywhere (push) runs on each node that --own and labels allow, in whichever state, and has no
// owners in the sense of the rest: senders may push to any node.
//
// # What a change moves
//
// A candidate that goes moves the sources it owned, and one that comes takes those that it wins; no other moves. A
// source that is registered, replaced or removed moves no other. So where two views differ in some nodes, at most that
// many nodes run a source beside those that should, for as long as they differ.
//
// # Balance
//
// This has a price: any rule by which nodes move only what they must, and sources don't depend on each other, gives
// the nodes random numbers of sources, off the mean by about its root. Of 1,000 sources, all nodes are within 25 % of
// the mean in these parts of many meshes, and the one furthest from it is off by this on average:
//
//	nodes   within 25 %   furthest
//	    3         100 %        5 %
//	    5        99.9 %       10 %
//	   10          93 %       18 %
//	   20          24 %       30 %
//
// Capacities (as in "Consistent Hashing with Bounded Loads", Mirrokni, Thorup, Zadimoghaddam, 2016) bound that, but
// make sources depend on each other: one that is registered may move another one that runs, nodes that know of
// different sources disagree about others too, and a node that goes moves a few that were not its own. So placing has
// none. Instead, a node levels: Plan.Level names the few sources (4 of 1,000 on 20 nodes, hardly ever one on 5) that
// it should yield for every node to be within a quarter of the mean, or within four sources where a quarter is less,
// as moving them would cost more than it brings. They go to the next by rank, as all that is yielded. Only the owner
// decides that, and says so, hence nobody can disagree about it; a node that comes or goes still moves only what it
// must, and the mesh is level again when nodes have looked the next time.
//
// # What a node says of itself
//
// joining, active, draining: nobody else says it, and without it a node gets nothing. A node that has seeds or
// remembers peers is joining until it is linked, for JoinWait at most; then for JoinLearn more, or JoinAlone where no
// active peer is known (Joining).
//
// A yield says that a node does not want a source now: its feed fails there, its secret is missing, its address is not
// allowed, or it levels. All of a node's yields are one Register, which is replaced whole, and end by themselves,
// after MaxYield at most: a node that can't speak any more must not keep a source from ever coming back. What all
// candidates yield, none does: it should fail where it can be seen. What some yield has fewer candidates. Only the
// difference of the times in a register counts, from when it came: clocks may be wrong.
//
// # Death
//
// Membership says that a node is dead, with when. For Grace it keeps its sources: one that is back by then has moved
// nothing. After it, it is no candidate, and nobody waits for it. A node that left of its own will is not in a View,
// and has no grace.
//
// # Handing over
//
// Decide says, for one source, what its owners and those before do. Make before break: the new owner runs it at once;
// the old one runs it on until all owners say that they run it, for HandOver at most after the owners changed last.
// Meanwhile the feed has two connections, and what both bring are duplicates like any others; without it each move
// would leave a hole.
//
// An exclusive source is broken before it is made: the old owner stops at once, and the new one is on standby until
// each node that owned it before says that it stopped, or is gone. That has no limit, since after one nothing would be
// known. A node that asks says by that that it wants to start, and who hears it waits for it in turn. As long as all
// nodes see the same changes in the same order, however late, two never run it. They may for a while when a node dies
// while others disagree (nobody can be asked for it), and in the two parts of a network that was cut.
//
// Reports count only if asked for after the owners changed: the last that a node said may be of an earlier turn.
//
// # Budgets
//
// A host's budget is of the whole mesh. A node's Share of it is its own owned sources on that host among all; each
// owner counts, and so does one that hands over, until it said that it stopped. So who takes over begins with half,
// and shares never add up to more than the budget where views are equal; where they are not, the excess lasts as long
// as the difference. A share changes the pause between two acts, and saves nothing up: no change is a burst.
//
// # Numbers
//
//	Grace          1 s     a false death is taken back within a probe or two of 500 ms; a real one took 3 s to see
//	JoinWait      15 s     all seeds were tried by then, and are tried again only every 15 s
//	JoinLearn     10 s     several comparisons of registry and yields, of one a second
//	JoinAlone      1 s     a few rounds of 200 ms, in which a peer's first word of itself arrives
//	MaxYield       5 min   how long a source may stay away from a node that can't say any more that it wants it back
//	MaxYields     10,000   a register with reasons fits a frame of 2 MiB
//	HandOver      10 s     a slow connection, or backoff of 1, 2 and 4 s; longer would hold up a drain
//	levelling   25 %, 4    what is wanted of balance; fewer than four sources are not worth a move
//	MaxRedundancy 16       as in the language of specs
package placement
