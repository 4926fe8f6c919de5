// Package history reads the records of one stream in order of (received ms, origin, position),
// either way, merged over all origins and epochs that a journal and an archive hold. What both hold is given once.
//
//	journal: origin a, epoch 7   ──refs──▶ held ──┐
//	journal: origin a, epoch 9   ──refs──▶ held ──┤
//	archive: origin a, a time    ──rows──▶ shelf ─┼─▶ merge ─▶ walk: unique, page, cursor
//	journal: origin b, epoch 3   ──refs──▶ held ──┤
//	archive: who else is there?  ────────▶ scout ─┘
//
// Within an epoch of an origin readings grow with positions, between epochs they need not.
// So each (origin, epoch) is a track of its own. A track asks the journal's indexes for a
// stretch of time that it makes longer where nothing is found, and opens a batch only when
// the merge has come to it: a page costs what it gives, whatever is held, and a walk keeps one
// batch a track and some names.
//
// A walk gives what was held when it began: of each origin what stands at or below its head
// then. What retention takes meanwhile, and what is damaged, comes from the archive; what that has not either is left out
// and counted (Stats). A record is given at most once, over all pages.
//
// # Archive
//
// The archive is asked for the times of which the journal lacks something, and for no others: below what retention took,
// and where there are holes that are older than two minutes. When these times are is read from the batches beside
// them. So a question about what was received lately asks the journal alone, and is answered while the archive is
// away; one that comes to a time for which it is needed waits Config.Patience for it, and is then told
// command.ErrUnavailable. What counts as held of the archive is what was confirmed:
//
//   - of an origin that the journal knows, what stands at or below its head in the journal;
//   - of one that it does not know, what stands at or below the highest that is confirmed when the walk comes to where
//     there may be some.
//
// Origins and epochs of which the journal knows nothing are looked for below the time up to which retention took
// something, or below the first record that is held where that is later, and given up to there: the journal knows
// whatever is newer. A walk that is descending has the archive name them when it begins, once a minute at most, for
// its cursor; it waits a second for that, and does without.
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
// there it stands lower, and a subscription gives some records again rather than none. Where the archive has what was
// not given, it stands before the first of that on the line; what neither has when the walk passes, and the archive
// gets later, is not behind it.
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
