// Package publication is how records look that clients publish, over HTTP and over WebSocket, and
// what makes drafts of them.
package publication
