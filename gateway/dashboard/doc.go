// Package dashboard serves the page of a node: what was built out of web/, which the program carries with it.
//
//	web/   the sources (Svelte, TypeScript; what decides stands in src/lib, with its tests), built by `make web`
//	dist/  what came of them: index.html, assets/ whose names hold a hash of what they are, and sources.sha256, the
//	       sums of all files of web/ that it was built of
//
// `go build` needs nothing else. A test holds dist against web/ by those sums: a build that is stale fails without Node.
//
// # What a browser is told
//
// The page may run scripts and styles of its own node alone, nothing that stands in the page itself, is in no frame, and tells
// nobody where it was. It may connect to its own node and to those of the mesh, which are named one by one as they are when it
// is loaded. What has a hash in its name is kept for ever, all else is asked for again each time, and costs an answer of no bytes
// where it is the same. Answers are compressed once, when the first is asked for.
//
// What is wrong with an address that somebody opened is told on a page of its own (Fault), out of fault.html and what web/public
// has for it, under the same policy.
//
// Everything here is safe for concurrent use.
package dashboard
