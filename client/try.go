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
func (c *Client) TrySource(ctx context.Context, d Document, t time.Duration, records int) (command.Trial, error) {
	return c.TrySourceOn(ctx, "", d, t, records)
}

// TrySourceOn is TrySource on the node of the mesh that has an id or a name; "" is the node that is asked. It fails with 404 where none
// has it, with 422 where several that live do, and with 503 where it can't be reached.
func (c *Client) TrySourceOn(ctx context.Context, node string, d Document, t time.Duration, records int) (v command.Trial, err error) {
	query := url.Values{}
	if node != "" {
		query.Set("node", node)
	}
	if t > 0 {
		query.Set("for", t.String())
	}
	if records > 0 {
		query.Set("max", strconv.Itoa(records))
	}
	_, err = c.call(ctx, request{method: http.MethodPost, path: api + "/sources/try", query: query, header: d.header(""), body: d.Text}, &v)
	return v, err
}
