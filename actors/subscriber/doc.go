// Package subscriber is the control of connections that subscribe: an actor for each session,
// below one that makes them.
//
// A session's actor decides what its client asks (which streams, from where, with which
// filter) and reads the journal for the subscriptions that are not live: each has at most
// one reader, a goroutine that walks every origin by the reading rule, gives the hub what it
// finds as fast as the client takes it, and hands the subscription over when it has caught
// up. Delivery itself is the hub's.
//
//	Subscribe ──▶ actor ──start──▶ reader ──Batch, Gap──▶ Feed ──▶ loop
//	                 ▲                └──Attach, Live──▶ (live)
//	                 └── Lagged, Behind ◀──────────────────┘
//
// What the journal has dropped or given up a reader asks an archive for, if there is one (storage/replay), before it is a gap; and
// there it finds origins that only the archive knows. What needs an archive that is away is left out of the live
// subscription, as an origin that waits for a hole is; the session asks again, later. A reader of such origins makes room, after
// a second, for others that the subscription leaves out, and for the subscription itself when it has lagged.
//
// A session ends when its gateway hangs up; one whose actor failed is closed, and its client
// comes again with what it has.
package subscriber
