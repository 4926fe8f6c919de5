package source

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"anode/actors/expr"
	"anode/messages/spec"
)

// AcceptJSON is what is asked for where a spec does not say.
const AcceptJSON = "application/json, */*;q=0.5"

// mostBefore is the most bytes of the answer of a call before.
const mostBefore = 1 << 20

// Before is the call that a spec makes before it connects; nil makes none. It is safe for concurrent use.
type Before struct {
	endpoint *Endpoint
	timeout  time.Duration
}

// CompileBefore compiles a call, which may be nil, with its pointer; what is wrong is added to the faults.
func (s *Setup) CompileBefore(at string, call *spec.Call, by *Transport, faults *spec.Faults) *Before {
	if call == nil {
		return nil
	}
	return &Before{timeout: call.Timeout.Of(), endpoint: s.CompileEndpoint(Request{
		At: at, In: at, Method: call.Method, URL: call.URL, Schemes: []string{"https", "http"},
		Headers: call.Headers, Query: call.Query, Body: call.Body, Auth: call.Auth,
	}, by, faults)}
}

// Call makes the call and gives what templates see as .before: the JSON of the answer, its text where it is
// none, null where it is empty or there is no call. What in it may be a credential, by its name, is kept out of what
// people see. An answer that is no success, or larger than 1 MiB, is an error in the server's own words.
func (b *Before) Call(ctx context.Context, line *Line) (any, error) {
	if b == nil {
		return nil, nil
	}
	answer, err := b.call(ctx, line)
	if err != nil {
		return nil, fmt.Errorf("before: %w", err)
	}
	return answer, nil
}

func (b *Before) call(ctx context.Context, line *Line) (any, error) {
	defer line.hold()()
	vars, err := line.Vars(ctx, nil)
	if err != nil {
		return nil, err
	}
	answer, err := b.endpoint.Ask(ctx, line, Question{Vars: vars, Connects: true, Timeout: b.timeout, Accept: AcceptJSON})
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	body, err := answer.Read(mostBefore)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return nil, answer.Refused(body, 0)
	}
	text := strings.TrimSpace(string(body))
	if text == "" {
		return nil, nil
	}
	v, err := expr.Decode([]byte(text))
	if err != nil {
		v = text
	}
	line.hideTexts(v)
	return v, nil
}

const (
	// shortestCredential is the length from which on a text of an answer may be a credential, mostHidden how many
	// of one answer are kept out of sight.
	shortestCredential = 8
	mostHidden         = 64
)

// credentialName finds the names that answers give credentials.
var credentialName = regexp.MustCompile(`(?i)token|key|secret|sign|session|auth|ticket|passw|cookie|jwt|credential|nonce`)

// hideTexts keeps what may be a credential in the answer of a call out of what people see: texts by their names, also
// in the query of a URL, and an answer that is one word.
func (l *Line) hideTexts(v any) {
	left := mostHidden
	hide := func(text string) {
		if len(text) >= shortestCredential && left > 0 {
			left--
			l.job.hidden.notePassing(text)
		}
	}
	var walk func(v any, secret bool)
	walk = func(v any, secret bool) {
		switch v := v.(type) {
		case string:
			if u, err := url.Parse(v); err == nil && u.Host != "" {
				for name, values := range u.Query() {
					if credentialName.MatchString(name) {
						hide(values[0])
					}
				}
			} else if secret {
				hide(v)
			}
		case []any:
			for _, e := range v {
				walk(e, secret)
			}
		case map[string]any:
			for name, e := range v {
				walk(e, secret || credentialName.MatchString(name))
			}
		}
	}
	text, word := v.(string)
	walk(v, word && !strings.ContainsAny(text, " \t\n"))
}
