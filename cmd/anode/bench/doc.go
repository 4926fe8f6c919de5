// Package bench is "anode bench": what a node can do on this machine.
//
// A benchmark starts the node as a process of its own (this program's "serve", with a fresh data
// directory), or uses one that runs already, and loads it from here, so that the node's
// processor time and memory, which it tells at /metrics, are its alone. Those who subscribe are
// as cheap as they can be: a goroutine that counts frames as they come off the socket, and reads
// the time of sending out of a few of them.
//
// "fanout --baseline" measures beside it what people write by hand: a broadcast loop over
// gorilla/websocket with a goroutine and a buffered channel for each connection, which promises
// nothing: no journal, no position, and what does not fit a channel is dropped. It runs in the same run, on
// the same machine, with the same messages and the same readers.
package bench
