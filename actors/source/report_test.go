package source

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"anode/messages"
	"anode/messages/command"
)

// taking is a journal that counts what it takes, while its caller's context lives.
type taking int

func (t *taking) Submit(ctx context.Context, s command.Submission) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	*t += taking(len(s.Drafts))
	s.Done(command.Outcome{})
	return nil
}

// What sources said before the node stops is in the journal.
func TestReportsOutliveTheirReporter(t *testing.T) {
	r := newReporter()
	for range 600 {
		r.say(messages.Draft{Stream: "$errors.a", Payload: []byte("1")})
	}
	ended, end := context.WithCancel(t.Context())
	end()
	var stored taking
	r.run(ended, &stored, slog.New(slog.DiscardHandler))
	if stored != 600 || r.dropped.Load() != 0 {
		t.Errorf("%d of 600 records are stored, %d count as lost", stored, r.dropped.Load())
	}
}

func TestTheJournalsErrorSaysOnceWhoseItIs(t *testing.T) {
	err := errJournal(fmt.Errorf("a timer: %w", errJournal(command.ErrStorageFull)))
	if got, want := err.Error(), "a timer: the journal does not take records: "+command.ErrStorageFull.Error(); got != want || !storageFailed(err) {
		t.Errorf("%s, want %s", got, want)
	}
}
