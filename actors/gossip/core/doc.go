// Package core is the part of a node's gossip that decides. It is a state machine without clock, randomness,
// goroutine or I/O: its inputs are the methods of Core, with the time of each, and what is to be done are the
// Outputs that Take gives. The shell around it has the links, the journal and memberlist; testkit/sim has a
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
// # Trees (tree.go, refresh.go)
//
//  1. A new batch is appended, and passed on when the journal has it, to the links that are eager, but not back to
//     whence it came, nor to the parent. The first batch of a flow makes its bringer the parent, and all others eager.
//  2. A batch that was held already makes its bringer lazy, on both ends (Prune), unless it is the parent: two nodes
//     that pruned each other's parent would cut a part of the mesh off. When the parent was merely slower than
//     another link, that one is pruned.
//  3. Who numbered a batch marks it Refresh after 10 s and 100 batches, both, and a second after the members changed: it
//     floods, and everyone takes the first that brings it for the parent. This costs at most 3 copies for 100 batches.
//  4. Choices are numbered by the batch they were made with. A Prune for an earlier batch is not heeded, and earlier
//     batches that come late go the way of the tree that was: else two floods that overlap, or batches that were under way
//     when the tree changed, would cut it.
//  5. A link that brings three batches in a row before the parent does is asked (Graft) to be the parent.
//
// # Repair (announce.go, repair.go, serve.go)
//
// Each 50 ms a node announces what changed: of each flow the unbroken run that ends at its head. 50 ms is what a human does
// not see, and 20 small frames a second and link are what a link does not feel.
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
// # Giving up (giveup.go)
//
// A hole is open as long as one linked peer did not say that it does not hold it. When all have, it is given up (readers get
// a gap): 5 s later where the origin is among them, or it is the node's own; 60 s later else, both counted while a link is up. 5 s is
// ample for what any node holds to come to a neighbour. What turns up all the same is fetched and kept, but readers have passed it. A node that is alone gives its own damage up at once, and nothing of
// others. What retention took from all, below everything that is held, raises the floor instead.
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
// a higher epoch (Renew), or name that position in its first batch (Prior). Two nodes that live with one identity after a
// partition see each other's live batches: the one with the higher epoch stops.
//
// # Registry, status (registry.go, status.go)
//
// Events of the registry go to all links at once; of each register the highest (revision, reading, node) wins everywhere. Where
// the hashes of digests differ, 256 bucket hashes find what does. Ephemeral records are passed on when they are
// newer than the one that is known of that node and kind.
//
// # Bounds
//
// Waiting to be appended: 16 MiB, what comes beyond is refused, counted and pulled later. Links: 64. Origins: 100,000. Denied ranges: 256
// a flow and link. Ephemeral records of nodes that are no members: 1,000. What a peer says never makes a node take more
// memory than a few times the frame it said it in.
package core
