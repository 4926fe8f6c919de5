package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"anode/actors/source/egress"
	"anode/actors/source/transform"
	"anode/messages/spec"
)

// Request is the part of a spec that an Endpoint is made of. All values are templates.
type Request struct {
	// At is the pointer of what has URL, Headers and Auth; empty is the spec itself. In has Query and Body.
	At, In string
	// Method is GET where it is empty.
	Method, URL string
	// Schemes are those that the URL may have.
	Schemes []string
	Headers map[string]string
	Query   map[string]any
	// Body is nil where there is none.
	Body any
	Auth *spec.Auth

	// feed tells that it is the feed's own.
	feed bool
}

// Endpoint makes requests as a part of a spec says: where they go and what goes there, with what authorises
// them. It is safe for concurrent use.
type Endpoint struct {
	setup     *Setup
	transport *Transport
	request   Request
	url       transform.Template
	headers   map[string]transform.Template
	query     map[string]transform.Template
	body      transform.Template // nil: none
	auth      *auth              // nil: none
}

// Detour is another place than the endpoint's own.
type Detour struct {
	// URL is asked for instead of the endpoint's own and its query; nil is that.
	URL *url.URL
	// Param is put into the query, with Value; empty is none.
	Param, Value string
}

// Address is a filled Endpoint.
type Address struct {
	Method string
	// URL may have secrets; Shown is what people may see of it.
	URL   *url.URL
	Shown string
	// Host is where secrets go: the host, with the port where the URL has one.
	Host   string
	Header http.Header
	// Body is nil where there is none.
	Body []byte

	oauth *oauthAuth
	token string
}

// CompileTemplate compiles a template of the spec; what is wrong is added to the faults.
func (s *Setup) CompileTemplate(path string, value any, faults *spec.Faults) transform.Template {
	t := s.compileTemplate(path, value, faults)
	if t != nil && t.UsesKey() {
		*faults = append(*faults, spec.Fault{Path: path, Message: "$secret is known to auth.sign.value only; write ${secret:NAME}, also within an expression"})
	}
	return t
}

func (s *Setup) compileTemplate(path string, value any, faults *spec.Faults) transform.Template {
	t, err := s.Language.Template(value)
	if err != nil {
		*faults = append(*faults, spec.FaultAt(path, err))
		return nil
	}
	return t
}

// Feed is the request of the spec's own url, headers and auth.
func (s *Setup) Feed() Request {
	r := Request{URL: s.Spec.URL, Headers: s.Spec.Headers, Auth: s.Spec.Auth, Schemes: []string{"https", "http"}, feed: true}
	if s.Spec.Kind == spec.KindWebSocket {
		r.Schemes = []string{"wss", "ws"}
	}
	return r
}

// CompileEndpoint compiles a request that goes by a transport; what is wrong is added to the faults.
func (s *Setup) CompileEndpoint(r Request, by *Transport, faults *spec.Faults) *Endpoint {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	e := &Endpoint{
		setup: s, transport: by, request: r, url: s.CompileTemplate(r.At+"/url", r.URL, faults),
		headers: make(map[string]transform.Template), query: make(map[string]transform.Template),
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		e.headers[name] = s.CompileTemplate(r.At+"/headers/"+pointer(name), r.Headers[name], faults)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		e.query[name] = s.CompileTemplate(r.In+"/query/"+pointer(name), r.Query[name], faults)
	}
	if r.Body != nil {
		e.body = s.CompileTemplate(r.In+"/body", r.Body, faults)
	}
	if r.Auth != nil {
		e.auth = s.compileAuth(r.At+"/auth", r.Auth, by, faults)
	}
	return e
}

func pointer(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

// Open waits for the budgets of a connection and of a request, and then fills the templates, so that what has
// the time in it is fresh.
func (e *Endpoint) Open(ctx context.Context, line *Line, vars transform.Vars, to Detour) (Address, error) {
	return e.enter(ctx, line, vars, to, true)
}

// Again is Open for one more request on a connection that stands.
func (e *Endpoint) Again(ctx context.Context, line *Line, vars transform.Vars, to Detour) (Address, error) {
	return e.enter(ctx, line, vars, to, false)
}

func (e *Endpoint) enter(ctx context.Context, line *Line, vars transform.Vars, to Detour, connect bool) (Address, error) {
	shown, err := e.shown(ctx, e.timed(vars), to)
	if err != nil {
		return Address{}, blameSpec(err)
	}
	if e.request.feed {
		line.host.Store(&shown.Host)
	}
	if connect {
		if err := line.pass(ctx, shown.Host, connects); err != nil {
			return Address{}, err
		}
	}
	if e.request.Schemes[0] != "wss" { // a handshake is a connection, no request
		if err := line.pass(ctx, shown.Host, requests); err != nil {
			return Address{}, err
		}
	}
	return e.Fill(ctx, line, vars, to)
}

// timed adds the time of a request, as all of its templates have it.
func (e *Endpoint) timed(vars transform.Vars) transform.Vars {
	vars.Request = map[string]any{"time": int(e.setup.Clock().UnixMilli())}
	return vars
}

// Fill fills the templates, with secrets for the host of the URL, and authorises the request. It gets a token
// where the spec wants one and none is known.
func (e *Endpoint) Fill(ctx context.Context, line *Line, vars transform.Vars, to Detour) (Address, error) {
	vars = e.timed(vars)
	shown, err := e.shown(ctx, vars, to)
	if err != nil {
		return Address{}, blameSpec(err)
	}
	a := Address{Method: e.request.Method, Host: shown.Host, Header: make(http.Header)}
	shown.User = nil
	a.Shown = line.Hide(strings.ReplaceAll(shown.String(), url.QueryEscape(shownSecret), shownSecret))
	secret := line.Secret(a.Host)
	if a.URL, err = e.address(ctx, vars, to, secret); err != nil {
		return Address{}, blameSpec(err)
	}
	if a.URL.Host != a.Host {
		return Address{}, errors.New("url: the host must not come of a secret, nor be another each time")
	}
	for name, template := range e.headers {
		text, present, err := headerText(ctx, "headers: "+name, template, vars, secret)
		if err != nil {
			return Address{}, blameSpec(err)
		}
		if present {
			a.Header.Set(name, text)
		}
		if strings.EqualFold(name, "Authorization") { // it may be computed of secrets
			line.job.hidden.notePassing(text[strings.LastIndexByte(text, ' ')+1:])
		}
	}
	if err := e.fillBody(ctx, vars, secret, &a); err != nil {
		return Address{}, blameSpec(err)
	}
	if e.auth != nil {
		if err := e.auth.apply(ctx, line, vars, secret, &a); err != nil {
			return Address{}, fmt.Errorf("auth: %w", err)
		}
	}
	return a, nil
}

// headerText fills the template of a header.
func headerText(ctx context.Context, what string, t transform.Template, vars transform.Vars, secret transform.Secret) (text string, present bool, err error) {
	text, present, err = Fill(ctx, t, vars, secret)
	if err != nil {
		return "", false, fmt.Errorf("%s: %w", what, err)
	}
	if strings.ContainsAny(text, "\r\n\x00") {
		return "", false, fmt.Errorf("%s has a line break", what)
	}
	return text, present, nil
}

func (e *Endpoint) fillBody(ctx context.Context, vars transform.Vars, secret transform.Secret, a *Address) error {
	if e.body == nil {
		return nil
	}
	v, present, err := e.body.Eval(ctx, vars.Input(), transform.Env{}, secret)
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if !present || v == nil {
		return nil
	}
	if a.Body, err = transform.Text(v); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if _, text := v.(string); !text && a.Header.Get("Content-Type") == "" {
		a.Header.Set("Content-Type", "application/json")
	}
	return nil
}

// HTTP is the request itself.
func (a *Address) HTTP(ctx context.Context) (*http.Request, error) {
	var body io.Reader
	if a.Body != nil {
		body = bytes.NewReader(a.Body)
	}
	r, err := http.NewRequestWithContext(ctx, a.Method, a.URL.String(), body)
	if err != nil {
		return nil, errors.New("what the templates make is no request")
	}
	r.Header = a.Header
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "anode")
	}
	return r, nil
}

// Renew tells, after 401, whether the request is worth another try: its token is forgotten.
func (a *Address) Renew() bool {
	if a.oauth == nil {
		return false
	}
	a.oauth.forget(a.token)
	return true
}

// shown is the URL with asterisks for secrets.
func (e *Endpoint) shown(ctx context.Context, vars transform.Vars, to Detour) (*url.URL, error) {
	return e.address(ctx, vars, to, func(string) (string, error) { return shownSecret, nil })
}

// address fills url and query.
func (e *Endpoint) address(ctx context.Context, vars transform.Vars, to Detour, secret transform.Secret) (*url.URL, error) {
	if to.URL != nil {
		u := *to.URL
		return withParam(&u, to), nil
	}
	v, _, err := e.url.EvalEscaped(ctx, vars.Input(), transform.Env{}, secret, escape)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	text, _ := v.(string)
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || strings.ContainsAny(text, " \r\n") {
		return nil, errors.New("url: what the template makes is no URL")
	}
	u.Fragment, u.RawFragment = "", ""
	if !slices.Contains(e.request.Schemes, strings.ToLower(u.Scheme)) {
		return nil, fmt.Errorf("url: must begin with %s://", strings.Join(e.request.Schemes, ":// or "))
	}
	if err := e.fillQuery(ctx, vars, secret, u); err != nil {
		return nil, err
	}
	return withParam(u, to), nil
}

// fillQuery adds the query; what the URL has stays as it is written.
func (e *Endpoint) fillQuery(ctx context.Context, vars transform.Vars, secret transform.Secret, u *url.URL) error {
	var more []string
	for _, name := range slices.Sorted(maps.Keys(e.query)) {
		v, present, err := e.query[name].Eval(ctx, vars.Input(), transform.Env{}, secret)
		if err != nil {
			return fmt.Errorf("query: %s: %w", name, err)
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
				return fmt.Errorf("query: %s: %w", name, err)
			}
			more = append(more, url.QueryEscape(name)+"="+url.QueryEscape(string(text)))
		}
	}
	if u.RawQuery != "" && len(more) > 0 {
		u.RawQuery += "&"
	}
	u.RawQuery += strings.Join(more, "&")
	return nil
}

// withParam puts the detour's parameter in the place of one of its name.
func withParam(u *url.URL, to Detour) *url.URL {
	if to.Param != "" {
		setParam(u, to.Param, to.Value)
	}
	return u
}

// setParam makes a parameter the last one of a query, and the only one of its name.
func setParam(u *url.URL, name, value string) {
	dropParam(u, name)
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += url.QueryEscape(name) + "=" + url.QueryEscape(value)
}

func dropParam(u *url.URL, name string) {
	var kept []string
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		of, _, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(of); part != "" && (err != nil || plain != name) {
			kept = append(kept, part)
		}
	}
	u.RawQuery = strings.Join(kept, "&")
}

// escape writes a text so that it is one piece anywhere in a URL.
func escape(text string) string {
	return strings.NewReplacer("+", "%20").Replace(url.QueryEscape(text))
}

// Fill fills a template as a text; absent where it is one whole expression that gives null.
func Fill(ctx context.Context, t transform.Template, vars transform.Vars, secret transform.Secret) (text string, present bool, err error) {
	v, present, err := t.Eval(ctx, vars.Input(), transform.Env{}, secret)
	if err != nil || !present {
		return "", false, blameSpec(err)
	}
	raw, err := transform.Text(v)
	return string(raw), true, blameSpec(err)
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
	if page(body) {
		body = unmarked(body)
	}
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 4*most)]), "�")), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// page tells that a body is HTML.
func page(body []byte) bool {
	begin := bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 256)]))
	return bytes.HasPrefix(begin, []byte("<!doctype html")) || bytes.HasPrefix(begin, []byte("<html"))
}

// mostPage is how much of a page is looked at, in bytes.
const mostPage = 16 << 10

var (
	unseen = regexp.MustCompile(`(?is)<(script|style|head)\b.*?</(script|style|head)>|<!--.*?-->`)
	marks  = regexp.MustCompile(`<[^>]*>`)
)

// unmarked is the text of a page, without what is not shown.
func unmarked(body []byte) []byte {
	body = body[:min(len(body), mostPage)]
	text := html.UnescapeString(string(marks.ReplaceAll(unseen.ReplaceAll(body, []byte(" ")), []byte(" "))))
	return []byte(text)
}
