package api

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/labstack/echo/v4"

	"anode/gateway/problem"
	"anode/gateway/publication"
	"anode/messages"
	"anode/messages/command"
)

// publish takes records for the stream in the path.
func (s *server) publish(c echo.Context) error {
	stream, err := publication.Stream(param(c, "stream"))
	if err != nil {
		return err
	}
	r := c.Request()
	kind, params, err := mediaType(r)
	if err != nil {
		return err
	}
	beside, err := readBeside(c)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return badBody(err)
	}
	bundle, err := readBundle(kind, mime.FormatMediaType(kind, params), stream, beside, body)
	if err != nil {
		return err
	}
	return s.take(c, bundle)
}

// publishMany takes an envelope whose records name their streams.
func (s *server) publishMany(c echo.Context) error {
	kind, _, err := mediaType(c.Request())
	if err != nil {
		return err
	}
	if kind != typeEnvelope && kind != echo.MIMEApplicationJSON {
		return problem.New(http.StatusUnsupportedMediaType, "unsupported_media_type",
			"Content-Type %q: records that name their streams are %s", clip(kind), typeEnvelope)
	}
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return badBody(err)
	}
	bundle, err := readEnvelope("", body)
	if err != nil {
		return err
	}
	return s.take(c, bundle)
}

// mediaType is the Content-Type of a request; empty where it has none.
func mediaType(r *http.Request) (kind string, params map[string]string, err error) {
	text := r.Header.Get("Content-Type")
	if text == "" {
		return "", nil, nil
	}
	kind, params, err = mime.ParseMediaType(text)
	if err != nil {
		return "", nil, problem.New(http.StatusUnsupportedMediaType, "unsupported_media_type", "Content-Type %q is no media type", clip(text))
	}
	return kind, params, nil
}

func (s *server) take(c echo.Context, b *bundle) error {
	answers, err := s.submit(c.Request().Context(), b)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, struct {
		Records []published `json:"records"`
	}{answers})
}

// submit hands the bundle's good drafts to the journal and puts the answers in their places.
func (s *server) submit(ctx context.Context, b *bundle) ([]published, error) {
	if len(b.drafts) == 0 {
		return nil, b.refusal()
	}
	done := make(chan command.Outcome, 1)
	err := s.Intake.Submit(ctx, command.Submission{Drafts: b.drafts, Recognise: true, Done: func(o command.Outcome) { done <- o }})
	if err != nil {
		return nil, err
	}
	select {
	case outcome := <-done:
		if outcome.Err != nil {
			return nil, outcome.Err
		}
		return b.answers(outcome.Positions), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: the client went away before the answer: %w", command.ErrUnconfirmed, context.Cause(ctx))
	}
}

// published is the answer for one record, in its place.
type published struct {
	ID        string        `json:"id,omitempty"`
	Duplicate bool          `json:"duplicate,omitempty"`
	Error     *publishFault `json:"error,omitempty"`
}

// publishFault is why one record of several was not taken.
type publishFault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	problem *problem.Problem
}

// answers are in the order of the records: of those that were taken, and of those that were not.
func (b *bundle) answers(positions []messages.Position) []published {
	out := make([]published, len(b.faults))
	for i, fault := range b.faults {
		if fault != nil {
			out[i].Error = fault
			continue
		}
		if out[i].Duplicate = positions[0].IsZero(); !out[i].Duplicate {
			out[i].ID = positions[0].String()
		}
		positions = positions[1:]
	}
	return out
}

// mostFaults is how many of the faults of one request are told.
const mostFaults = 100

// refusal is why none of the records was taken.
func (b *bundle) refusal() error {
	switch len(b.faults) {
	case 0:
		return problem.New(http.StatusUnprocessableEntity, "invalid_record", "the body has no record")
	case 1:
		return b.faults[0].problem
	}
	p := problem.New(http.StatusUnprocessableEntity, "invalid_record", "none of the %d records can be taken", len(b.faults))
	for i, f := range b.faults[:min(len(b.faults), mostFaults)] {
		p.Errors = append(p.Errors, problem.Fault{Path: fmt.Sprintf("/records/%d", i), Message: f.Message})
	}
	return p
}
