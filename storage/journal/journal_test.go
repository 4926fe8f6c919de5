package journal_test

import (
	"testing"

	"go.uber.org/goleak"

	"anode/storage"
	"anode/storage/journal"
	"anode/storage/memory"
	"anode/testkit/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// must opens a journal and closes it when the test ends.
func must(t testing.TB, cfg journal.Config) *journal.Journal {
	t.Helper()
	j, err := journal.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func TestJournal(t *testing.T) {
	storagetest.Journal(t, func(t *testing.T, want storagetest.Config) storagetest.Opened {
		cfg := journal.Config{
			Dir: t.TempDir(), State: memory.NewState(), Self: storagetest.Self,
			RetentionBytes: want.RetentionBytes, RetentionAge: want.RetentionAge, DiskBudget: want.DiskBudget,
		}
		j := must(t, cfg)
		return storagetest.Opened{Journal: j, Reopen: func(kill bool) storage.Journal {
			if !kill {
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
			}
			j = must(t, cfg)
			return j
		}}
	})
}
