// Package rest polls feeds over HTTP.
//
// A connection is a series of polls, the first at once, that ends with the first failure: the source
// then pauses and begins again. What makes an answer conditional (ETag, Last-Modified) is kept over
// connections, for each item, and only once the journal has what the answer brought: what it did not take is
// asked for again.
//
//	poll ─▶ page ─▶ 2xx ─▶ body ─▶ Line.Feed ─▶ Line.Settle ─▶ the next page ─▶ … ─▶ the next poll
//	             ├▶ 304 ──────────────────────────────────────────────────────────▶
//	             └▶ anything else: an error with the feed's own words
//
// Items are targets of their own: at most four are asked at once (one where there are pages), each at its place in
// every interval. The first round goes quickly, an item a second or as often as the pace is. What is about an
// item (404, 400, 500 and the like) is reported and others go on, until five items in a row fail; what is about
// the feed (401, 403, 407, 408, 429, 503, no answer) ends the connection, and the item comes last in the next. Where
// templates use .items and none .item, all are asked for with one request.
//
// Cron has five fields, or is @hourly, @daily, …; times are UTC, and what was missed while the node did
// not run is not made up for, but that the first poll is at once. Items follow each other by a second then.
//
// Pages. A walk ends where there is no next page, with the page for which until holds, after max pages, or
// with a report where a place comes twice or is on another host. Where a page fails, the next connection
// goes on with that page; after its place is gone (4xx), after five failures, and where the source has an
// incremental state, it begins anew. With until: seen a walk that did not end, be it for the end of the
// process, is walked again down to what was known before it began (Line.Walk). Between pages only Retry-After and
// a spent rate limit make a pause. Only first pages are conditional, and only once the walk came to its end.
package rest
