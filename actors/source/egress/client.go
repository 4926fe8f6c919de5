package egress

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxRedirects is how many redirects one request follows.
const maxRedirects = 5

// maxHeaderBytes bounds the header of an answer.
const maxHeaderBytes = 256 << 10

// Transport is an http.Transport whose connections pass the guard. It uses no proxy of the
// environment: that would resolve names out of the guard's sight.
func (g *Guard) Transport() *http.Transport {
	return &http.Transport{
		DialContext:       g.DialContext,
		ForceAttemptHTTP2: true,
		// A connection that is kept between polls has its buffers, and thousands of sources have one each.
		ReadBufferSize:         2 << 10,
		WriteBufferSize:        1 << 10,
		MaxIdleConnsPerHost:    2,
		MaxConnsPerHost:        8,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

// Client makes an HTTP client with a transport of its own, which the caller closes with
// CloseIdleConnections. Redirects are bounded, never leave HTTPS for HTTP, and take neither
// headers nor a body to another host.
func (g *Guard) Client() *http.Client { return g.ClientBy(Way{}, nil) }

func checkRedirect(next *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("more than %d redirects", maxRedirects)
	case next.URL.Scheme != "http" && next.URL.Scheme != "https":
		return fmt.Errorf("redirected to the scheme %q", next.URL.Scheme)
	case last.URL.Scheme == "https" && next.URL.Scheme == "http":
		return errors.New("redirected from HTTPS to HTTP")
	}
	// It names the page before with its query, which may have a secret.
	next.Header.Del("Referer")
	next.URL.User = nil
	if sameHost(first.URL, next.URL) {
		return nil
	}
	if next.Body != nil && next.Body != http.NoBody {
		return fmt.Errorf("redirected with its body to another host, %s", next.URL.Host)
	}
	keep := make(http.Header)
	for _, name := range []string{"Accept", "Accept-Encoding", "Last-Event-Id", "User-Agent"} {
		if v := next.Header.Values(name); v != nil {
			keep[name] = v
		}
	}
	next.Header = keep
	return nil
}

// sameHost tells whether two addresses are of one host and port.
func sameHost(a, b *url.URL) bool {
	return strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https" || u.Scheme == "wss":
		return "443"
	}
	return "80"
}

// Cause is what went wrong, without the address of the request that *url.Error adds: its query
// may have a secret.
func Cause(err error) error {
	for {
		var of *url.Error
		if !errors.As(err, &of) {
			return err
		}
		err = of.Err
	}
}
