package chaos_test

import (
	"sync"
	"testing"
)

// So many meshes are at once: where tests are short they mostly wait for nodes that join.
const atOnceShort, atOnceLong = 7, 2

// TestSourcesOfAMesh has real nodes read a feed that counts who reads it, each test a mesh of its own.
func TestSourcesOfAMesh(t *testing.T) {
	t.Parallel()
	free := make(chan struct{}, atOnceShort)
	if long() {
		free = make(chan struct{}, atOnceLong)
	}
	var tests sync.WaitGroup
	for _, test := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"two owners miss nothing", twoOwners},
		{"many sources are even, and move only where they must", many},
		{"a dead owner's sources go on within five seconds, and no others move", deadOwner},
		{"a rolling restart misses and doubles nothing", rollingRestart},
		{"an exclusive feed never sees two at once", exclusive},
		{"a source is asked and steered from any node", anywhere},
		{"edits of both sides of a partition meet", edits},
		{"a partition doubles only what came during it", partition},
		{"a feed that refuses one node is read by another", refusedByFeed},
	} {
		tests.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			t.Run(test.name, test.run)
		})
	}
	tests.Wait()
}
