// Package jsontext reads JSON (RFC 8259) as text: it checks it, drops the whitespace between its
// tokens and finds values in it, without decoding, so that every token stays byte for byte
// as its sender wrote it.
//
// Compact is for bytes of unknown origin and reports the offset and the nature of the first
// fault. The readers (Kind, Member, Scanner, AppendText, EqualText) are for bytes that Compact
// made: on others they give wrong answers, but neither panic nor loop. Nothing here allocates
// besides the destination that the caller gives, and no function keeps its input.
//
// The package is pure and safe for concurrent use.
package jsontext
