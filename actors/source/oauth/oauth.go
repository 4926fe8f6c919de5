package oauth

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// Config is who asks for a token, and where.
type Config struct {
	TokenURL         string
	ClientID, Secret string
	Scopes           []string
	// Params are sent along.
	Params url.Values
}

// Token is what a server gave.
type Token struct {
	// Header is the value of the header Authorization; Access is what in it is the secret.
	Header, Access string
	// Lifetime is for how long it is good; 0 means that the server did not say.
	Lifetime time.Duration
}

// RefusedError is an answer that has no token.
type RefusedError struct {
	// Response has the head of the answer; Body is its text, which may show what was sent.
	Response *http.Response
	Body     []byte
	// Code and Description are those of RFC 6749, section 5.2, where the answer has them.
	Code, Description string
}

// Error names the status and the code.
func (r *RefusedError) Error() string {
	return fmt.Sprintf("the token server answered %d %s", r.Response.StatusCode, r.Code)
}

// Client asks one server for tokens. It is safe for concurrent use.
type Client struct {
	cfg    Config
	config clientcredentials.Config
}

// New makes a client; it does no I/O.
func New(cfg Config) *Client {
	return &Client{cfg: cfg, config: clientcredentials.Config{
		ClientID: cfg.ClientID, ClientSecret: cfg.Secret, TokenURL: cfg.TokenURL, Scopes: cfg.Scopes, EndpointParams: cfg.Params,
	}}
}

// Fetch asks for a token: with the credentials in the header, and where the server does not take that in
// the body. It reads at most 1 MiB. An error is a *RefusedError where the server answered without a token.
func (c *Client) Fetch(ctx context.Context, over *http.Client) (Token, error) {
	by := *over
	by.Transport = sniffing{over.Transport}
	t, err := c.config.Token(context.WithValue(ctx, oauth2.HTTPClient, &by))
	var of *oauth2.RetrieveError
	switch {
	case errors.As(err, &of) && of.Response != nil:
		return Token{}, &RefusedError{Response: of.Response, Body: of.Body, Code: of.ErrorCode, Description: of.ErrorDescription}
	case err != nil:
		if what, own := strings.CutPrefix(err.Error(), "oauth2: "); own { // as the library says it
			err = errors.New("the token server's answer has no token: " + what)
		}
		return Token{}, err
	}
	token := Token{Header: t.Type() + " " + t.AccessToken, Access: t.AccessToken}
	if !t.Expiry.IsZero() {
		token.Lifetime = max(time.Until(t.Expiry), time.Nanosecond)
	}
	return token, nil
}

// sniffing says of answers that are JSON that they are, as some servers do not: the library takes a text for
// a form.
type sniffing struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (s sniffing) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body := bufio.NewReader(answer.Body)
	if first, err := body.Peek(1); err == nil && first[0] == '{' {
		answer.Header.Set("Content-Type", "application/json")
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{body, answer.Body}
	return answer, nil
}
