//go:build !linux

package chaos

import "io"

// reserve has a port of a host for oneself, where the system can do that.
func reserve(string, int) (io.Closer, error) { return io.NopCloser(nil), nil }
