// Package actor is aNode's face of protoactor-go, and the only package that imports it.
//
// An actor is a value with a Receive method, made anew by its Spec for each incarnation. A
// Ref names it over all incarnations. When an incarnation fails (a panic in Receive, an error
// of Started, of an owned goroutine, or given to Fail) it is stopped with its children, and
// its parent makes the next one after a pause that doubles up to a bound, with full
// jitter, for ever. Nothing else is disturbed.
//
//	Tell ──▶ admission ──▶ mailbox ──▶ shell ──▶ Receive
//	        (counts, bytes)             │ panic: note, stop
//	                                    ▼
//	        parent's shell ◀── terminated ── backoff ──▶ new incarnation, same Ref
//
// A mailbox is bounded by its Spec: a message that does not fit is refused, which Tell
// answers with false and the metrics count. What waits in the mailbox of an incarnation
// that fails is lost with it, and each question among it is answered with an error: Ask
// never hangs beyond its context.
//
// Receive runs on one goroutine at a time and must not block. I/O is done in goroutines
// started by Context.Go, which end with the incarnation. A Context belongs to its actor's
// goroutine; a Ref is safe for all.
package actor
