package state_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"anode/storage"
	"anode/storage/state"
	"anode/testkit/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// must opens a store and closes it when the test ends.
func must(t testing.TB, path string) *state.Store {
	t.Helper()
	s, err := state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestState(t *testing.T) {
	storagetest.State(t, func(t *testing.T) (storage.State, func() storage.State) {
		path := filepath.Join(t.TempDir(), "state.db")
		reopen := func() storage.State {
			s := must(t, path)
			if s.Note() != "" {
				t.Fatalf("note: %s", s.Note())
			}
			return s
		}
		return reopen(), reopen
	})
}
