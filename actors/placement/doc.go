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
// A source that runs Everywhere (push) runs on each node that labels allow, in whichever state, and has no owners in
// the sense of the rest: senders may push to any node. --own is of sources that fetch, and does not limit it: who pushes
// chose the node.
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
// A node that is banned is told so, and runs nothing, at once and without handing over: others took it for dead already, and don't hear of it. When it is
// let in it is active as before.
//
// A node of whose identity another one lives runs nothing either: what it would number nobody takes, and what it runs its original runs too.
//
// A yield says that a node does not want a source now: its feed fails there, its secret is missing, its address is not
// allowed, or it levels. All of a node's yields are one Register, which is replaced whole, and end by themselves,
// after MaxYield at most: a node that can't speak any more must not keep a source from ever coming back. What all
// candidates yield, none does: it should fail where it can be seen. What some yield has fewer candidates. Only the
// difference of the times in a register counts, from when it came: clocks may be wrong. A node's own yields count for it too only as they
// came back from the registry: what it could not say it still owns, as all others think.
//
// # What does not work here
//
// A node that yields a source for that says so again, as long as it has no reason to think that it works now. This it finds for itself,
// every FirstRetry, by a probe: a connection beside the owner's, of which nothing is stored, within the host's budget. Two run at once, and those
// that wait longest come first, so that of very many each has its turn, though later. It asks nobody, so that
// nothing of it depends on who can be reached: a feed that works from one node only stays there, one that is down for all stays
// with the first by rank, which tries on with backoff, and is probed by the others; where it works first it goes on. Each node of a
// network that was cut does the same. A probe may be wrong, and an exclusive source can't be probed beside its
// owner: where one comes back and fails again within LastRetry the wait is doubled each time, to LastRetry at most, and so are the holes that
// this makes ever fewer. Another spec is looked at at once. A source that is paused is not probed.
//
// # Death
//
// Membership says that a node is dead, with when. For Grace it keeps its sources: one that is back by then has moved
// nothing. After it, it is no candidate, and nobody waits for it. A node that left of its own will is not in a View,
// and has no grace.
//
// A node that stood still was taken for dead, and does not know: it joins again (Office.StoodStill), so that what others took comes back to it
// as to a node that begins. What is exclusive it stops at once; the rest it stops when it knows what others have (Unsure), as until then
// its sockets may have what nobody numbered.
//
// # Handing over
//
// Decide says, for one source, what its owners and those before do. Make before break: the new owner runs it at once;
// the old one runs it on until all owners say that they run it, for HandOver at most after the owners changed last; for Patience
// where it stays and the feed works at it, as nobody may run it else. Meanwhile the feed has two connections; without that each move would leave a hole.
//
// What both bring must be numbered by one. So the nodes that run a source have an order, by which Task.Ahead says how many number what they
// collect before this one does; all but the first hold it back. Who owned it before the change comes first, the longest and then by rank, until
// it has stopped; who begins comes behind all of them, and asks whether they have. One that stopped, or left, or did not say so for the time of
// handing over, counts for LastWords more, in which the last that it numbered gets here; one that died does not. Who hands over before it was
// the first asks the same, and stops only when it is: what it held back nobody else may have.
//
//	old owner   numbers ───────────────────────────┐ stops, as the new one runs
//	new owner       connects, holds back ──────────┴── asks: it has stopped ── LastWords ──▶ numbers what no copy cancelled
//
// Who hands over never says that it runs the source: of two that hand over to each other, by views that differ, both would stop.
//
// Where views differ two may think that none is ahead, or all hold back, which is late and no loss. Of two that number one gives way once
// it hears of what the other one numbers (package source). Where the owners that stay change their
// order among themselves (the first comes, and none goes) they do so each at its own time.
//
// An exclusive source is broken before it is made: the old owner stops at once, and the new one is on standby until
// each other node that is there said, since it owns the source, that it does not run it. All are asked, as nodes hear of stages, yields
// and sources by different ways, and so in different orders: one that never was an owner here may have been one there. That has no limit,
// since after one nothing would be known; who is dead and past its grace, or left, is not asked. Who waits itself has who asks wait
// too, so that of two that both own it by their views none starts it before one of them knows better (Ricart and Agrawala, "An Optimal
// Algorithm for Mutual Exclusion in Computer Networks", 1981). Views that stay different would have both wait for
// ever: after HandOver the one that weighs less gives way, and asks anew. So two never run it, in whichever order they hear of
// what changes. They may for a while when a node dies that others could still reach, and in the two parts of a network that was cut.
// The price is that a node which is there and does not answer holds up the start of all exclusive sources, until it is
// known to be dead.
//
// Questions that stand are asked again and again by who uses the plan: soon at first, as what two nodes run both collect, and what
// none runs is not collected.
//
// Reports count only if asked for after the owners changed: the last that a node said may be of an earlier turn.
//
// # Budgets
//
// A host's budget is of the whole mesh: the lowest that a source says which is not paused, wherever it runs (Office.Budget). A node's Share of it is its own owned sources on that host among all; each
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
//	FirstRetry     5 min   one connection of each node that fails is hardly seen by a feed, and a node that is well again is used soon
//	LastRetry      1 h     a hole of half a minute each hour is what looking for a better place may cost
//	MaxYields     10,000   at most: what fits 512 KiB counts, about 4,000 with reasons of 80 bytes, all without where names are short
//	HandOver      10 s     a slow connection, or backoff of 1, 2 and 4 s; longer would hold up a drain
//	Patience       1 min   three attempts and 30 s make a yield; a successor that neither runs nor yields by then is not waited for
//	LastWords      1 s     a batch takes milliseconds from node to node, on a busy machine some hundreds
//	levelling   25 %, 4    what is wanted of balance; fewer than four sources are not worth a move
//	MaxRedundancy 16       as in the language of specs
package placement
