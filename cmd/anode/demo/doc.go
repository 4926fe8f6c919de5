// Package demo is the command "anode demo": a mesh of several nodes on this machine, each a process of its own
// ("anode serve") on a directory below one temporary one, with feeds that the first of them serves, and a view of what
// happens that lets a person kill, pause and revive nodes.
//
// While it runs it publishes numbered records, each through a node that lives, and follows everything at one node, as any
// program can: over the API, by the client's rules, with no knowledge of its own about who is to be asked. What it says of
// missed and doubled records is counted from those numbers (count.go).
//
// On a terminal the view is redrawn in place, and keys steer it; elsewhere there is a line each few seconds. The demo's
// loop owns the model, which is pure: what happens goes in with its time, and lines for a size of terminal come out
// (view.go). Nodes end with the demo, however that ends: see child.go.
package demo
