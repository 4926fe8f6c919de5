// Package websocket reads feeds over WebSocket (RFC 6455).
//
// A connection has one goroutine that reads, and answers by the spec's rules: while an answer can't be
// written, nothing is read. A second one, the keeper, sends pings: those of the protocol by itself,
// the application's as the spec says. A third sees to the end: it says goodbye with a close frame.
// All of them are gone when Run returns.
//
// Any bytes from the feed are a sign of life, also of a message that is not whole yet.
package websocket
