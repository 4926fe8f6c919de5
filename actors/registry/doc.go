// Package registry keeps the source specs of the mesh as events, and what else all nodes are to know: what nodes say of themselves,
// and who is banned.
//
//	commands ──▶ decide ──▶ store ──▶ fold ──▶ spread ──▶ the mesh
//	                          ▲         └────▶ who runs sources, who watches nodes and bans
//	the mesh ──▶ heard ──▶ weigh
//
// Every change of a source is an event. fold.go joins events into entries: of each source two
// registers, its spec (or that it was removed) and whether it is paused, each held by the
// event with the highest stamp (revision, clock, node; then its bytes). Joining is commutative and idempotent: nodes
// that have the same events, in whichever order, have the same sources. others.go does the same for registers of no source,
// whose values are replaced whole, and for those that a later version has. decide.go makes the
// event of a command, or says why there is none; heard.go says which of the events that came count; lineage.go, which of two
// edits knew the other. All of these are pure. change.go stores what was
// decided or heard, in a goroutine and one batch at a time, before it folds, tells and answers; who asks meanwhile sees the
// sources as they were. What was heard goes first, so that an edit knows it.
//
// # What may come
//
// Who has the mesh's secret may send anything. An event that can't be read, or is not what its key and stamp say, holds its register
// all the same, so that all agree: it is shown as failed, kept byte by byte, passed on, and replaced by the next edit. A revision
// above 2^53 travels in no frame; at 2^53 itself a register can't be edited any more, and who tries is told so. Of a source that
// is so in its spec the pause can still be written. Clocks of other nodes move nothing here: a revision above decides, whatever they say.
//
// # What is stored
//
// In the state store, values are JSON with a format version:
//
//	registry          <name>/spec, <name>/paused   the event that holds the register
//	registry-held     <key in the mesh>            the value of every other register, with its stamp
//	registry-log      <number, 20 digits>          the newest 10,000 events of sources, for people
//	registry-applied  <name>                       hash of the document last applied from --sources
//	registry-meta     horizon                      the highest revision of a removal that was forgotten
//
// In the mesh, the keys of registers are
//
//	source/<name>/spec, source/<name>/paused   the event as it is stored
//	node/<id>                                  {"v":1,"own","labels","said","yields":[{"source","until","reason","level"}]}, by that node only
//	ban/<id>                                   {"v":1,"banned","at","by"}
//
// Of removals the newest 10,000 are kept. A new registration is numbered above all that were forgotten, so that it wins over what
// other nodes still have of one.
package registry
