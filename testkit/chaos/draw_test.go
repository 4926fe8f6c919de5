package chaos

import (
	"testing"
	"time"
)

func TestEveryFaultThatIsDrawnEnds(t *testing.T) {
	for seed := range uint64(300) {
		const nodes, length = 5, 2 * time.Minute
		script := Draw(Draft{Seed: seed, Nodes: nodes, Length: length, Ways: true})
		if script.String() != Draw(Draft{Seed: seed, Nodes: nodes, Length: length, Ways: true}).String() {
			t.Fatalf("seed %d gives two scripts", seed)
		}
		down := make(map[int]bool)
		wrong := 0
		var before time.Duration
		for _, step := range script {
			if step.At < before || step.At > length {
				t.Fatalf("seed %d: %s comes after %s", seed, step.At, before)
			}
			before = step.At
			switch a := step.Action.(type) {
			case KillNode:
				down[a.Node] = true
			case StopNode:
				down[a.Node] = true
			case FreezeNode:
				down[a.Node] = true
			case WipeNode:
				down[a.Node] = true
			case StartNode:
				delete(down, a.Node)
			case ThawNode:
				delete(down, a.Node)
			case SetWays:
				if wrong++; a.Way == (Way{}) {
					wrong -= 2
				}
				if (a.Way.Hole || a.Way.Cut) && step.At > length-calm {
					t.Errorf("seed %d parts nodes at %s of %s", seed, step.At, length)
				}
			}
			if len(down) > nodes/2 || wrong < 0 || wrong > 1 {
				t.Fatalf("seed %d: at %s %d nodes are down, %d ways wrong", seed, step.At, len(down), wrong)
			}
		}
		if len(down) > 0 || wrong != 0 {
			t.Fatalf("seed %d: at the end %d nodes are down, %d ways wrong", seed, len(down), wrong)
		}
		if len(script) < 20 {
			t.Fatalf("seed %d: %d steps in %s are little", seed, len(script), length)
		}
	}
}
