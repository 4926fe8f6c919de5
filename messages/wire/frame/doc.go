// Package frame is what two peers say to each other over a link: the types, their form, and how they are
// written and read.
//
//	 0                4    5
//	┌────────────────┬────┬───────────────────┐
//	│ length of body │type│ body              │  length little-endian; all at most Max (2 MiB)
//	└────────────────┴────┴───────────────────┘
//
// Bodies are made of
//
//	u          an unsigned integer as a uvarint (7 bits a byte, lowest first), in its shortest form
//	u8 u64     fixed, little-endian
//	hlc        a reading of an HLC, as u64
//	id         a NodeID: 0x90 and the 16 bytes of which it is the base32; any other as u8 length and text
//	text       u length (at most MaxText) and UTF-8
//	bytes      u length and bytes
//	T*         u count and so many T
//	flags      u8, the first in the lowest bit
//
// and are, by type:
//
//	 1 hello    ┌─────────┬────────┬─────────┬────┬──────┬───────┬──────────────┬──────┬──────┐
//	            │ version │ oldest │ cluster │ id │ name │ epoch │ capabilities │ mesh │ http │  u u text id text u u text text
//	            ├─────────┴───┬────┴─────────┴────┴──────┴───────┴──────────────┴──────┴──────┘
//	            │ known       │ proof (32) │                    known: id or 0, u epoch, u sequence, u index
//	            └─────────────┴────────────┘
//	 2 push     ┌─────────────────────────┬────────┬─────────────┐
//	            │ flags: refresh, repair  │ hop u8 │ batch bytes │  the sealed bytes, as package wire draws them
//	            └─────────────────────────┴────────┴─────────────┘
//	 3 have     ┌───────────────────────────────────────────────────────────────────┐
//	            │ (origin id, epoch u, head u, head+1-run u, run-floor u, hlc)*     │
//	            └───────────────────────────────────────────────────────────────────┘
//	 4 ask      ┌──────┬────────────┐
//	            │ id u │ body bytes │
//	            └──────┴────────────┘
//	 5 answer   ┌─────────────┬──────┬────────────┐
//	            │ flags: last │ id u │ body bytes │
//	            └─────────────┴──────┴────────────┘
//	 6 pull     ┌──────┬───────────┬─────────┬───────────────────┬─────────┬─────────┐
//	            │ id u │ origin id │ epoch u │ flags: descending │ bytes u │ range*  │  range: from u, to-from u
//	            └──────┴───────────┴─────────┴───────────────────┴─────────┴─────────┘
//	 7 end      ┌──────┬─────────────┬─────────┬────────────────┐
//	            │ id u │ flags: busy │ floor u │ not held range*│
//	            └──────┴─────────────┴─────────┴────────────────┘
//	 8 graft    ┌───────────┬─────────┐
//	 9 prune    │ origin id │ epoch u │
//	            └───────────┴─────────┘
//	10 digest   ┌────────────────┬─────────────────┬ ─ ─ ─ ─ ┬ ─ ─ ─ ─ ─ ─ ─ ─ ┬ ─ ─ ─ ─ ─ ─ ─┬─────────────────┬─────────┐
//	            │ flags: compare │ latest holding* │ since u   (day u, hash u64)*  registry u64 │ closed holding* │ want u* │
//	            └────────────────┴─────────────────┴ ─ ─ ─ ─ ┴ ─ ─ ─ ─ ─ ─ ─ ─ ┴ ─ ─ ─ ─ ─ ─ ─┴─────────────────┴─────────┘
//	            The middle is there with compare only. Each day is the distance from the one before. A holding is
//	            origin id, epoch u, head u, head+1-floor u, index of the head u, hlc, hole*; a hole is from - the to
//	            of the hole before (the floor, for the first) u, to-from u.
//	11 registry ┌───────────────┬─────────┬────────────────────────────────────────────────────────┐
//	            │ flags: answer │ hash u64*│ (key text, revision u, hlc, node id, body bytes)*     │
//	            └───────────────┴─────────┴────────────────────────────────────────────────────────┘
//	12 status   ┌────────────────────────────────────────────────────────┐
//	            │ (node id, kind u8, epoch u, version u, body bytes)*    │
//	            └────────────────────────────────────────────────────────┘
//	13 ping     ┌───────────┬──────────┐
//	14 pong     │ nonce u64 │ time u64 │
//	            └───────────┴──────────┘
//	15 bye      ┌─────────────┐
//	            │ reason text │
//	            └─────────────┘
//
// # Versions
//
// A newer version may append fields to a body, use flags that had no meaning, and add types. An older one ignores what
// stands behind the fields that it knows and the flags that it does not know, and skips and counts frames of a
// type that it does not know (ErrUnknown). So a new field, flag or type must be one that may be ignored; for
// anything else there is the version in Hello, of which both sides use the highest that both speak. Numbers of types
// and places of fields are for ever: testdata holds what each version wrote.
//
// # Rules
//
// Check has the rules of each type: what ascends, from where things count, how many there may be. Parse refuses
// what breaks them, what is cut, and numbers and NodeIDs that are not in their one form, with an ErrFrame that says why.
// Nothing is allocated for a count or a length that the bytes at hand can't hold.
//
// Frames don't share memory with what they were read from, except a Push: its batch keeps the body, so that
// a batch is never copied between a link and a disk. Reader gives each Push a body of its own.
//
// All functions are pure and may be called by many at a time; a Reader has one user.
package frame
