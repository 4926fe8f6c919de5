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
//	 1 hello     version u │ oldest u │ cluster text │ node id │ name text │ epoch u │ capabilities u │ mesh text
//	             │ http text │ known: id (or 0), epoch u, sequence u, index u │ proof (32)
//	 2 push      flags: refresh, repair │ hop u8 │ batch bytes                          as package wire draws it
//	 3 have      held*
//	 4 ask       id u │ body bytes
//	 5 answer    flags: last │ id u │ body bytes
//	 6 pull      id u │ origin id │ epoch u │ flags: descending │ bytes u │ range*
//	 7 end       id u │ flags: busy │ floor u │ not held: range*
//	 8 graft     origin id │ epoch u
//	 9 prune     origin id │ epoch u │ sequence u
//	10 digest    flags: compare │ latest: holding*
//	             │ since u │ days: (day u, hash u64)* │ registry u64                    with compare only
//	             │ closed: holding* │ want: u*
//	11 registry  flags: answer │ hashes: u64* │ events: event*
//	12 status    ephemeral*
//	13 ping      nonce u64 │ time u64
//	14 pong      nonce u64 │ time u64
//	15 bye       reason text
//	16 versions  flags: want │ stamp*
//
// with these parts, in which numbers that are near to each other stand as their distance (modulo 2^64, so that
// whatever is written is read back as it was, and refused for its meaning):
//
//	held         origin id │ epoch u │ head u │ head+1-run u │ run-floor u │ hlc        about 40 bytes
//	range        from u │ to-from u
//	holding      origin id │ epoch u │ head u │ head+1-floor u │ index of the head u │ hlc │ hole*
//	hole         from - the to of the hole before (the floor, for the first) u │ to-from u
//	day          the distance from the day before (0, for the first), modulo 2^32
//	event        key text │ revision u │ hlc │ node id │ body bytes
//	ephemeral    node id │ kind u8 │ epoch u │ version u │ body bytes
//	stamp        node id │ kind u8 │ epoch u │ version u                               about 27 bytes
//
// # Versions
//
// A newer version may append fields to a body, use flags that had no meaning, and add types. An older one ignores
// what stands behind the fields that it knows and the flags that it does not know, and skips and counts frames of a
// type that it does not know (ErrUnknown). So a new field, flag or type must be one that may be ignored; for anything
// else there is the version in Hello, of which both sides use the highest that both speak. What a part of a list
// gains stands in a list of its own at the end of the body. Numbers of types and places of fields are for ever:
// testdata holds what each version wrote, and is read by all later ones.
//
// To add a type: its number and struct in frame.go, its name, Type and empty in type.go, a file with Size, appendBody,
// readBody and check, a row above, samples in the tests, and a new golden file (go test -update).
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
// A frame has at most Max bytes; Append panics above it. The lists that can outgrow it go through SplitHave,
// SplitDigest, SplitRegistry, SplitStatus and SplitVersions, whose parts have at most half of it. Texts end at MaxText, events at
// MaxValue and MaxRevision, ephemeral records at MaxBody, and lists at MaxRanges, MaxHoles, MaxDays and Buckets.
//
// All functions are pure and may be called by many at a time; a Reader has one user.
package frame
