// Package expr runs jq: filters of records, programs of sources, and templates. It is the only
// package that knows the jq library.
//
// jq text comes from users, and a context does not stop the library's native functions. So all
// of it is bounded by construction:
//
//   - A Filter is the safe subset only, recognised in the parsed text and evaluated on a record's
//     raw bytes: no loops but any and all, linear work with a cap, no values that grow.
//   - A Program is any jq, rewritten before it is compiled: every name is resolved, and only
//     functions of a fixed list are let in; those whose work or result can be much larger than
//     their input are ours, and each run pays for what they make from an Allowance. The library's
//     instructions are counted where it asks for the end of its context, a call of a function
//     that calls itself pays for its frame. At most GOMAXPROCS runs go at once, and half of
//     them are of programs that took milliseconds lately: those wait for each other. What jq
//     defines in jq is in library.jq, rewritten like any program.
//   - A Template is literals and programs; a secret in it is resolved by who evaluates it.
//
// What a run may do:
//
//	text 16 KiB · nesting of the text 4,000 · 2,097,152 instructions · 20 ms · 32 MiB made in all ·
//	texts 1 MiB · objects 131,072 members · arrays grow by index to 65,536 · patterns 1 KiB ·
//	values 1,000 deep, results 128 deep, 65,536 results of 32 MiB together
//
// Time is looked at every 16 instructions and every 16 KiB that are paid for, and counts at most
// 2.5 ms each time: a run of microseconds does not fail because the machine was busy elsewhere.
// So one hostile run may take some hundred milliseconds, and no more.
//
// Beyond jq there are $meta and $state; in a template ${secret:NAME} is a secret's text and $secret the one
// that is given without a name; and
//
//	now                   the time in ms: now / 1000 | todate
//	uuid                  a random one, version 4
//	hash(alg; x)          in hex; hash(alg; x; enc) in "hex", "base64", "base64url" or "raw"
//	hmac(alg; key; x)     likewise, and hmac(alg; key; x; enc): of a digest that is signed again
//	                      take "raw", of a key in base64 (key | @base64d)
//	jwt(claims; key)      HS256; a key in PEM signs as ES256, RS256 or EdDSA
//	jwt(claims; key; header)
//	hexint                "0x1f" is 31
//
// with alg one of md5, sha1, sha256, sha384 and sha512. Not there are functions that see the
// process or other messages (input, env, debug, halt, …), that depend on the node (localtime),
// or that have no bound (jn, yn); each is refused with the reason.
//
// Numbers keep their text (1.10, 9007199254740993) as long as nothing computes with them.
//
// Filters, programs, templates and the Engine are safe for concurrent use. Values given to and
// got from programs are shared, never changed: callers must not change them either.
package expr
