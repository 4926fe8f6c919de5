package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"

	"anode/messages/command"
)

// Push is a message for a push source, in its sender's own format.
type Push struct {
	// Source is the source's name.
	Source string
	// Body is the message, at most 8 MiB.
	Body []byte
	// ContentType of the body; empty is none.
	ContentType string
	// Token is the source's, where its spec has one; empty sends that of the Config, if any.
	Token string
	// Header are further headers, such as a signature.
	Header http.Header
}

// Pushed is what became of a push.
type Pushed struct {
	command.Pushed
	// Said is what the source's rules answered instead; the counts are not told then. Nil is nothing.
	Said []byte
}

// Push pushes one message, and returns when the node's journal has what became of it, as its durability says. What made
// no record stands in the counts and is no error; ErrUnknown says that it is not known what became of it: pushed
// again it may be there twice, unless the source's spec has a native_id.
func (c *Client) Push(ctx context.Context, p Push) (Pushed, error) {
	header := maps.Clone(p.Header)
	if header == nil {
		header = make(http.Header)
	}
	if p.ContentType != "" {
		header.Set("Content-Type", p.ContentType)
	}
	var query url.Values
	switch {
	case p.Token == "":
	case c.cfg.Token != "": // that one is the API's
		query = url.Values{"token": {p.Token}}
	default:
		header.Set("Authorization", "Bearer "+p.Token)
	}
	r := request{method: http.MethodPost, path: sourcePath(p.Source) + "/push", query: query, header: header, body: p.Body, once: true}
	answer, err := c.do(ctx, r)
	if err != nil {
		return Pushed{}, err
	}
	switch answer.StatusCode {
	case http.StatusAccepted:
		var became Pushed
		if err := json.NewDecoder(answer.Body).Decode(&became.Pushed); err != nil {
			return Pushed{}, fmt.Errorf("%s%s: the answer can't be read: %w", answer.Request.URL.Host, r.path, err)
		}
		return became, nil
	case http.StatusOK:
		said, err := io.ReadAll(answer.Body)
		return Pushed{Said: said}, err
	}
	return Pushed{}, readProblem(answer)
}
