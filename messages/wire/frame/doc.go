// Package frame holds the frames that two peers exchange over a link.
package frame
