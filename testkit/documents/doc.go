// Package documents judges bodies and messages by the schemas of the documents, for the tests
// of all who send and take them.
package documents
