// Package local runs a whole node in the process of a test: the one that anode serve runs, on a
// directory and ports of its own.
//
//	n, err := local.Start(ctx, local.Config{Args: []string{"--demo"}})
//	…
//	resp, err := http.Get(n.URL() + "/api/v1/status")
//	…
//	err = n.Close()
//
// A Node is safe for concurrent use. Restart stops it cleanly and starts it on the same directory; a
// process that is killed needs a process, and is not for this package.
package local
