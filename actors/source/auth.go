package source

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"anode/actors/expr"
	"anode/actors/source/oauth"
	"anode/actors/source/transform"
	"anode/messages/spec"
)

// auth authorises the requests of an endpoint. It is safe for concurrent use.
type auth struct {
	bearer, user, password transform.Template // nil: not that way
	oauth                  *oauthAuth
	sign                   *sign
}

func (s *Setup) compileAuth(at string, of *spec.Auth, by *Transport, faults *spec.Faults) *auth {
	a := &auth{}
	if of.Bearer != "" {
		a.bearer = s.CompileTemplate(at+"/bearer", of.Bearer, faults)
	}
	if of.Basic != nil {
		a.user = s.CompileTemplate(at+"/basic/user", of.Basic.User, faults)
		a.password = s.CompileTemplate(at+"/basic/password", of.Basic.Password, faults)
	}
	if of.OAuth2 != nil {
		a.oauth = s.compileOAuth(at+"/oauth2", of.OAuth2, by, faults)
	}
	if of.Sign != nil {
		a.sign = s.compileSign(at+"/sign", of.Sign, faults)
	}
	return a
}

// apply writes what authorises a request into it. The signature comes last, as it is of all the rest.
func (a *auth) apply(ctx context.Context, line *Line, vars transform.Vars, secret transform.Secret, to *Address) error {
	switch {
	case a.bearer != nil:
		text, _, err := headerText(ctx, "bearer", a.bearer, vars, secret)
		if err != nil {
			return err
		}
		line.job.hidden.notePassing(text)
		to.Header.Set("Authorization", "Bearer "+text)
	case a.user != nil:
		user, _, err := Fill(ctx, a.user, vars, secret)
		if err != nil {
			return fmt.Errorf("basic.user: %w", err)
		}
		password, _, err := Fill(ctx, a.password, vars, secret)
		if err != nil {
			return fmt.Errorf("basic.password: %w", err)
		}
		if strings.Contains(user, ":") {
			return errors.New("basic.user: must not have a colon")
		}
		both := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
		line.job.hidden.notePassing(both)
		to.Header.Set("Authorization", "Basic "+both)
	case a.oauth != nil:
		token, err := a.oauth.get(ctx, line, vars)
		if err != nil {
			return fmt.Errorf("oauth2: %w", err)
		}
		to.Header.Set("Authorization", token)
		to.oauth, to.token = a.oauth, token
	}
	if a.sign == nil {
		return nil
	}
	if err := a.sign.apply(ctx, vars, secret, to); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	return nil
}

// sign puts a value that is computed of the request into it.
type sign struct {
	in, name      string
	value, secret transform.Template // secret is nil where there is none
}

func (s *Setup) compileSign(at string, of *spec.Sign, faults *spec.Faults) *sign {
	c := &sign{in: of.In, name: of.Name, value: s.compileTemplate(at+"/value", of.Value, faults)}
	switch {
	case of.Secret != "":
		c.secret = s.CompileTemplate(at+"/secret", of.Secret, faults)
	case c.value != nil && c.value.UsesKey():
		*faults = append(*faults, spec.Fault{Path: at + "/value", Message: "uses $secret, which needs the field secret beside it, such as secret: ${secret:NAME}"})
	}
	return c
}

// apply signs: the expressions of the value have the request as it is without what is signed.
func (s *sign) apply(ctx context.Context, vars transform.Vars, secret transform.Secret, to *Address) error {
	if s.in == "query" {
		dropParam(to.URL, s.name)
	}
	headers := make(map[string]any, len(to.Header))
	for name, values := range to.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	at := *to.URL
	at.User = nil
	timed, _ := vars.Request.(map[string]any)
	vars.Request = map[string]any{
		"method": to.Method, "url": at.String(), "host": at.Host, "path": at.EscapedPath(), "query": at.RawQuery,
		"headers": headers, "body": string(to.Body), "time": timed["time"],
	}
	value, present, err := headerText(ctx, "value", s.value, vars, func(name string) (string, error) {
		switch {
		case name != expr.KeySecret:
			return secret(name)
		case s.secret == nil:
			return "", errors.New("there is none")
		}
		key, _, err := Fill(ctx, s.secret, vars, secret)
		return key, err
	})
	if err != nil || !present {
		return err
	}
	if s.in == "header" {
		to.Header.Set(s.name, value)
		return nil
	}
	setParam(to.URL, s.name, value)
	at = url.URL{RawQuery: queryOf(to.Shown)}
	dropParam(&at, s.name)
	setParam(&at, s.name, shownSecret)
	bare, _, _ := strings.Cut(to.Shown, "?")
	to.Shown = bare + "?" + strings.ReplaceAll(at.RawQuery, url.QueryEscape(shownSecret), shownSecret)
	return nil
}

func queryOf(text string) string {
	_, query, _ := strings.Cut(text, "?")
	return query
}

const (
	// tokenPatience bounds the call for a token.
	tokenPatience = 15 * time.Second
	// tokenMargin is how long before its end a token is not used any more, at most; it is a tenth of short lives.
	tokenMargin = time.Minute
)

// oauthAuth gets tokens and keeps the last one.
type oauthAuth struct {
	setup     *Setup
	transport *Transport
	endpoint  *Endpoint // the URL of the token's server
	id        transform.Template
	secret    transform.Template
	params    map[string]transform.Template
	scopes    []string

	// turn has room for one: who has put something there has what follows.
	turn   chan struct{}
	client *oauth.Client
	of     [2]string // the credentials of client
	token  string    // empty: none
	until  time.Time // zero: until the feed refuses it
}

func (s *Setup) compileOAuth(at string, of *spec.OAuth2, by *Transport, faults *spec.Faults) *oauthAuth {
	o := &oauthAuth{
		setup: s, transport: by, scopes: of.Scopes, turn: make(chan struct{}, 1), params: make(map[string]transform.Template),
		id:     s.CompileTemplate(at+"/client_id", of.ClientID, faults),
		secret: s.CompileTemplate(at+"/client_secret", of.ClientSecret, faults),
	}
	o.endpoint = &Endpoint{setup: s, transport: by, request: Request{Schemes: []string{"https", "http"}}, url: s.CompileTemplate(at+"/token_url", of.TokenURL, faults)}
	for name, text := range of.Params {
		o.params[name] = s.CompileTemplate(at+"/params/"+pointer(name), text, faults)
	}
	return o
}

// get is the header that authorises: of the token that is known, or of a new one.
func (o *oauthAuth) get(ctx context.Context, line *Line, vars transform.Vars) (string, error) {
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	defer func() { <-o.turn }()
	if o.token != "" && (o.until.IsZero() || o.setup.Clock().Before(o.until)) {
		return o.token, nil
	}
	o.token = ""
	token, err := o.fetch(ctx, line, vars)
	if err != nil {
		return "", err
	}
	o.token, o.until = token.Header, time.Time{}
	if token.Lifetime > 0 {
		o.until = o.setup.Clock().Add(token.Lifetime - min(tokenMargin, token.Lifetime/10))
	}
	return o.token, nil
}

// forget drops a token that the feed refused.
func (o *oauthAuth) forget(token string) {
	o.turn <- struct{}{} // a fetch is bounded
	defer func() { <-o.turn }()
	if o.token == token {
		o.token = ""
	}
}

// fetch asks the server.
func (o *oauthAuth) fetch(ctx context.Context, line *Line, vars transform.Vars) (oauth.Token, error) {
	defer line.hold()()
	at, err := o.endpoint.Open(ctx, line, vars, Detour{})
	if err != nil {
		return oauth.Token{}, err
	}
	cfg := oauth.Config{TokenURL: at.URL.String(), Scopes: o.scopes, Params: make(url.Values)}
	secret := line.Secret(at.Host)
	if cfg.ClientID, _, err = Fill(ctx, o.id, vars, secret); err != nil {
		return oauth.Token{}, fmt.Errorf("client_id: %w", err)
	}
	if cfg.Secret, _, err = Fill(ctx, o.secret, vars, secret); err != nil {
		return oauth.Token{}, fmt.Errorf("client_secret: %w", err)
	}
	for name, t := range o.params {
		text, present, err := Fill(ctx, t, vars, secret)
		if err != nil {
			return oauth.Token{}, fmt.Errorf("params: %s: %w", name, err)
		}
		if present {
			cfg.Params.Set(name, text)
		}
	}
	line.job.hidden.note(cfg.Secret)
	line.job.hidden.notePassing(base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(cfg.ClientID) + ":" + url.QueryEscape(cfg.Secret))))
	// The way that a server wants credentials is kept with the client.
	of := [2]string{fmt.Sprint(cfg), cfg.Secret}
	if o.client == nil || o.of != of {
		o.client, o.of = oauth.New(cfg), of
	}
	over, err := o.transport.Client(ctx, line, at.Host)
	if err != nil {
		return oauth.Token{}, err
	}
	bounded, cancel := context.WithTimeoutCause(ctx, tokenPatience, fmt.Errorf("the token server did not answer within %s", tokenPatience))
	defer cancel()
	token, err := o.client.Fetch(bounded, over)
	if err != nil {
		return oauth.Token{}, o.failure(bounded, line, err)
	}
	line.job.hidden.notePassing(token.Access)
	return token, nil
}

// failure is why there is no token, in the server's own words.
func (o *oauthAuth) failure(ctx context.Context, line *Line, err error) error {
	var of *oauth.RefusedError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !errors.As(err, &of):
		return line.Cause(err)
	}
	text := fmt.Sprintf("the token server answered %d %s", of.Response.StatusCode, http.StatusText(of.Response.StatusCode))
	words := []string{Words([]byte(of.Code)), Words([]byte(of.Description))}
	if of.Code == "" {
		words = []string{Words(of.Body)}
	}
	for _, w := range slices.DeleteFunc(words, func(w string) bool { return w == "" }) {
		text += ": " + w
	}
	err = errors.New(line.Hide(text))
	if wait := Asked(of.Response, o.setup.Clock()); wait > 0 {
		return &AskedToWait{Err: err, Wait: wait}
	}
	return err
}
