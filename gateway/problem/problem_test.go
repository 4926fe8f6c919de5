package problem_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"

	"anode/gateway/problem"
	"anode/messages"
	"anode/messages/command"
)

// What is the node's own, its files and addresses, is for the log; what it says to clients stays.
func TestCausesOfWhatIsTheNodesFaultStayInTheLog(t *testing.T) {
	inner := fmt.Errorf("storage full: %w", &fs.PathError{Op: "sync", Path: "/var/lib/anode/journal/1-own.seg", Err: errors.New("10.0.0.7 is gone")})
	for _, c := range []struct {
		err    error
		code   string
		detail string
		logged string
	}{
		{command.ErrUnavailable, "unavailable", "unavailable", ""},
		{fmt.Errorf("%w: the node is stopping", command.ErrUnavailable), "unavailable", "unavailable: the node is stopping", ""},
		{fmt.Errorf("%w: %w", command.ErrStorageFull, inner), "storage_full", "storage is full", "DEBUG"},
		{fmt.Errorf("%w: stored, but not yet durable: %w", command.ErrUnconfirmed, inner), "unconfirmed", "unavailable: not confirmed: stored, but not yet durable", "DEBUG"},
		{fmt.Errorf("publish: %w", fmt.Errorf("%w: the queue is full: %w", command.ErrUnavailable, inner)), "unavailable", "publish: unavailable: the queue is full", "DEBUG"},
		{fmt.Errorf("no answer: %w", context.DeadlineExceeded), "unconfirmed", "no answer: context deadline exceeded", ""},
		{inner, "internal", "the node failed to answer; its log says why", "ERROR"},
		{fmt.Errorf("%w: time: %w", messages.ErrDraft, errors.New("noon is none")), "invalid_record", messages.ErrDraft.Error() + ": time: noon is none", ""},
	} {
		p := problem.Of(c.err)
		if p.Code != c.code || p.Detail != c.detail {
			t.Errorf("%v\nis %s %q, want %s %q", c.err, p.Code, p.Detail, c.code, c.detail)
		}
		var log bytes.Buffer
		p.Log(t.Context(), slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), c.err, "op", "x")
		said := log.String()
		if c.logged == "" && said != "" || c.logged != "" && (!strings.Contains(said, "level="+c.logged) || !strings.Contains(said, "/var/lib/anode") || !strings.Contains(said, "op=x")) {
			t.Errorf("%v\nis logged as %q, want %q", c.err, said, c.logged)
		}
	}
}
