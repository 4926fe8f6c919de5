// Package session is the gateway's side of subscribers' connections: WebSocket with the
// subprotocol anode.v1.json, and server-sent events.
//
// A handler takes the connection out of the HTTP server and returns, so that nothing of the
// request is kept. One goroutine reads what the client sends, with a small buffer, and asks the
// session; all that is written goes through the Outlet, which the hub's loop alone uses.
// Control frames and answers too: they are queued on the session's seat in order with all else.
//
// A client that asks without reading is not read either: the goroutine waits until what was
// queued for it is nearly written, and for at most 256 of its publishes to be answered.
//
// Senders to push sources have WebSockets of their own, without a session (ServePush): one goroutine reads, another
// writes what became of the messages. Of at most 64 the answer is missing, or what the source's rules send unwritten;
// a sender that does not read is not read on.
package session
