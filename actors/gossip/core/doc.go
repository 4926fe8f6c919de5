// Package core is the part of a node's gossip that decides. It is a state machine without clock, goroutine or I/O: its
// inputs are the methods of Core, with the time of each, and what is to be done are the Outputs that Take gives. What it
// chooses at random follows from Config.Seed, so the same inputs give the same outputs. The shell around it has the links, the journal and memberlist; testkit/sim has a
// simulated one, so that what is tried with thousands of nodes is what runs.
//
//	frames, links, members, time ──▶ ┌────────┐ ──▶ Send, Dial, Close, Serve
//	own batches, append results ───▶ │  Core  │ ──▶ Append, GiveUp, Raise
//	floors, room, events, status ──▶ └────────┘ ──▶ Renew, Stop, Learn, Show, Cover
//
// Lines (package messages) say what is held of each origin; the core keeps its own, and is told by the journal of
// all that changes them. A flow is one epoch of an origin as it spreads. Each flow has a tree of its own (Leitão,
// Pereira, Rodrigues, "Epidemic Broadcast Trees", 2007, the algorithm known as Plumtree), because one tree for all
// origins would make most batches take a detour.
//
// # Overlay (members.go, overlay.go)
//
// Up to 9 nodes each is linked to all. Above, the nodes stand on 3 hashed rings (4 above 1,000 nodes), linked to
// their neighbours on each. All follow from the list of members: two nodes that agree on it agree on their links.
//
//   - Around a neighbour that can't be reached the rings close for 5 s, and it is dialled still.
//   - A link that works is kept, wanted or not, while there are no more than 16: links cost little, trees grow slowly.
//
// # Trees (tree.go, parent.go, spread.go, refresh.go)
//
//  1. A new batch is appended, and passed on when the journal has it, to the links that are eager, but not back to
//     whence it came, nor to the parent. The first batch of a flow makes its bringer the parent, and all others eager.
//  2. A batch that was held already makes its bringer lazy, on both ends (Prune), unless it is the parent: two nodes
//     that pruned each other's parent would cut a part of the mesh off. When the parent was merely slower than
//     another link, that one is pruned.
//  3. Who numbered a batch marks it Refresh after 10 s and 100 batches, both, and a second after the members changed, but for
//     that no more often than each 10 s: it floods, and everyone takes the first that brings it for the parent. This costs at
//     most 3 copies for 100 batches, or for what comes in 10 s while the members change.
//  4. Choices are numbered by the batch they were made with. A Prune for an earlier batch is not heeded, and earlier
//     batches that come late go the way of the tree that was: else two floods that overlap, or batches that were under way
//     when the tree changed, would cut it.
//  5. A link that brings three batches in a row before the parent does is asked (Graft) to be the parent.
//
// # Repair (announce.go, want.go, pull.go, holder.go, serve.go)
//
// Each 50 ms a node announces what changed: of each flow the unbroken run that ends at its head. Where 200 flows or more
// changed at a time the next pause is 50 ms for each hundred of them, up to half a second: announcements of some 40 bytes a flow take
// no more than 80 KB/s of a link up to 1,000 flows, and each is announced twice a second above.
//
//  6. What is announced and missing is pulled after 60 ms: the tree brings it sooner than the announcement plus that, or
//     not at all. As long as the parent does not have it either it is waited for up to half a second: it will bring
//     it, and a whole branch that pulls for itself would only double the work. What the parent announces and did not push
//     is pulled at once.
//  7. Of one batch one pull is open. One that brings nothing for 180 ms, or twice the way there and back, is given to another
//     peer; after four the flow rests for a second. Peers that are BUSY are left alone for as long.
//  8. A flow is severed when its parent is gone, was silent for two pings, was asked and never brought anything, or left out
//     three batches. Then who first has the newest batch becomes the parent, and the batch goes on to all links as a Refresh:
//     all who hang on this node choose anew, by the same batch. Nobody has that batch before his parent, so no circle comes
//     of it. So a push path that a crash cut is whole again with the next batch.
//  9. Batches that came by a pull are passed on as Repair while the hole is fresh (5 s): to eager links that did not say they
//     have them. A Repair says nothing about the tree. Older ones are not passed on: who lacks them asks for himself.
//
// At most 256 KiB are asked for by one pull, 1 MiB over one link, by 4 pulls of one flow: enough for 10 MiB/s over 100 ms, and
// little enough to wait behind live data.
//
// # Digests (digest.go, days.go)
//
// When a link comes up, and each second to one peer at random, a node tells the newest epoch of each origin with its
// 32 highest holes, and a hash a day over all closed epochs. Days that differ are told in full, each 5 s at most. Floors are
// not hashed: retention differs from node to node. A node that lost everything, or an announcement that was lost,
// needs nothing else.
//
//   - Epochs of which nothing is held any more are remembered alike, so that days agree.
//   - An unknown epoch whose head is older than twice the retention, and whose origin is no member, is ignored:
//     nothing comes back from the dead. So is one that was forgotten here.
//
// # What is old (backfill.go)
//
// Where a node meets an origin for the first time, what is there already is old. It is fetched last of all, the newest first over all
// origins, by 2 pulls a link, until the journal says that there is no more room: then all below is under the floor. Of an
// origin that it knew it misses what came meanwhile: readers stand before it, so that is fetched in order, the oldest first.
//
// # Giving up (giveup.go, reclaim.go)
//
// A hole is open as long as one linked peer did not say that it does not hold it. When all have, its time begins. When that is over all
// are asked a second time, as they may have got it since; when all deny it again it is given up, and readers get a gap. The
// time is
//
//   - 5 s, where the origin is among those that deny it, or it is the node's own, and then only when all links that are wanted have
//     been up, or can't be made, for 5 s as well: ample for what any node holds to come to a neighbour;
//   - 60 s else. Only time counts in which a link is up.
//
// A node that is alone gives its own damage up at once, and nothing of others. What retention took from all, below everything
// that is held, raises the floor instead. What nobody has above the head is forgotten: no reader knows of it.
//
// What turns up all the same is fetched and kept, though readers have passed it (reclaim.go): from who is known to hold it, until it
// comes or that peer denies it; each new peer is asked once, and one at random each 2 minutes, as hashes of days don't show
// holes and an announcement may be lost.
//
// # Links (link.go)
//
// Any byte is life. A link over which nothing went for 250 ms sends a Ping. One that is silent for 1 s leaves all trees, and
// comes back eager when it speaks; after 5 s it is closed. A link whose queue is beyond 4 MiB leaves the live path: its
// peer pulls what it misses, in order, and asks to be pushed again (Graft), which is heeded when the queue is down to a quarter.
//
// A node whose journal takes nothing for 1 s says Bye and leaves, for 5 s or until it takes something (stall.go): a parent
// that can't append holds a branch up.
//
// # Identity (identity.go, digest.go)
//
// Who dials while a link to its name is up makes the node ask the old link for a sign of life: if one comes the newcomer is
// refused, else the old link is closed. A peer that knows a later position of this node's than the node itself makes it take
// a higher epoch (Renew), or name that position in its first batch (Prior). A higher epoch of its own that it hears of later it
// climbs above after 10 s, unless another node with its identity stopped it by then. Two nodes that live with one identity after a
// partition see each other's live batches: the one with the higher epoch stops.
//
// # Registry (registry.go)
//
// Events of the registry go to all links at once; of each register the highest (revision, reading, node) wins everywhere. Where
// the hashes of digests differ, 256 bucket hashes find what does.
//
// # Status (status.go, seek.go)
//
// Of an ephemeral record only the newest of each node and kind counts, and each node is to have all: at 1,000 nodes with 1.5 KiB
// each 2 s that is 0.75 MB a second a node, when each comes once. Flooding brings it over each link. So a record goes to the
// peers of its own node at once, who can't have it yet; from there on it is told of, and sent to who asks:
//
//	origin ──Status──▶ peer ──Versions: I have o's 7th──▶ others ──Versions, Want──▶ peer ──Status──▶ others
//
// So that it comes once, soon, and in spite of all:
//
//   - What is new is told each 125 ms, all in one frame a link of 27 bytes a record, to those who are not known to have it: who
//     told of it, brought it, or was sent it. One of two peers is first, so each link carries a version about once.
//   - It is asked for at the first who tells, and 0.5 s and twice the way there and back later at another one. Over one link at most 64
//     are asked for at a time: a node that comes gets what it lacks, a thousand records, from all its peers.
//   - The record of a node to whom a link is up is waited for 250 ms before it is asked for elsewhere. So where all are linked to all
//     each sends its own, and nothing is asked for; where a link is broken the record comes from one of the others, as all of
//     them tell of it.
//   - A new peer, and one at random each 10 s, is told all versions: of what is published seldom one may have been missed. Who tells
//     of an older version than is held is told of that.
//
// No tree is needed: a hop costs a beat and three ways, so 1,000 nodes have a record after 0.4 s in the middle and 0.7 s at
// most, and nothing is to be mended when a node dies.
//
// # Bounds
//
// Waiting to be appended: 16 MiB, what comes beyond is refused, counted and pulled later. Links: 64. Origins: 100,000. What
// waits for a link that takes nothing: 4 MiB of live batches, twice that of all before it is closed, 64 frames of events, one exchange
// of the registry. Of a flow and link 256 denied ranges and 256 holes are remembered. Ephemeral records of nodes that
// are no members: 1,000.
//
// What a peer says costs memory: 16 bytes of a Digest may make a flow of some 500 bytes, with 60 more for each link that tells
// of it, and an origin of 200. A flow of which nothing is missing, and that is not its origin's newest, is dropped at once; one of
// which something is said to be missing lives until it came or was given up. So a frame costs up to fifty times its bytes.
// Origins are bounded, epochs of one are not: a peer proved that it belongs to the mesh, and is not expected to lie at length.
//
// # Numbers
//
//	number           is        because
//
//	Announce         50 ms     a human does not see it, and 20 small frames a second are nothing to a link
//	Ping             250 ms    four in a Silent, so that a late one or two do no harm; idle links cost 60 bytes a second
//	Silent           1 s       what the mesh may take to route around a crash is 2 s; pauses of a healthy process are shorter
//	Dead             5 s       a peer that pauses for longer has to catch up in any case
//	Digest           1 s       a lost announcement is found after as many seconds as there are links, about
//	Patience         60 ms     Announce and a bit: the tree is sooner than an announcement plus that, or cut
//	Retry            180 ms    3.6 × the 50 ms that a way takes at most in a mesh of the size of a continent; longer ways by their rtt
//	Slow             2 s       nobody waits, and what is asked in vain is asked twice
//	Fresh            5 s       who hangs on this node has found such a hole itself by then, and asks for it
//	Patient          60 s      a reboot takes less: who has the only copy should be back
//	RefreshEvery     10 s      links and loads change, but no tree is far off after 10 s
//	RefreshBatches   100       a flood is 3 to 4 copies too many: so they are 3 to 4 in a hundred at most
//	Settle           1 s       what joins together is heard of within a second
//	Stall            1 s       as Silent: a journal that takes nothing holds a branch up like a node that says nothing
//	MaxQueue         4 MiB     0.3 s of a 100 Mbit/s link: more is no live path
//	MaxPull          1 MiB     10 MiB/s over 100 ms, see Repair
//	MaxAppending     16 MiB    16 links with a full MaxPull each; 0.1 s of a disk
//	MaxLinks, Slots  16, 64    twice what 4 rings want; and a bit for each in a word
//	mesh             9         8 links each, as many as on 4 rings
//	rings            3, 4      with 6 links 1,000 nodes hold together when a tenth goes at once (docs/bench); more want more
//	few              1,000     nodes, above which there are 4 rings
//	skipFor          5 s       the rings close at once, and one that is back is a neighbour again soon
//	stallFor         5 s       as Dead: peers that were told Bye and those that were not come back alike
//	doubtAfter       10 s      2 × Dead: nothing of a former life is on its way any more
//	manyStrays       3         one batch that overtakes is chance, three in a row are a faster way
//	manyRepairs      3         as many left out in a row are no chance either
//	manyTries        4         pulls in vain are 0.7 s: then whoever was asked has more to do than to answer
//	restAfter        1 s       and gets a second for it
//	manyWaits        20        a pull waits behind others over its link for 3.6 s at most, less than Dead
//	mostPulls        4         of a flow: one from each of a few peers at a time
//	pullParts        4         of MaxPull: one is on its way while three wait, so that the link is never idle
//	mostServing      32        over a link: 320 flows a second that miss something over 100 ms
//	oldPerLink       2         half of pullParts is left for what somebody waits for
//	far              64        batches behind: the tree does not bring that many at once
//	fewFlows         100       announcements of 40 bytes each 50 ms are 80 KB/s
//	mostPause        10        half a second, still less than half of Silent
//	listEvery        5 s       all closed epochs of a day may be a megabyte
//	mostClosed       10,000    Holdings are about as much, and the rest follows
//	mostDays         4,096     eleven years
//	mostStuck        64        holes whose time is counted at once; the others wait for theirs
//	mostDenied       256       ranges a link and flow: what is forgotten is asked for again
//	mostGaps         256       each costs half a pull a minute
//	mostGreeting     64        frames, mostly of an event each, of at most 512 KiB; usual are some hundred bytes
//	mostOrigins      100,000   a hundred times what a mesh is made for
//	mostSeeking      64        records, 128 KiB at most: half a second of a link of 2 Mbit/s
//	greetEvery       10        27 KB at 1,000 nodes, so it is not said with each digest
//	mostStatus       1,000     records of those who just left, or whom this node does not know of yet
package core
