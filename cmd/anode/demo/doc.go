// Package demo is the command "anode demo": a whole node in this process, with data in a temporary
// directory and feeds that it serves itself, and a view of what comes in.
//
// The view is a subscriber like any other, over the node's own API. On a terminal it is redrawn in
// place; elsewhere there is a line a second.
package demo
