// Package chaos runs real anode processes as one mesh, breaks them by a script, lets clients work meanwhile, and looks
// afterwards whether what the clients saw is what aNode promises.
//
//	m, err := chaos.Start(ctx, chaos.Config{Nodes: 5, Binary: program, Dir: dir, Via: chaos.Proxied})
//	defer m.Close()
//	script := chaos.Draw(chaos.Draft{Seed: 7, Nodes: 5, Length: time.Minute, Ways: true})
//	result, err := chaos.Run(ctx, m, chaos.Plan{Seed: 7, Script: script, Publishers: 4, Rate: 20, Readers: 4})
//	for _, fault := range result.Faults { … }
//
//	publishers ──▶ ┌──────┐ proxy ◀──▶ proxy ┌──────┐ ──▶ readers
//	   (any node,  │ node │ ◀──────────────▶ │ node │     (move between nodes,
//	    till acked)└──────┘                  └──────┘      with their cursors)
//	        │          ▲                         ▲              │
//	        └──────────┼──────── History ◀───────┼──────────────┘
//	                   └──── Script: kill, freeze, wipe, cut, …
//
// The clients speak the protocol by themselves, over plain HTTP and WebSocket: a mistake in the client package is not made
// here too.
//
// # Faults
//
//	kill -9, a clean stop, start     any system
//	freeze and thaw                  SIGSTOP and SIGCONT: any Unix
//	an empty disk                    with the node's key or without; only when others hold what it has acknowledged
//	ways cut, holed, delayed, narrow Via Proxied: Linux, where /proc tells which node a connection is of
//
// Ways are one proxy before each node, at the address that it advertises, and have a setting for each direction between
// two nodes. What is different from a real network: a connection through a hole is accepted, and then silent; what was sent
// into a hole comes when it is filled, at once and not when TCP tries again; with a hole in one direction the other still
// works, where TCP would stand still for want of acknowledgements. No datagram is lost but in a hole, or for want of room.
//
// # Scripts
//
// Draw draws one from a seed: the same seed gives the same script, and it prints as a line a step. Each fault in it ends,
// most nodes live at any time, and in the last 15 s nothing parts them. What the processes and clients do meanwhile is not the same twice: a seed
// that failed is tried more than once. A Script is a slice and can be written by hand, too.
//
// # What is checked
//
// Check is pure: it takes a History and names each broken promise, and is of use for histories that were recorded in another
// way. Promises are the constants of this package: nothing that was acknowledged is lost; all nodes hold the same; of one origin
// positions follow the order of publishing, and no native id is there twice; in a subscription nothing comes twice,
// below the cursor or out of order; over moves nothing is missing that no gap names. Run adds that all of that is so in time (Plan.Converge).
//
// # Concurrency
//
// A Mesh, its Nodes and its Ways are for many goroutines. Close ends all processes and waits for all goroutines. Nodes die with the
// process that started them (Linux).
package chaos
