package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"

	"anode/messages/command"
)

// ErrCut marks an answer of lines that ended before its last one.
var ErrCut = errors.New("the answer was cut before its end")

// Archive says how a node archives.
func (c *Client) Archive(ctx context.Context) (v command.ArchiveView, err error) {
	return v, c.Get(ctx, "/archive", nil, &v)
}

// Backfill has a node write again into its archive what it holds that was received from one time on and before another; a zero time is no
// bound. It yields how far it is, and ends the work where the caller stops. Of several servers the first is asked. It ends after an
// error, which is ErrCut where the node ended before the work did.
func (c *Client) Backfill(ctx context.Context, from, to time.Time) iter.Seq2[command.BackfillLine, error] {
	r := request{method: http.MethodPost, path: api + "/archive/backfill", query: times(from, to)}
	return linesOf(ctx, c, r, func(l *command.BackfillLine) bool { return l.Finished || l.Error != "" })
}

// CheckArchive has a node compare its journal and its archive, as Backfill does its work; streams is a pattern, "" all that is archived.
func (c *Client) CheckArchive(ctx context.Context, from, to time.Time, streams string) iter.Seq2[command.CheckLine, error] {
	r := request{method: http.MethodGet, path: api + "/archive/check", query: times(from, to)}
	if streams != "" {
		r.query.Set("streams", streams)
	}
	return linesOf(ctx, c, r, func(l *command.CheckLine) bool { return l.Summary != nil || l.Error != "" })
}

// times are bounds as parameters.
func times(from, to time.Time) url.Values {
	query := url.Values{}
	for name, t := range map[string]time.Time{"from": from, "to": to} {
		if !t.IsZero() {
			query.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	return query
}

// linesOf yields the lines of an answer, of which the last is one.
func linesOf[L any](ctx context.Context, c *Client, r request, last func(*L) bool) iter.Seq2[L, error] {
	return func(yield func(L, error) bool) {
		var none L
		fail := func(err error) {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			yield(none, err)
		}
		answer, err := c.begin(ctx, c.servers[int(c.current.Load())%len(c.servers)], r)
		if err != nil {
			fail(err)
			return
		}
		defer func() { _ = answer.Body.Close() }()
		if answer.StatusCode != http.StatusOK {
			if err := readWhole(answer); err != nil {
				fail(err)
				return
			}
			fail(readProblem(answer))
			return
		}
		for lines := json.NewDecoder(answer.Body); ; {
			var line L
			switch err := lines.Decode(&line); {
			case errors.Is(err, io.EOF):
				fail(ErrCut)
				return
			case err != nil:
				fail(fmt.Errorf("%w: %w", ErrCut, err))
				return
			}
			if !yield(line, nil) || last(&line) {
				return
			}
		}
	}
}
