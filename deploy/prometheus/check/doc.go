// Package check holds Prometheus's alerts, and the board's queries, against Prometheus's own parser and engine, and against what two real nodes tell.
// It is a module of its own, so that aNode does not depend on Prometheus: make alerts runs it.
package check
