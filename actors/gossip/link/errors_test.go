package link

import (
	"errors"
	"fmt"
	"testing"
)

func TestEachReasonHasANameAndAnError(t *testing.T) {
	seen := make(map[string]bool)
	for r := range Reasons {
		if r.String() == "" || seen[r.String()] {
			t.Errorf("reason %d is called %q", r, r)
		}
		seen[r.String()] = true
		if r != ReasonOther && ReasonOf(fmt.Errorf("behind: %w", reasons[r].err)) != r {
			t.Errorf("%s is not the reason of its own error", r)
		}
	}
	if ReasonOf(errors.New("x")) != ReasonOther || Reasons.String() != "other" {
		t.Error("what has no reason is other")
	}
}

func TestAConfigTellsAllItsFaults(t *testing.T) {
	_, err := NewEndpoint(Config{MaxHandshakes: -1})
	if err == nil {
		t.Fatal("it was accepted")
	}
	if joined, ok := errors.Unwrap(err).(interface{ Unwrap() []error }); !ok || len(joined.Unwrap()) != 4 {
		t.Errorf("not four faults: %v", err)
	}
	good := configOf(t, "a")
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}
