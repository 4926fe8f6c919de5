package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"time"
)

// api is where the API stands on a server.
const api = "/api/v1"

// request is one call, in a form that can be sent again.
type request struct {
	method, path string
	query        url.Values
	header       http.Header
	body         []byte
	// once: it must not be done twice, so that it is sent again only where it can't have arrived.
	once bool
	// here: an answer of 503 is an answer, not a reason to ask another server.
	here bool
}

// ErrUnknown marks a request that was sent and not answered, or answered so: what it asked may have been done.
var ErrUnknown = errors.New("it is not confirmed, and may have been done")

// mostAnswer is the most bytes of an answer.
const mostAnswer = 64 << 20

// errTooLong is what an answer above that gives.
var errTooLong = fmt.Errorf("the answer is above %d MiB", mostAnswer>>20)

// do sends a request to the first server that answers. The answer is any that is served, and whole: its
// body is in memory and needs no Close.
func (c *Client) do(ctx context.Context, r request) (*http.Response, error) {
	first := int(c.current.Load())
	var faults []error
	for i := range c.servers {
		at := (first + i) % len(c.servers)
		answer, err := c.try(ctx, c.servers[at], r)
		switch {
		case ctx.Err() != nil && err != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			faults = append(faults, err)
			if errors.Is(err, errTooLong) {
				return nil, err
			}
			if r.once && !undelivered(err) {
				return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
			}
		case !r.here && unserved(answer.StatusCode):
			problem := readProblem(answer)
			err := fmt.Errorf("%s: %w", c.servers[at], problem)
			unsure := r.method != http.MethodGet && problem.unconfirmed()
			if unsure {
				err = fmt.Errorf("%w: %w", ErrUnknown, err)
			}
			if faults = append(faults, err); unsure && r.once {
				return nil, err
			}
		default:
			c.current.Store(int64(at))
			return answer, nil
		}
	}
	if len(faults) == 1 {
		return nil, faults[0]
	}
	return nil, fmt.Errorf("none of %d servers answers: %w", len(faults), errors.Join(faults...))
}

func (c *Client) try(ctx context.Context, server *url.URL, r request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	answer, err := c.begin(ctx, server, r)
	if err != nil {
		return nil, err
	}
	pause := time.AfterFunc(c.cfg.AnswerTimeout, func() { cancel(errStalled) })
	defer pause.Stop()
	answer.Body = lively{answer.Body, func() { pause.Reset(c.cfg.AnswerTimeout) }}
	if err := readWhole(answer); err != nil {
		if errors.Is(context.Cause(ctx), errStalled) {
			err = errStalled
		}
		return nil, fmt.Errorf("%s: %w", server, err)
	}
	return answer, nil
}

// begin sends a request; the answer's body is still to be read, and closed.
func (c *Client) begin(ctx context.Context, server *url.URL, r request) (*http.Response, error) {
	hr, err := http.NewRequestWithContext(ctx, r.method, endpoint(server, r.path, r.query), bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	for name, values := range r.header {
		hr.Header[name] = values
	}
	if c.cfg.Token != "" {
		hr.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	answer, err := c.http.Do(hr)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) { // it repeats method and path
			err = wrapped.Err
		}
		return nil, fmt.Errorf("%s: %w", server, err)
	}
	return answer, nil
}

// errStalled is why an answer is given up whose rest does not come.
var errStalled = errors.New("the answer began, and does not go on")

// lively is an answer's body that tells of each part that came.
type lively struct {
	io.ReadCloser
	came func()
}

func (l lively) Read(b []byte) (int, error) {
	n, err := l.ReadCloser.Read(b)
	l.came()
	return n, err
}

// readWhole takes an answer's body into memory, so that one that breaks off is no answer.
func readWhole(answer *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer+1))
	_ = answer.Body.Close() // all that is wanted of it was read
	if err == nil && len(body) > mostAnswer {
		err = errTooLong
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return err
}

// unserved tells whether a status is no node's answer but the word of one that can't serve, or of a
// proxy before it.
func unserved(status int) bool {
	return status == http.StatusServiceUnavailable || status == http.StatusBadGateway || status == http.StatusGatewayTimeout
}

// undelivered tells whether a request can't have reached its server.
func undelivered(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// call sends a request and decodes a successful answer into into, which may be nil. The status is given.
func (c *Client) call(ctx context.Context, r request, into any) (int, error) {
	answer, err := c.do(ctx, r)
	if err != nil {
		return 0, err
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return answer.StatusCode, readProblem(answer)
	}
	if into == nil || answer.StatusCode == http.StatusNoContent {
		return answer.StatusCode, nil
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return answer.StatusCode, fmt.Errorf("%s%s: the answer can't be read: %w", answer.Request.URL.Host, r.path, err)
	}
	return answer.StatusCode, nil
}

// Get asks for a path below /api/v1, such as "/status", and decodes the answer: what this package
// has no method for, or the answer's own text in a json.RawMessage.
func (c *Client) Get(ctx context.Context, path string, query url.Values, into any) error {
	_, err := c.call(ctx, request{method: http.MethodGet, path: api + path, query: query}, into)
	return err
}

// Each yields the items of a list below /api/v1, page by page. It ends after an error.
func (c *Client) Each(ctx context.Context, path string, query url.Values) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for {
			var page struct {
				Items []json.RawMessage `json:"items"`
				Next  string            `json:"next"`
			}
			if err := c.Get(ctx, path, query, &page); err != nil {
				yield(nil, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			query = url.Values{"page": {page.Next}}
		}
	}
}

// list is Each as typed values.
func list[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	items := []T{}
	for raw, err := range c.Each(ctx, path, query) {
		if err != nil {
			return nil, err
		}
		var item T
		if err := json.Unmarshal(raw, &item); err != nil {
			return nil, fmt.Errorf("%s: an item can't be read: %w", path, err)
		}
		items = append(items, item)
	}
	return items, nil
}
