package journal

import (
	"strings"
	"testing"

	"anode/storage"
)

// Who looks at a full journal is told of the archive where that is what fills it.
func TestTheHintOfAFullJournalIsOfWhatFillsIt(t *testing.T) {
	for name, c := range map[string]struct {
		stats storage.JournalStats
		want  string
	}{
		"its own":               {storage.JournalStats{Bytes: 1000, Budget: 1000}, "--retention-bytes"},
		"little is kept":        {storage.JournalStats{Bytes: 1000, Budget: 1000, Pinned: 100}, "--retention-bytes"},
		"what is not archived":  {storage.JournalStats{Bytes: 1000, Budget: 1000, Pinned: 600}, "archive"},
		"and the disk is small": {storage.JournalStats{Bytes: 1000, Budget: 9000, Pinned: 600, FreeDisk: 1, FreeFloor: 2}, "archive"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := hintOf(&c.stats); !strings.Contains(got, c.want) {
				t.Errorf("%q, want one of %s", got, c.want)
			}
		})
	}
}
