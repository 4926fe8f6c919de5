// Package memory keeps what storage promises in memory: a Journal and a State without a disk,
// for tests and for nodes that need not outlive their process; and an Archive for tests. All behave like the others,
// but that nothing survives, and both are safe for concurrent use.
package memory
