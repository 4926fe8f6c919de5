// Package onenode is one whole node with its gateway in a test's own process: memory below,
// HTTP on a loopback port above.
package onenode
