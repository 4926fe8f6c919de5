// Package transform makes drafts of a feed's messages, as a source's spec says.
//
//	message ─▶ parse ─▶ on ─▶ where ─▶ split ─▶ map ─▶ key, native_id, time, stream ─▶ dedupe ─▶ draft
//	             │      │       │        │       │                │                      │
//	             │      └▶ send, set, fail       └▶ filtered      └▶ failed              └▶ duplicate
//	             └▶ failed      └▶ filtered
//
// Filtered is not failed: a false where, and a split or map that gives nothing, are counted. What
// fails is counted and comes with its reason and the message, for the source to report.
//
// A JSON message that neither split nor map rewrites keeps every token as it was sent, and is not
// decoded where the expressions are of the safe subset or plain paths. A text that is not JSON is
// a JSON string.
//
// A Pipeline is pure but for an injected clock; it belongs to one goroutine.
package transform
