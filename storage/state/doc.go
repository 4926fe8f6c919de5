// Package state is what a node keeps beside its journal: the small store of storage.State in
// one bbolt file, the node's identity, the lock of its data directory and its epoch.
//
//	lock       held by the process that has the directory; names it
//	node.key   the Ed25519 key, and the NodeID that it must give
//	state.db   the store
//
// # The store
//
// state.db has one bbolt bucket, "anode". Its keys are "<bucket> 0x00 <key>", its values
//
//	┌───────────────────────────────────────────┬─────────┐
//	│ BLAKE3 of key and value, first 8 bytes (8)│ value   │
//	└───────────────────────────────────────────┴─────────┘
//
// One more entry, under the key 0x00, says what the file is and what all of it must be:
//
//	┌──────────────┬────────────────┬──────────────────────────────┐
//	│ checksum (8) │ version (1)    │ number of values (8)         │
//	├──────────────┴────────────────┼──────────────────────────────┘
//	│ sum of their checksums (8)    │
//	└───────────────────────────────┘
//
// bbolt trusts its pages: a flipped bit in one makes it panic, recurse for ever or find an
// old page's values. So Open first audits the file by itself: every page that can be
// reached, once, its bounds, the order of its keys, every checksum, and the sum. A value
// that fails its checksum alone is reported when it is asked for. A file that fails in another
// way is set aside as state.db.damaged-<ms>, and a fresh one is begun with the values that are
// certainly good; Note says so. Each Put commits twice, so that both of bbolt's meta pages
// lead to it, and either may be lost.
//
// All of Store is safe for concurrent use. Whoever opens it has the lock of its directory.
package state
