// Package history reads the records of one stream in order of (received ms, origin, position),
// either way, merged over all origins and epochs that a journal holds.
//
//	origin a, epoch 7   ──refs──▶ track ─┐
//	origin a, epoch 9   ──refs──▶ track ─┼─▶ merge ─▶ walk: unique, page, cursor
//	origin b, epoch 3   ──refs──▶ track ─┘
//
// Within an epoch of an origin readings grow with positions, between epochs they need not.
// So each (origin, epoch) is a track of its own. A track asks the journal's indexes for a
// stretch of time that it makes longer where nothing is found, and opens a batch only when
// the merge has come to it: a page costs what it gives, whatever is held, and a walk keeps one
// batch a track and some names.
//
// A walk gives what was held when it began: of each origin what stands at or below its head
// then. What retention takes meanwhile, and what is damaged, is left out and counted
// (Stats). A record is given at most once, over all pages.
//
// # Pages
//
// A page token has the question, the key of the record given last and the heads at the
// beginning. The server keeps nothing. It carries a checksum, so that garbage is refused; it
// is no secret and proves nothing, and its stream must be the one that is asked for.
//
// # Cursors
//
// Ascending, a cursor stands in each origin on the last place of its line below which all was given.
// Lines and clocks may disagree between epochs, and there may be holes that can still be filled:
// there it stands lower, and a subscription gives some records again rather than none.
// Descending, it stands at the heads of the beginning, but not beyond a hole that is younger
// than two minutes.
//
// # Unique
//
// A record is left out when one of the 100,000 identities given last equals its own. A page
// that goes on reads back up to 10,000 records for them.
//
// History is safe for concurrent use, a walk is not. Nothing here starts a goroutine.
package history
