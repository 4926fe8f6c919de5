// Package feeds has servers that misbehave like real feeds, for tests of whoever reads feeds.
//
// A Server listens on loopback and serves handlers. Socket is the handler of WebSocket feeds: each
// connection plays a Script, and what clients sent is kept. REST is the handler of polled feeds:
// each path and query has answers in order. What they send comes from a Capture of a real feed,
// from a seeded Generator whose ids tell what is missing (Tally), or from the test itself.
//
//	Capture ──Replay──▶ Step ─┐                          ┌─▶ REST   answers by path and query
//	Generator ─Stream─▶ Step ─┼─▶ Script ─▶ Socket ─▶ Server
//	faults ───────────▶ Step ─┘                          └─▶ Rewrite(url) leads here
//
// Flowing is the handler of an answer that comes bit by bit, such as server-sent events; it plays parts.
//
// Faults of a connection are steps: Silence, Garbage, Oversize, HalfClose, Cut, CutInFrame, Drip,
// Close. Faults of an answer, or of a handshake, are plain HTTP handlers: Hang, Dribble, CutBody,
// TooMany, Big, Redirect. A test adds its own of either: a Step is a function of a Conn.
//
// All is deterministic but for the clock and the network: no step draws a random number
// outside of a Generator. Everything here is safe for concurrent use, but for a Generator and
// a Tally, which belong to one goroutine. Server.Close ends what is open and waits for it.
package feeds
