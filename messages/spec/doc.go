// Package spec is the language in which a source is declared: the document as types, its
// faults, and its JSON Schema.
//
// Parse reads a document, JSON or YAML, at most MaxDocument bytes. It is strict: unknown fields,
// wrong types, broken bounds, doubled keys and literal credentials are faults, and all of them
// come back at once as Faults, each with a JSON pointer (RFC 6901). What the language has but
// this version does not run is a fault too; the table in later.go is the only place that
// knows of it. The table in rules.go says what each field may be; Parse and Schema both follow it.
//
// jq texts are not compiled here: Expressions lists them with their pointers for who has a
// compiler.
//
// The package is pure. A Spec is not changed after Parse and may be shared.
package spec
