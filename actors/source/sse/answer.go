package sse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"anode/actors/source"
)

const (
	// headPatience is for how long the head of an answer is awaited at least.
	headPatience = time.Minute
	// politePause is the pause after 204.
	politePause = time.Hour
	// mostWords is the most bytes that are read of an answer that is refused.
	mostWords = 4 << 10
)

const typeEvents = "text/event-stream"

// byLineTypes are the content types of a JSON text a line.
func byLineType(kind string) bool {
	switch kind {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/jsonlines",
		"application/stream+json", "application/json-seq", "application/geo+json-seq":
		return true
	}
	return false
}

// sequenceType tells that a header is the content type of a JSON sequence.
func sequenceType(header string) bool {
	kind, _, err := mime.ParseMediaType(header)
	return err == nil && strings.HasSuffix(kind, "json-seq")
}

// answer is one that is read.
type answer struct {
	response *http.Response
	address  source.Address
	// byLine tells that a line is a message, sequence that a text of a JSON sequence is one.
	byLine, sequence bool
	close            func()
}

// ask makes the request; what is no feed is an error.
func (s *stream) ask(ctx context.Context, line *source.Line) (*answer, error) {
	for again := false; ; again = true {
		address, err := s.endpoint.Open(ctx, line, s.vars, source.Detour{})
		if err != nil {
			return nil, err
		}
		a, unauthorized, err := s.askAt(ctx, line, address)
		if err == nil || !unauthorized || again || !address.Renew() {
			return a, err
		}
	}
}

// askAt is ask of an address.
func (s *stream) askAt(ctx context.Context, line *source.Line, address source.Address) (a *answer, unauthorized bool, err error) {
	way, err := s.transport.Way(ctx, line, address.Host)
	if err != nil {
		return nil, false, err
	}
	client, err := s.transport.NewClient(ctx, line, address.Host, nil)
	if err != nil {
		return nil, false, err
	}
	p := line.Pipes(func(ctx context.Context, network, to string) (net.Conn, error) {
		return s.setup.Guard.DialBy(ctx, way, network, to)
	})
	client.Transport = exchange{dial: p.DialContext, tls: way.TLS}
	life, cancel := context.WithCancelCause(ctx)
	end := func() {
		cancel(nil)
		p.Close()
	}
	// Only silence has a time-out: this one is for feeds that answer nothing, where the clock of the transport is off.
	clocks := s.setup.Spec.Liveness
	patience := max(headPatience, clocks.Transport.Of(), clocks.Protocol.Of())
	timer := time.AfterFunc(patience, func() { cancel(&source.NoAnswer{Who: "the feed", Within: patience}) })
	defer timer.Stop()
	response, err := s.request(life, client, line, address)
	if err != nil {
		cause := context.Cause(life)
		end()
		if cause != nil {
			return nil, false, cause
		}
		return nil, false, line.Cause(err)
	}
	a = &answer{response: response, address: address, close: func() { _ = response.Body.Close(); end() }}
	if a.byLine, err = s.judge(response, line, address.Shown); err != nil {
		a.close()
		return nil, response.StatusCode == http.StatusUnauthorized, err
	}
	a.sequence = a.byLine && !s.byLine && sequenceType(response.Header.Get("Content-Type"))
	return a, false, nil
}

// request sends it and awaits the head of the answer.
func (s *stream) request(ctx context.Context, client *http.Client, line *source.Line, address source.Address) (*http.Response, error) {
	r, err := address.HTTP(ctx)
	if err != nil {
		return nil, err
	}
	setDefault(r.Header, "Cache-Control", "no-cache")
	accept := typeEvents
	if s.byLine {
		accept = "application/x-ndjson, application/json-seq;q=0.9, */*;q=0.5"
	}
	setDefault(r.Header, "Accept", accept)
	if s.seen != "" {
		r.Header.Set("Last-Event-ID", s.seen)
	}
	line.Requested(r, address.Shown)
	return client.Do(r)
}

func setDefault(h http.Header, name, value string) {
	if h.Get(name) == "" {
		h.Set(name, value)
	}
}

// judge tells how an answer is read.
func (s *stream) judge(r *http.Response, line *source.Line, shown string) (byLine bool, err error) {
	wait := source.Asked(r, s.setup.Clock())
	if r.StatusCode == http.StatusNoContent {
		line.Answered(r, shown, nil)
		return false, &source.AskedToWait{Err: errors.New("the feed answered 204 No Content: it has nothing to give"), Wait: max(politePause, wait)}
	}
	if r.StatusCode != http.StatusOK {
		return false, s.refused(r, wait, line, shown)
	}
	kind, _, mimeErr := mime.ParseMediaType(r.Header.Get("Content-Type"))
	encoding := r.Header.Get("Content-Encoding")
	switch {
	case encoding != "" && encoding != "identity":
		return false, fmt.Errorf("the feed answered with the content encoding %q, which it was not asked for", source.Words([]byte(encoding)))
	case kind == typeEvents:
		return false, nil
	case byLineType(kind), s.byLine:
		return true, nil
	case mimeErr != nil || kind == "":
		return false, errors.New("the feed answered without a content type: if it sends a JSON text a line, say parse: ndjson")
	}
	return false, fmt.Errorf("the feed answered with the content type %s: neither events (%s) nor application/x-ndjson; if it sends a JSON text a line, say parse: ndjson",
		source.Words([]byte(kind)), typeEvents)
}

// refused is the error of an answer that is no success, in the feed's own words.
func (s *stream) refused(r *http.Response, wait time.Duration, line *source.Line, shown string) error {
	body, _ := io.ReadAll(io.LimitReader(r.Body, mostWords)) // what can't be read is not shown
	line.Answered(r, shown, body)
	text := fmt.Sprintf("the feed answered %d %s", r.StatusCode, http.StatusText(r.StatusCode))
	switch words := source.Words(body); {
	case r.StatusCode >= 300 && r.StatusCode < 400 && r.Header.Get("Location") == "":
		text += " without saying where to"
	case words != "":
		text += ": " + words
	}
	err := errors.New(line.Hide(text))
	if wait > 0 {
		return &source.AskedToWait{Err: err, Wait: wait}
	}
	return err
}
