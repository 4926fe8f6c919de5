// Package compose runs the project's docker-compose.yml, as it is, under a name and at ports of its own, so that a test may break what it
// likes: kill, pause and cut off nodes, take the database away, scale, and upgrade.
//
//	docker-compose.yml   the project's, unchanged
//	override             ports that are free here, and for each node a network of its own beside the one that all share:
//
//	  host ── 127.0.0.1:PORT ── edge-1 ── node-1 ┐
//	  host ── 127.0.0.1:PORT ── edge-2 ── node-2 ┼── default ── cassandra
//	  …                                          ┘
//
// A node that is cut off from default is reached by its clients still, and by no other node.
//
// # How it begins and ends
//
// Open takes away what an earlier run of the same working copy left behind, which was killed. Close takes everything away but
// the engine's build cache. Nothing of another project is touched.
//
// A Project may be used by many goroutines at once.
package compose
