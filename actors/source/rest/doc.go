// Package rest polls feeds over HTTP.
//
// A connection is a series of polls, the first at once, that ends with the first failure: the source
// then pauses and begins again. What makes an answer conditional (ETag, Last-Modified) is kept over
// connections, and only once the journal has what the answer brought: what it did not take is asked
// for again.
//
//	poll ─▶ 2xx ─▶ body ─▶ Line.Feed ─▶ Line.Settle ─▶ every + jitter, or longer if the feed asks ─▶ poll
//	     ├▶ 304 ───────────────────────────────────────▶
//	     └▶ anything else: an error with the feed's own words
package rest
