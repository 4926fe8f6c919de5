package node

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"anode/messages/command"
	"anode/messages/spec"
	"anode/messages/units"
)

// mostDetail is how many bytes of another node's words are passed on, mostSpecFaults how many faults of a spec.
const (
	mostDetail     = 1 << 10
	mostSpecFaults = 101
)

// fault is an error over a link.
type fault struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	// Spec are the faults of a spec, where it is one.
	Spec []spec.Fault `json:"spec,omitempty"`
}

// faultKinds are the errors that keep their meaning over a link, by their codes.
func faultKinds() map[string]error {
	return map[string]error{
		"not_found": command.ErrNotFound, "unavailable": command.ErrUnavailable, "conflict": command.ErrConflict, "too_many": command.ErrTooMany,
		"invalid": command.ErrInvalid,
	}
}

// faultOf is an error for another node, and whether that is told all of it: not the causes of what is this node's fault, as they may name its files
// and addresses. Of an error of no kind nothing is.
func faultOf(err error) (f *fault, whole bool) {
	var faults spec.Faults
	if errors.As(err, &faults) {
		return &fault{Code: "invalid", Detail: "the spec has faults", Spec: faults[:min(len(faults), mostSpecFaults)]}, true
	}
	all := faultKinds()
	for _, code := range []string{"not_found", "unavailable", "conflict", "too_many", "invalid"} {
		if !errors.Is(err, all[code]) {
			continue
		}
		f := &fault{Code: code, Detail: err.Error()}
		if code == "unavailable" {
			f.Detail = command.Words(err, slices.Collect(maps.Values(all)))
		}
		return f, f.Detail == err.Error()
	}
	return &fault{Code: "unavailable", Detail: "the node that was asked failed to answer; its log says why"}, false
}

// err is the error again. What a peer says is cut, and is text.
func (f *fault) err() error {
	if len(f.Spec) > 0 {
		var faults spec.Faults
		for _, one := range f.Spec[:min(len(f.Spec), mostSpecFaults)] {
			faults = append(faults, spec.Fault{Path: clean(one.Path), Message: clean(one.Message)})
		}
		return faults
	}
	kind := faultKinds()[f.Code]
	if kind == nil {
		kind = command.ErrUnavailable
	}
	return remoteError{kind, clean(f.Detail)}
}

// clean is what is passed on of a peer's words.
func clean(text string) string { return units.Clip(strings.ToValidUTF8(text, "�"), mostDetail) }

// remoteError is an error that another node had, in its words.
type remoteError struct {
	kind error
	text string
}

func (e remoteError) Error() string { return e.text }
func (e remoteError) Unwrap() error { return e.kind }
