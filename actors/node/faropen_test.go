package node

import (
	"errors"
	"io"
	"testing"
	"time"

	"anode/messages/command"
)

// Who opens the frames of a source on a node that stands still is told so; one that only says nothing yet is waited for.
func TestFramesOfANodeThatStandsStillAreRefused(t *testing.T) {
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		prepare func(r *farFrames, patience chan<- time.Time)
		answers error
		want    error
	}{
		"it opened":                 {func(r *farFrames, _ chan<- time.Time) { close(r.opened) }, command.ErrUnavailable, nil},
		"it refused":                {func(r *farFrames, _ chan<- time.Time) { r.err = refused; close(r.ended) }, nil, refused},
		"it ended in order":         {func(r *farFrames, _ chan<- time.Time) { r.err = io.EOF; close(r.ended) }, nil, nil},
		"it is silent, and answers": {func(_ *farFrames, p chan<- time.Time) { p <- time.Time{} }, nil, nil},
		"it is silent, about all":   {func(_ *farFrames, p chan<- time.Time) { p <- time.Time{} }, command.ErrUnavailable, command.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			r, patience := newFarFrames(func() {}), make(chan time.Time, 1)
			c.prepare(r, patience)
			if err := r.open(t.Context(), patience, func() error { return c.answers }); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}
