package command

import (
	"errors"
	"slices"
	"strings"
)

// Words is what an error says without its causes, those it wraps that are none of some kinds: a cause may name files and addresses of a node that are
// nobody else's to know.
func Words(err error, kinds []error) string {
	text := err.Error()
	if slices.ContainsFunc(kinds, func(kind error) bool { return kind.Error() == text }) {
		return text
	}
	for _, cause := range causes(err) {
		said := ""
		if slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(cause, kind) }) {
			said = Words(cause, kinds)
		}
		text = strings.Replace(text, cause.Error(), said, 1)
	}
	return strings.Trim(text, ": ")
}

// causes are the errors that one wraps itself.
func causes(err error) []error {
	switch e := any(err).(type) {
	case interface{ Unwrap() error }:
		if cause := e.Unwrap(); cause != nil {
			return []error{cause}
		}
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	}
	return nil
}
