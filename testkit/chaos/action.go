package chaos

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Action is one thing that is done to a mesh. Its String is how a script shows it.
type Action interface {
	fmt.Stringer
	do(ctx context.Context, r *run) error
}

// Step is an action and when it is done, from the beginning of the script.
type Step struct {
	At     time.Duration
	Action Action
}

// Script is what is done to a mesh, in order. An action that takes its time holds up those behind it.
type Script []Step

// String has a step a line.
func (s Script) String() string {
	var b strings.Builder
	for _, step := range s {
		fmt.Fprintf(&b, "%6.1fs  %s\n", step.At.Seconds(), step.Action)
	}
	return b.String()
}

// StartNode starts a node, unless it runs.
type StartNode struct{ Node int }

func (a StartNode) String() string { return fmt.Sprintf("start %d", a.Node) }

func (a StartNode) do(ctx context.Context, r *run) error {
	defer r.fence.open(a.Node)
	return r.mesh.Node(a.Node).Start(ctx)
}

// KillNode is kill -9.
type KillNode struct{ Node int }

func (a KillNode) String() string { return fmt.Sprintf("kill -9 %d", a.Node) }

func (a KillNode) do(_ context.Context, r *run) error {
	r.mesh.Node(a.Node).Kill()
	return nil
}

// StopNode is SIGTERM, and waits for a clean end.
type StopNode struct{ Node int }

func (a StopNode) String() string { return fmt.Sprintf("stop %d", a.Node) }

func (a StopNode) do(ctx context.Context, r *run) error { return r.mesh.Node(a.Node).Stop(ctx) }

// FreezeNode is SIGSTOP.
type FreezeNode struct{ Node int }

func (a FreezeNode) String() string { return fmt.Sprintf("freeze %d", a.Node) }

func (a FreezeNode) do(_ context.Context, r *run) error { return r.mesh.Node(a.Node).Freeze() }

// ThawNode is SIGCONT.
type ThawNode struct{ Node int }

func (a ThawNode) String() string { return fmt.Sprintf("thaw %d", a.Node) }

func (a ThawNode) do(_ context.Context, r *run) error { return r.mesh.Node(a.Node).Thaw() }

// WipeNode kills a node and empties its disk, when what it has acknowledged is held by another node that runs (else it
// only kills it, and the run says so). With its key it comes back as who it was, else as a new node.
type WipeNode struct {
	Node    int
	KeepKey bool
	// AtOnce waits for nobody: for meshes whose nodes acknowledge what another one holds (--ack peer).
	AtOnce bool
}

func (a WipeNode) String() string {
	text := fmt.Sprintf("kill -9 %d, and empty its disk", a.Node)
	if a.KeepKey {
		text += " but for its key"
	}
	if a.AtOnce {
		text += ", at once"
	}
	return text
}

// coverPatience is how long a wipe waits for others to hold what its node has acknowledged.
const coverPatience = 5 * time.Second

func (a WipeNode) do(ctx context.Context, r *run) error {
	n := r.mesh.Node(a.Node)
	covered := a.AtOnce
	if !covered {
		r.fence.close(a.Node) // StartNode opens it
		covered = r.covered(ctx, n, coverPatience)
	}
	n.Kill()
	if !covered {
		r.logf("node %d keeps its disk: no other node holds all that it has acknowledged", a.Node)
		return nil
	}
	r.wiped(n.ID())
	return n.Wipe(a.KeepKey)
}

// SetWays sets the ways between two groups of nodes: in both directions, or only from A to B. It needs a mesh via Proxied.
type SetWays struct {
	A, B   []int
	Way    Way
	OneWay bool
}

func (a SetWays) String() string {
	arrow := "↔"
	if a.OneWay {
		arrow = "→"
	}
	return fmt.Sprintf("ways %s %s %s: %s", group(a.A), arrow, group(a.B), a.Way)
}

func group(nodes []int) string {
	words := make([]string, len(nodes))
	for i, n := range slices.Sorted(slices.Values(nodes)) {
		words[i] = fmt.Sprint(n)
	}
	return strings.Join(words, ",")
}

func (a SetWays) do(_ context.Context, r *run) error {
	if r.mesh.Ways == nil {
		return fmt.Errorf("nothing lies between the nodes of this mesh: %s", a)
	}
	for _, i := range a.A {
		for _, j := range a.B {
			r.mesh.Ways.Set(i, j, a.Way)
			if !a.OneWay {
				r.mesh.Ways.Set(j, i, a.Way)
			}
		}
	}
	return nil
}
