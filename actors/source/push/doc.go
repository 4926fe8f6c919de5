// Package push is the kind of source to which senders connect: they push messages in their own format to
// the node, over HTTP or WebSocket, and each is answered when the journal has what became of it.
//
//	sender ─▶ gateway ─▶ door: token, signature ─▶ inbox (bounded) ─▶ connector: Line.FeedTold ─▶ journal ─▶ ledger ─▶ answer
//
// A connection is the time for which the source takes messages: it has no end of its own, but when the
// journal does not take records, so that nobody is told that something is stored which is not.
//
// Messages are fed one after the other, in the order in which they were pushed, and answered in that order. A
// message that repeats one that is not stored yet is a duplicate only once that one is; when that fails, both are
// refused, and pass when they are pushed again.
//
// A token or key is compared in constant time, read again at most once a second, and never shown.
package push
