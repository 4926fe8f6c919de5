package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"anode/messages/command"
)

// TrySource runs a spec on a node as a source would, for a time and up to so many records, and saves nothing; 0 is the
// server's 5 s and 20. A document that has a url and neither name nor kind is completed by guessing.
func (c *Client) TrySource(ctx context.Context, d Document, t time.Duration, records int) (v command.Trial, err error) {
	query := url.Values{}
	if t > 0 {
		query.Set("for", t.String())
	}
	if records > 0 {
		query.Set("max", strconv.Itoa(records))
	}
	_, err = c.call(ctx, request{method: http.MethodPost, path: api + "/sources/try", query: query, header: d.header(""), body: d.Text}, &v)
	return v, err
}
