// Package problem is how the gateway says that something is wrong: RFC 9457 documents, and
// the one table that maps the errors of a node to status, code and words.
package problem
