// Package capture runs specs on captured frames, without a node and without a network: what
// `anode source try --frames` and `anode source test` do.
//
//	x.yaml             a spec
//	x.frames.ndjson    frames, as `anode source capture` writes them
//	x.records.ndjson   golden: the records that they become, a line each
//
// A Replay takes frames through the same pipeline as a source does. It is deterministic: the clock is that of the
// frames (`now`, the window of dedupe, `received`), `uuid` and signatures draw from a fixed seed. Deduplication
// begins empty, $state anew where meta.connection is another number, what limit holds comes when its interval is over,
// or at the end; what was sent is passed over, and so are
// answers that no source would take for a message: those with another status than 2xx, and empty ones.
//
// A golden line is the record's object without its id. source and received are compared only where
// the golden line has them.
package capture
