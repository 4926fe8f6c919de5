// Package member tells who is in the mesh and who of them is alive, by hashicorp/memberlist: membership and the
// detection of failures, and nothing else. No record and no other user data goes over it, because its broadcasts
// carry about 20 small records a second for a whole mesh before they lose some. It is a library without actors; the
// gossip actor owns a List.
//
//	            ┌──────────────── List (Run's goroutine) ────────────────┐
//	Members ◀── │ table ◀── survey ── memberlist ◀── transport ◀── gate ◀┼── Network
//	Events  ◀── │   └──▶ rejoin: whom to call again, and when ───────────┼──▶ seeds, dead peers
//	            └────────────────────────────────────────────────────────┘
//
// # What is guaranteed
//
//   - A node that died is seen dead after 2 to 3.5 s (5 nodes), one that left of its own will is left, not dead.
//   - Seeds and dead peers are called again for ever, names resolved anew each time: memberlist by itself leaves a
//     partition that healed split. So a partition closes within 25 s of its end.
//   - What is of another cluster or has another secret is refused on both ends, said in words (Problems), and disturbs nobody.
//   - What a node says of itself (Meta) comes to all; two nodes with one id are reported (Conflicts), not judged.
//
// # The survey
//
// memberlist's callbacks tell of some changes only: whom it suspects, and whether who is gone died or left, it keeps
// to itself, and what its list points to is written while it is read. But it tells another node all of it when it
// joins. So it is made to join a mirror, which catches what it sends: its whole list as of one moment. The callbacks
// only ask for the next survey, which comes at once and at most each 20 ms; one each half second finds
// suspicions. A survey of 50 nodes takes a tenth of a millisecond.
//
// # What comes in (gate.go)
//
// Each datagram and stream is opened before memberlist sees it: garbage never comes as far as its decoders, and what
// is dropped is counted and said, not only logged. Who calls by a stream and is refused is told whether it named
// another cluster or has another secret, so that the caller can say what is wrong; it is not told which cluster it called.
//
//	packet   ┌─────┬────────┬───────┬─────────────┬────────────┬─────────────────────────┐
//	         │ 244 │ length │ label │ version (1) │ nonce (12) │ AES-256-GCM, tag (16)   │
//	         └─────┴────────┴───────┴─────────────┴────────────┴─────────────────────────┘
//	stream   ┌─────┬────────┬───────┬────┬─────────────┬─────────────┬────────────┬──────┐
//	         │ 244 │ length │ label │ 10 │ length (4)  │ version (1) │ nonce (12) │ as ↑ │
//	         └─────┴────────┴───────┴────┴─────────────┴─────────────┴────────────┴──────┘
//	refusal  ┌─────┬────────────────────────────┐
//	         │ 244 │ 0: cluster, 1: secret (1)  │
//	         └─────┴────────────────────────────┘
//
// # The advertised address (advertise.go)
//
// What is configured; else the address that the node listens at, if it is one; else that from which packets to the first
// seed on another machine leave; else an own one that is among the seeds; else that of the default route; else loopback. It is an
// IP, always: a name is resolved when Run starts.
//
// One that was found by routes is looked at again in each round of calls: when it is this machine's no more, or packets to no
// seed and no living member on another machine leave from it, twice in a row, Run ends with an error. Who runs it makes a new List, which
// finds the right one.
//
// # Calling again (rejoin.go)
//
// At once at the start; while alone after 1, 2, 4, 8 and then each 15 s, halved at most by chance; else each 15 s ± 50 %,
// seeds that are no living members and up to 16 dead peers, those first that waited longest. A node that came back at
// another address is refused by those that think it alive at the old one, or dead for less than 10 s: it
// announces itself every 2 s until it is known by the right one.
//
// # Concurrency and bounds
//
// All methods of List are safe for concurrent use. Run owns all goroutines that the package starts, and waits for them;
// memberlist's own end by themselves within some seconds of it, and do nothing more. Streams that come in at a time: 64, of one
// address 16, of 4 MiB each. Dead
// and left peers that are known: 1,024, of a week (the newest 16 for ever).
package member
