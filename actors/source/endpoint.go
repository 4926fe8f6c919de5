package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"anode/actors/source/egress"
	"anode/actors/source/transform"
	"anode/messages/spec"
)

// Endpoint is the part of a spec that says where a feed is, and what goes there with each request
// or handshake: templates of the URL, its query and the headers. It is safe for concurrent use.
type Endpoint struct {
	url     transform.Template
	headers map[string]transform.Template
	query   map[string]transform.Template
}

// Address is a filled Endpoint.
type Address struct {
	// URL may have secrets; Shown is what people may see of it.
	URL   *url.URL
	Shown string
	// Host is where secrets go: the host, with the port where the URL has one.
	Host   string
	Header http.Header
}

// CompileTemplate compiles a template of the spec; what is wrong is added to the faults.
func (s *Setup) CompileTemplate(path string, value any, faults *spec.Faults) transform.Template {
	t, err := s.Language.Template(value)
	if err != nil {
		*faults = append(*faults, spec.FaultAt(path, err))
	}
	return t
}

// CompileEndpoint compiles url, headers and, under its path, a query; what is wrong is added to the faults.
func (s *Setup) CompileEndpoint(queryPath string, query map[string]any, faults *spec.Faults) *Endpoint {
	e := &Endpoint{
		url:     s.CompileTemplate("/url", s.Spec.URL, faults),
		headers: make(map[string]transform.Template), query: make(map[string]transform.Template),
	}
	for _, name := range slices.Sorted(maps.Keys(s.Spec.Headers)) {
		e.headers[name] = s.CompileTemplate("/headers/"+pointer(name), s.Spec.Headers[name], faults)
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		e.query[name] = s.CompileTemplate(queryPath+"/"+pointer(name), query[name], faults)
	}
	return e
}

func pointer(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

// Fill fills the templates, with secrets for the host of the URL.
func (e *Endpoint) Fill(ctx context.Context, line *Line, vars transform.Vars) (Address, error) {
	asterisks := func(string) (string, error) { return shownSecret, nil }
	shown, err := e.address(ctx, vars, asterisks)
	if err != nil {
		return Address{}, err
	}
	a := Address{Host: shown.Host, Header: make(http.Header)}
	shown.User = nil
	a.Shown = strings.ReplaceAll(shown.String(), url.QueryEscape(shownSecret), shownSecret)
	secret := line.Secret(a.Host)
	a.URL, err = e.address(ctx, vars, func(name string) (string, error) {
		value, err := secret(name)
		return escape(value), err
	})
	if err != nil {
		return Address{}, err
	}
	if a.URL.Host != a.Host {
		return Address{}, errors.New("url: the host must not come of a secret, nor be another each time")
	}
	for name, template := range e.headers {
		text, present, err := Fill(ctx, template, vars, secret)
		if err != nil {
			return Address{}, fmt.Errorf("headers: %s: %w", name, err)
		}
		if strings.ContainsAny(text, "\r\n\x00") {
			return Address{}, fmt.Errorf("headers: %s has a line break", name)
		}
		if present {
			a.Header.Set(name, text)
		}
	}
	return a, nil
}

// address fills url and query.
func (e *Endpoint) address(ctx context.Context, vars transform.Vars, secret transform.Secret) (*url.URL, error) {
	text, _, err := Fill(ctx, e.url, vars, secret)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, errors.New("url: what the template makes is no URL")
	}
	if len(e.query) == 0 {
		return u, nil
	}
	// What the URL has stays as it is written; an escaped secret of a query value is not escaped twice.
	var more []string
	for _, name := range slices.Sorted(maps.Keys(e.query)) {
		v, present, err := e.query[name].Eval(ctx, vars.Input(), transform.Env{}, unescaped(secret))
		if err != nil {
			return nil, fmt.Errorf("query: %s: %w", name, err)
		}
		list, several := v.([]any)
		if !several && present && v != nil {
			list = []any{v}
		}
		for _, element := range list {
			if element == nil {
				continue
			}
			text, err := transform.Text(element)
			if err != nil {
				return nil, fmt.Errorf("query: %s: %w", name, err)
			}
			more = append(more, url.QueryEscape(name)+"="+url.QueryEscape(string(text)))
		}
	}
	if u.RawQuery != "" && len(more) > 0 {
		u.RawQuery += "&"
	}
	u.RawQuery += strings.Join(more, "&")
	return u, nil
}

// unescaped takes back what Fill does to secrets for URLs.
func unescaped(secret transform.Secret) transform.Secret {
	return func(name string) (string, error) {
		value, err := secret(name)
		if err != nil {
			return "", err
		}
		return url.PathUnescape(value)
	}
}

// escape writes a text so that it is one piece anywhere in a URL.
func escape(text string) string {
	return strings.NewReplacer("+", "%20").Replace(url.QueryEscape(text))
}

// Fill fills a template as a text; absent where it is one whole expression that gives null.
func Fill(ctx context.Context, t transform.Template, vars transform.Vars, secret transform.Secret) (text string, present bool, err error) {
	v, present, err := t.Eval(ctx, vars.Input(), transform.Env{}, secret)
	if err != nil || !present {
		return "", false, err
	}
	raw, err := transform.Text(v)
	return string(raw), true, err
}

// Cause is what went wrong with a request, in words that have no secret.
func (l *Line) Cause(err error) error {
	err = egress.Cause(err)
	text := err.Error()
	if shown := l.Hide(text); shown != text {
		return errors.New(shown)
	}
	return err
}

// Words is what a feed says in the body of an answer that is no success: its text, cut and in one line.
func Words(body []byte) string {
	const most = 300
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 4*most)]), "�")), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
