// Package e2e has only tests: they run the built program as people do, in processes of its own, and
// break it. They speak the protocol by themselves, without the client package, so that a mistake
// on one side is not made on the other too.
//
// The short form of each runs with all tests; ANODE_LONG=1 runs them at full length. Every test
// prints its seed, and ANODE_SEED=n repeats one. Those that kill wait more than they work, and run together, after those that
// measure how long something takes.
package e2e
