//go:build !linux

package cassandra_test

// mortalDir and mortal are of a test that only Linux has.
const mortalDir = "ANODE_CASSANDRA_MORTAL"

func mortal(string) {}
