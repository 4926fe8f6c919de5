//go:build !linux

package state

// reserve is for systems that can.
func reserve(string) {}
