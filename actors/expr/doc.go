// Package expr runs jq: filters of records, programs of sources, and templates. It is the only
// package that knows the jq library.
//
// jq text comes from users, and a context does not stop the library's native functions. So all
// of it is bounded by construction:
//
//   - A Filter is the safe subset only, recognised in the parsed text and evaluated on a record's
//     raw bytes: no loops but any and all, linear work with a cap, no values that grow.
//   - A Program is any jq, rewritten before it is compiled: only functions of a fixed list are
//     let in; those whose work or result can be much larger than their input are ours, and each
//     run pays for what they make from an Allowance. A run has a deadline, a bounded number of
//     results, depth and size, and at most GOMAXPROCS runs go at once.
//   - A Template is literals and programs; a secret in it is resolved by who evaluates it.
//
// Numbers keep their text (1.10, 9007199254740993) as long as nothing computes with them.
//
// Filters, programs, templates and the Engine are safe for concurrent use. Values given to and
// got from programs are shared, never changed: callers must not change them either.
package expr
