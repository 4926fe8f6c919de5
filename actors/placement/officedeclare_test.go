package placement

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"anode/messages/command"
	"anode/messages/wire/frame"
)

// What a node yields must fit what the mesh carries of a node: else nobody would ever hear of any of it.
func TestYieldsFitARegister(t *testing.T) {
	for name, c := range map[string]struct {
		yields  int
		name    string
		reason  string
		unsaid  bool
		reasons int // how long those are that are said
	}{
		"a few, with reasons":  {20, "s", "the secret k is missing", false, 23},
		"long reasons are cut": {20, "s", strings.Repeat("<", 1024), false, mostReason + len("…")},
		"too many for reasons": {5_000, "s", strings.Repeat("x", 200), false, 0},
		"too many":             {MaxYields, strings.Repeat("s", 55), strings.Repeat("x", 200), true, 0},
		"many, with reasons":   {2_000, "s", strings.Repeat("x", 200), false, mostReason + len("…")},
	} {
		yields := make(map[string]ownYield)
		for i := range c.yields {
			yields[fmt.Sprintf("%s-%06d", c.name, i)] = ownYield{reason: c.reason}
		}
		list, unsaid := yieldsSaid(yields, 1_900_000_000_000, mostYields)
		text, err := json.Marshal(command.NodeRegister{Own: "all", Said: 1_900_000_000_000, Yields: list})
		if err != nil || len(text) > frame.MaxValue-30<<10 {
			t.Errorf("%s: %d bytes, %v", name, len(text), err)
		}
		if unsaid > 0 != c.unsaid || len(list)+unsaid != c.yields || len(list) < min(c.yields, 3_000) {
			t.Errorf("%s: %d are said, and %d are not", name, len(list), unsaid)
		}
		if !slices.IsSortedFunc(list, func(a, b command.Yield) int { return strings.Compare(a.Source, b.Source) }) {
			t.Errorf("%s: they are not in order", name)
		}
		for _, y := range list {
			if len(y.Reason) != c.reasons {
				t.Fatalf("%s: a reason of %d bytes, want %d", name, len(y.Reason), c.reasons)
			}
		}
	}
}
