// Package clustersecret gives a node the keys of its mesh: from a file that nodes may share, from the environment, or, on
// loopback, from nothing.
//
// The form is text, one secret a line; space around it, empty lines and those that begin with # do not count:
//
//	# new, since May
//	9Bnnhd0pD4oGv1pMLl…
//	# still accepted
//	bPSmlv0d5d3k5hJuJj…
//
// The first is used, all are accepted. A secret is the line as it stands: base64 is not decoded.
//
// A file that is not there is made, once: it is written beside its place and linked to it, which the first of many does and
// the others are refused, who then read what the first wrote. Nobody sees half a file.
//
// While the node runs the file is read again when keys are asked for, at most each second. Content that can't be used leaves the
// keys as they were, and is logged once. No error and no line of the log has any part of a secret.
package clustersecret
