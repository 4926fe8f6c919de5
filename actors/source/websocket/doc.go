// Package websocket reads feeds over WebSocket (RFC 6455).
//
// A connection has one goroutine that reads, and answers by the spec's rules: while an answer can't be
// written, nothing is read. A keeper sends pings: those of the protocol by itself, the application's as the
// spec says; its goroutine lives while it sends. So does that which sends what is left of many open frames, and
// that which says goodbye with a close frame. All of them are gone when Run returns.
//
// To renew a connection there are two for a while, of which each has a goroutine; their messages go
// through the pipeline one at a time, each with the $state of its own connection:
//
//	old ──────────────────────────────────── close ▶
//	            renew ▶ new: open frames ── 5 s ──┴──────────▶
//
// Any bytes from the feed are a sign of life, also of a message that is not whole yet.
package websocket
