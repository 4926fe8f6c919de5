package client

import (
	"bufio"
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

// mostFrame is the most bytes of a frame's line: 16 MiB of text that is all escapes.
const mostFrame = 100 << 20

// Frames yields what a source hears from its feed and says to it, as it comes, for a time; 0 is the
// server's minute. A frame with Skipped says how many this reader was too slow for. It ends with the time,
// with the source, or after an error.
func (c *Client) Frames(ctx context.Context, name string, d time.Duration) iter.Seq2[command.Frame, error] {
	return func(yield func(command.Frame, error) bool) {
		answer, err := c.framesOf(ctx, name, d)
		if err != nil {
			yield(command.Frame{}, err)
			return
		}
		defer func() { _ = answer.Body.Close() }()
		for frame, err := range ReadFrames(answer.Body) {
			if err != nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if !yield(frame, err) || err != nil {
				return
			}
		}
	}
}

// framesOf begins the answer, at the first server that gives it.
func (c *Client) framesOf(ctx context.Context, name string, d time.Duration) (*http.Response, error) {
	r := request{method: http.MethodGet, path: sourcePath(name) + "/frames", query: url.Values{}}
	if d > 0 {
		r.query.Set("for", d.String())
	}
	first := int(c.current.Load())
	var faults []error
	for i := range c.servers {
		answer, err := c.begin(ctx, c.servers[(first+i)%len(c.servers)], r)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			faults = append(faults, err)
			continue
		case answer.StatusCode == http.StatusOK:
			return answer, nil
		}
		if err := readWhole(answer); err != nil {
			return nil, err
		}
		err = readProblem(answer)
		if !unserved(answer.StatusCode) {
			return nil, err
		}
		faults = append(faults, err)
	}
	return nil, errors.Join(faults...)
}

// ReadFrames yields the frames of a capture: NDJSON, as Frames gives them and `anode source capture` writes them.
// Empty lines are passed over. It ends after an error, which names the line.
func ReadFrames(from io.Reader) iter.Seq2[command.Frame, error] {
	return func(yield func(command.Frame, error) bool) {
		lines := bufio.NewScanner(from)
		lines.Buffer(make([]byte, 0, 64<<10), mostFrame)
		number := 0
		for lines.Scan() {
			number++
			if len(lines.Bytes()) == 0 {
				continue
			}
			var frame command.Frame
			if err := json.Unmarshal(lines.Bytes(), &frame); err != nil {
				yield(frame, fmt.Errorf("line %d is no frame: %w", number, err))
				return
			}
			if !yield(frame, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(command.Frame{}, fmt.Errorf("line %d can't be read: %w", number+1, err))
		}
	}
}
