package command_test

import (
	"errors"
	"fmt"
	"testing"

	"anode/messages/command"
)

func TestWords(t *testing.T) {
	kinds := []error{command.ErrUnavailable, command.ErrInvalid}
	file := errors.New("open /var/lib/anode/7: permission denied")
	for want, err := range map[string]error{
		"unavailable":                            command.ErrUnavailable,
		"unavailable: it is starting":            fmt.Errorf("%w: it is starting", command.ErrUnavailable),
		"unavailable: it can't be saved":         fmt.Errorf("%w: it can't be saved: %w", command.ErrUnavailable, file),
		"answer: unavailable: it can't be saved": fmt.Errorf("answer: %w", fmt.Errorf("%w: it can't be saved: %w", command.ErrUnavailable, file)),
		"append":                                 fmt.Errorf("append: %w", file),
		"no cause":                               errors.New("no cause"),
	} {
		if got := command.Words(err, kinds); got != want {
			t.Errorf("%q, want %q of %v", got, want, err)
		}
	}
}
