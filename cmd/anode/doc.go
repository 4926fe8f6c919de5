// Command anode is a node of a real-time data mesh, and the tool to use one: "anode serve" runs
// a node, the other commands talk to one over its API.
//
// main runs the command line; each command has a file of its own, or a package where it is more
// than that (bench, demo). Commands print on stdout, a table for people or with -o json the API's
// own objects, and say on stderr what is wrong, in one line that ends with what to do.
//
// Exit codes: 0 done, 1 failed, 2 misused. The first SIGINT or SIGTERM ends a command cleanly, the
// second at once.
package main
