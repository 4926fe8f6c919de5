// Package room bounds what slow clients hold of a node's memory in total.
//
// Whoever hands bytes to a client, or takes them from one, enters a Place and says how many it
// holds. While all together are within the room's bound nothing happens, however slow a client is.
// Beyond, those that wait for longest are cut until the rest fits: so it never stops anybody who
// makes progress, and who stands still can't keep others out.
//
// A Room is safe for concurrent use. It starts no goroutine.
package room
