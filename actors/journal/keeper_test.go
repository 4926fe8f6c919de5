package journal

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// TestALastingFailureIsLoggedOnce: also where two things fail in turn.
func TestALastingFailureIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	k := &keeper{log: slog.New(slog.NewTextHandler(&log, nil)), wrong: make(map[string]bool)}
	for range 100 {
		k.report("scrub", errors.New("the disk is gone"))
		k.report("maintenance", errors.New("the disk is gone"))
	}
	k.report("scrub", nil)
	k.report("scrub", nil)
	k.report("scrub", errors.New("the disk is gone"))
	if failed, again := strings.Count(log.String(), "upkeep failed"), strings.Count(log.String(), "succeeds again"); failed != 3 || again != 1 {
		t.Errorf("%d failures and %d ends of one are logged, want 3 and 1:\n%s", failed, again, log.String())
	}
}
