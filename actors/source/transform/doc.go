// Package transform makes drafts of a feed's messages, as a source's spec says.
//
//	message ─▶ parse ─▶ on ─▶ where ─▶ split ─▶ map ─▶ key, native_id, time, stream ─▶ schema ─┐
//	             │      │       │        │       │                │                     │     │
//	             │      └▶ send, set, fail       └▶ filtered      └▶ failed             └▶ failed
//	             └▶ failed      └▶ filtered                                                   │
//	                                draft ◀─ limit ◀─ sequence ◀─ dedupe ◀────────────────────┘
//	                                          │         │            │
//	                                  held, limited   holes      duplicate
//
// Filtered is not failed: a false where, and a split or map that gives nothing, are counted. What
// fails is counted and comes with its reason and the message, or the row or line of it, for the source to
// report.
//
// A JSON message that neither split nor map rewrites keeps every token as it was sent. A message is
// not decoded where the expressions are of the safe subset or plain paths. A text that is not
// JSON is a JSON string; bytes are the content of the draft as they are, and base64 in expressions.
//
// What a message may make is bounded: drafts are handed over in pieces, values are 131,072 for a
// decoded message, and it is given up when programs ran out of what they may use ten times.
//
// A Pipeline is pure but for an injected clock, and for the patience of jq and of schemas, which
// is real time; one at a time works with it. What it knows of dedupe, sequence and limit outlives
// connections; what the journal did not store is taken back from each of them by Forget.
package transform
