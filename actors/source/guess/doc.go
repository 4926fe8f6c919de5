// Package guess makes a spec of what a feed sends: how messages are parsed, the array to split, key, native id, time,
// stream, and how often to ask. It is pure.
//
//	messages ─▶ parse ─▶ rows ─▶ leaves of the rows ─▶ time, native id, key ─▶ stream, dedupe ─▶ spec
//	                      │
//	                      └ the largest list of objects, also nested; tables of columns and rows, of parallel
//	                        lists, with a first row of names; objects by name
//
// Names and values count together: a time must be one that can be read, an id must not come twice. What is
// guessed says why in remarks. A guess is a beginning: it runs, and people go on with it.
package guess
