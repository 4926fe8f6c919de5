// Command cassandra runs an Apache Cassandra in the foreground until Ctrl-C, for people who try aNode's archive.
//
// Once it serves it prints where, as URLs for aNode and for cqlsh, and the directory of its data. Ctrl-C or SIGTERM ends it with exit code 0; a node
// that ends by itself ends all of it with exit code 1, and a word of why. docs/cassandra.md says what it needs of the machine.
package main
