package expr

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// A machine that is busy with others makes runs stand still: that is not their fault.
func TestRunsMayStandStill(t *testing.T) {
	a := Allowance{left: maxMade, steps: maxSteps, patience: patience, looked: time.Now().Add(-time.Hour), parent: context.Background()}
	for range 7 {
		if a.look(); a.err != nil {
			t.Fatal(a.err)
		}
		a.looked = time.Now().Add(-time.Hour)
	}
	if a.look(); !errors.Is(a.err, errTime) {
		t.Errorf("after standing still %d times: %v", 8, a.err)
	}
}

func TestObjectsAreBounded(t *testing.T) {
	one := bigObject()
	if _, err := Decode([]byte(one[:len(one)-2] + `,"b":1}}`)); !errors.Is(err, errMembers) {
		t.Errorf("decoded: %v", err)
	}
	for _, text := range []string{`.o + {b: 1}`, `[.o, {b: 1}] | add`, `.o.b = 1`} {
		if _, err := results(t, newEngine(), text, one); err == nil || !strings.Contains(err.Error(), errMembers.Error()) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
