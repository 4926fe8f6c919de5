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
// A session ends when its gateway hangs up; one whose actor failed is closed, and its client
// comes again with what it has.
package subscriber
