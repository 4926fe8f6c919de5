// Package app is a whole node as a function: it opens the data directory, starts the
// actors and the gateway, and serves until its context ends. The command runs it, and so do
// tests that want a real node in their own process.
//
// What it opens it closes, in reverse order. A shutdown takes no new requests, ends sources and closes
// subscribers with 4503 first, then stores what sources had and answers what was taken, and syncs the
// journal last.
package app
