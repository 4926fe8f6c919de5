// Package gossip is a node's part in the mesh: the actor that puts the core (package core, which decides) on the wire, with
// membership by package member and links by package link.
//
//	            ┌───────────────────────── loop (one goroutine) ─────────────────────────┐
//	links ────▶ │ frames ─┐                                         ┌─▶ Send, Serve, Close │ ────▶ links
//	dials ────▶ │ calls  ─┼─▶ core: one input, then what it puts out┼─▶ Dial               │ ────▶ dials
//	journal ──▶ │ mail   ─┤                                         ├─▶ Store, Number      │ ────▶ journal
//	members ──▶ │ events ─┘                                         └─▶ chores             │ ────▶ disk, readers
//	            └──────────────────────────────────────────────────────────────────────────┘
//
// # Who owns what
//
// Gossip outlives its actor: others announce to it whether it runs or not. Each incarnation of the actor has a loop, which alone
// uses the core, and knows all links, claims and dials. The actor's own goroutine makes a child for each link (link/<peer>), and
// answers questions by asking the loop. An incarnation begins with what the journal holds, so one that died loses nothing but time.
// A panic in any of its goroutines ends it, and not the process; one in a link's ends the link.
//
// # What waits where
//
//	frames  64, shared by all links. A link that finds no room stops reading: its peer waits. Core and journal bound what they take.
//	calls   from dials, handshakes, links that end, and questions: who calls waits for his turn, or for the loop's end.
//	mail    from goroutines that must not wait: the journal's and the links' writers. Answers to appends are bounded by the core
//	        (16 MiB wait to be appended), answers to pulls by links, and own batches by 8 MiB: beyond that they are left out, and read from
//	        the journal when the loop comes to it.
//	chores  changes of the journal's memory (what is given up, floors), one for an epoch: nobody waits for them.
//
// # Links
//
// Who is wanted is dialled until a link is up or it is not wanted any more: after a failure 0.5 s later, doubling to 10 s, half to one and
// a half of it by chance, for ever; at once when it is known at another address. Of two links that a pair made at the same time
// that stays which the node with the lower name dialled. Any other newcomer is a claim: the core asks the old link for a sign of life, and the one or
// the other goes. Who is told for 15 s on every link that its identity is in use stops.
//
// # Questions
//
// A question has a number that no other one of its node has, over all its processes. Where the link that it went over is lost before any part of the answer came,
// as one of two that a pair made at the same time is, it goes over the next one to the same process, within 5 s. Who was asked knows it by its
// number: it goes on answering over the new link, or says again what it said (up to 32 KiB are kept for 30 s), and does nothing twice. What is
// not kept any more is an empty answer.
//
// # Bans
//
// Who is banned is told by Ban. A link to such a node is closed behind what waits, with a Bye; none is dialled or let in, and it does
// not count as a member. It stays up, and tries on: it joins by itself when the ban is lifted.
//
// # The journal and the core
//
// Both know what is held. Each 10 s what the journal says is compared with what the core says: what retention dropped, what
// is forgotten, and what is damaged. As batches come meanwhile, damage counts when two looks in a row say so, of what the core held before the second.
//
// # At the end
//
// Retire comes before the journal stops. Leave sends what was sealed last, each peer hears a Bye, memberlist says that the node leaves: 1.5 s at most. It comes before the
// actor is stopped, as children are stopped before their parents.
package gossip
