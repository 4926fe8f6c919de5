// Package registry keeps the source specs of the mesh as events.
//
// Every change of a source is an event. fold.go joins events into entries: of each source two
// registers, its spec (or that it was removed) and whether it is paused, each held by the
// event with the highest stamp (revision, clock, node). Joining is commutative and idempotent: nodes
// that have the same events, in whichever order, have the same sources. decide.go makes the
// event of a command, or says why there is none. Both are pure. change.go stores what was
// decided, in a goroutine and one change at a time, before it folds and answers, and tells the
// sources what is to run; who asks meanwhile sees the sources as they were.
//
// In the state store, values are JSON with a format version:
//
//	registry          <name>/spec, <name>/paused   the event that holds the register
//	registry-log      <number, 20 digits>          the newest 10,000 events, for people
//	registry-applied  <name>                       hash of the document last applied from --sources
package registry
