//go:build !unix

package state

import "os"

// flock does nothing here: the lock that bbolt takes of state.db keeps others out, and Open
// then says storage.ErrLocked.
func flock(*os.File) error { return nil }
