package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"anode/messages"
)

// Pages are made as large as pageBytes lets expect, from firstPage to lastPage records, so that neither
// many small records cost many calls nor large ones much memory.
const (
	firstPage = 100
	lastPage  = 10_000
	pageBytes = 2 << 20
)

// History is which records of a stream to walk over.
type History struct {
	Stream string
	// From and To bound when records were received: from inclusive, to exclusive; zero is no bound.
	From, To time.Time
	// After is the id of a record after which the walk begins; empty is its beginning.
	After string
	// Limit is the most records; 0 is all.
	Limit int
	// Descending gives the newest first.
	Descending bool
	// Unique gives the first of records with equal source, stream, key and native id.
	Unique bool
}

func (h History) query() url.Values {
	q := url.Values{}
	for name, t := range map[string]time.Time{"from": h.From, "to": h.To} {
		if !t.IsZero() {
			q.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	if h.After != "" {
		q.Set("after", h.After)
	}
	if h.Descending {
		q.Set("order", "desc")
	}
	if h.Unique {
		q.Set("unique", "true")
	}
	return q
}

// Walk gives records page by page. It is for one goroutine.
type Walk struct {
	client *Client
	path   string
	query  url.Values
	// left is how many records are still wanted; below 0 is all.
	left   int
	size   int
	page   []json.RawMessage
	cursor messages.Cursor
	asked  bool
	ended  bool
}

// History begins a walk; nothing is asked before its first Next.
func (c *Client) History(h History) *Walk {
	w := &Walk{client: c, path: api + "/streams/" + url.PathEscape(h.Stream) + "/records", query: h.query(), left: -1, size: firstPage}
	if h.Limit > 0 {
		w.left = h.Limit
	}
	return w
}

// Next gives the next record, or nil at the end.
func (w *Walk) Next(ctx context.Context) (*Record, error) {
	for len(w.page) == 0 {
		if w.ended || w.left == 0 {
			return nil, nil
		}
		if err := w.turn(ctx); err != nil {
			return nil, err
		}
	}
	record, err := parseRecord(w.page[0])
	if err != nil {
		return nil, err
	}
	w.page = w.page[1:]
	if w.left > 0 {
		w.left--
	}
	return record, nil
}

// turn gets the next page.
func (w *Walk) turn(ctx context.Context) error {
	limit := w.size
	if w.left > 0 {
		limit = min(limit, w.left)
	}
	w.query.Set("limit", strconv.Itoa(limit))
	var page struct {
		Items  []json.RawMessage `json:"items"`
		Next   string            `json:"next"`
		Cursor messages.Cursor   `json:"cursor"`
	}
	_, err := w.client.call(ctx, request{method: http.MethodGet, path: w.path, query: w.query}, &page)
	if errors.Is(err, errTooLong) && limit > 1 { // large records after small ones
		w.size = max(1, limit/16)
		return nil
	}
	if err != nil {
		return err
	}
	if len(page.Items) > limit {
		return fmt.Errorf("%s: %d records came, %d were asked for", w.path, len(page.Items), limit)
	}
	if bytes := sizeOf(page.Items); bytes > 0 {
		w.size = min(max(1, len(page.Items)*pageBytes/bytes), 10*w.size, lastPage)
	}
	w.page, w.cursor, w.asked = page.Items, page.Cursor, true
	w.query, w.ended = url.Values{"page": {page.Next}}, page.Next == ""
	return nil
}

func sizeOf(list []json.RawMessage) (bytes int) {
	for _, item := range list {
		bytes += len(item)
	}
	return bytes
}

// All yields the records up to the end; it ends after an error.
func (w *Walk) All(ctx context.Context) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		for {
			record, err := w.Next(ctx)
			if record == nil && err == nil || !yield(record, err) || err != nil {
				return
			}
		}
	}
}

// Cursor is where a subscription to the stream goes on after this walk: ascending, with all that
// the walk has not given, whole pages taken; descending, with all that came after it began.
// It is false before anything was asked.
func (w *Walk) Cursor() (messages.Cursor, bool) { return w.cursor.Clone(), w.asked }
