package memory_test

import (
	"testing"

	"anode/storage"
	"anode/storage/memory"
	"anode/testkit/storagetest"
)

func TestJournal(t *testing.T) {
	storagetest.Journal(t, func(_ *testing.T, cfg storagetest.Config) storagetest.Opened {
		return storagetest.Opened{Journal: memory.NewJournal(memory.Config{
			Self: storagetest.Self, RetentionBytes: cfg.RetentionBytes, RetentionAge: cfg.RetentionAge, Budget: cfg.DiskBudget,
		})}
	})
}

func TestState(t *testing.T) {
	storagetest.State(t, func(*testing.T) (storage.State, func() storage.State) { return memory.NewState(), nil })
}
