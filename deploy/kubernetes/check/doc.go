// Package check holds the manifests against the types of Kubernetes' API, and against each other. It is a module of its own, so that aNode does
// not depend on these types: make manifests runs it.
package check
