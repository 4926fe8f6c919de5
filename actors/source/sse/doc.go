// Package sse reads feeds that are one long HTTP answer: server-sent events, as the HTML standard
// defines them (WHATWG HTML, section 9.2), and JSON a line.
//
//	GET ─▶ 200 text/event-stream ──────────▶ events ─┐
//	    ├▶ 200 application/x-ndjson, …  ───▶ lines ──┼▶ Line.Feed ─▶ … ─▶ the end ─▶ a pause ─▶ GET
//	    ├▶ 204: the feed has nothing to give; it is asked again in an hour
//	    └▶ anything else: an error with the feed's own words
//
// How an answer is read is told by its content type:
//
//	text/event-stream                                     events; what each has as data is a message
//	application/x-ndjson, application/ndjson,
//	application/jsonl, application/x-jsonlines,
//	application/stream+json                               a message a line, ended by LF; empty lines are none
//	application/json-seq (RFC 7464)                       the same, after RS: texts of several lines are not read
//	anything else where parse is ndjson or lines          a message a line
//	anything else                                         an error that says so
//
// Of events: lines end with CR, LF or CRLF; a byte order mark is passed over; comments are signs of
// life and nothing else; an event without data is none; what follows the last empty line is no event.
// $meta.event is its name, "message" where it has none; $meta.id is the last id that the feed
// gave, as the standard says, so that an event without one has that of an event before it. sse.events
// selects by name; lines have no name and are not selected. retry: is a wish for the pause after the
// connection, be its end in order, and bounded by a day.
//
// The next connection sends as Last-Event-ID the id up to which the journal has everything. Ids with
// control characters, and those above 64 KiB, are passed over: no header can have them.
//
// A message above 16 MiB is passed over and reported; one that has no end after four times as much
// ends the connection. There is no time-out but for silence: the answer's head is awaited for a minute,
// or as long as the clocks of liveness allow; then they alone count.
//
// With items, an address or header that uses .item makes one stream of each, at most a hundred, all at
// once; each has its own Last-Event-ID. Where none does there is one stream, and templates see .items.
package sse
