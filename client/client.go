package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// DefaultServer is where a node listens that was told nothing else.
const DefaultServer = "http://127.0.0.1:8080"

// Config says which mesh a client talks to. The zero Config is a node on this machine.
type Config struct {
	// Servers are the URLs of nodes of one mesh, in the order in which they are tried; a missing
	// scheme is http. Empty means DefaultServer.
	Servers []string
	// Token is sent as bearer token; empty sends none.
	Token string
	// TLS is used for https; nil is the system's roots.
	TLS *tls.Config
	// DialTimeout bounds making one connection; 0 is 5 s.
	DialTimeout time.Duration
	// AnswerTimeout bounds the wait for an answer's head, and each pause within its body; 0 is 60 s.
	AnswerTimeout time.Duration
	// Silence is how long a subscription hears nothing before it connects anew; 0 is 45 s.
	Silence time.Duration
	// MinPause and MaxPause bound a subscription's pauses between attempts: the first is at most
	// MinPause, each at most twice the one before, never above MaxPause; each is drawn evenly from
	// zero to that. 0 is 500 ms and 30 s.
	MinPause, MaxPause time.Duration
	// Logger is told of reconnects, at debug level; nil is nobody.
	Logger *slog.Logger
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	if len(c.Servers) == 0 {
		c.Servers = []string{DefaultServer}
	}
	for _, d := range []struct {
		of    *time.Duration
		value time.Duration
	}{
		{&c.DialTimeout, 5 * time.Second},
		{&c.AnswerTimeout, time.Minute},
		{&c.Silence, 45 * time.Second},
		{&c.MinPause, 500 * time.Millisecond},
		{&c.MaxPause, 30 * time.Second},
	} {
		if *d.of == 0 {
			*d.of = d.value
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate names all faults.
func (c Config) Validate() error {
	var faults []error
	for _, text := range c.Servers {
		if _, err := parseServer(text); err != nil {
			faults = append(faults, err)
		}
	}
	for name, d := range map[string]time.Duration{
		"DialTimeout": c.DialTimeout, "AnswerTimeout": c.AnswerTimeout, "Silence": c.Silence, "MinPause": c.MinPause, "MaxPause": c.MaxPause,
	} {
		if d < 0 {
			faults = append(faults, fmt.Errorf("%s is negative", name))
		}
	}
	if strings.ContainsAny(c.Token, "\r\n") {
		faults = append(faults, errors.New("token has a line break"))
	}
	return errors.Join(faults...)
}

// Client talks to a mesh. It is safe for concurrent use.
type Client struct {
	cfg     Config
	servers []*url.URL
	http    *http.Client
	// current is the index of the server that answered last.
	current atomic.Int64
}

// New makes a client. It does not connect.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	cfg = cfg.withDefaults()
	c := &Client{cfg: cfg}
	for _, text := range cfg.Servers {
		u, err := parseServer(text)
		if err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
		c.servers = append(c.servers, u)
	}
	c.http = &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: cfg.DialTimeout}).DialContext,
			TLSClientConfig: cfg.TLS, TLSHandshakeTimeout: cfg.DialTimeout, ResponseHeaderTimeout: cfg.AnswerTimeout,
			MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Close closes idle connections. The client may be used on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Servers are the URLs of the configuration.
func (c *Client) Servers() []string {
	list := make([]string, len(c.servers))
	for i, u := range c.servers {
		list[i] = u.String()
	}
	return list
}

// Only is a client of one of the servers: what it is asked is answered by that node or by none.
func (c *Client) Only(server string) (*Client, error) {
	cfg := c.cfg
	cfg.Servers = []string{server}
	return New(cfg)
}

// parseServer reads a server's URL.
func parseServer(text string) (*url.URL, error) {
	full := strings.TrimSpace(text)
	if !strings.Contains(full, "://") {
		full = "http://" + full
	}
	u, err := url.Parse(strings.TrimRight(full, "/"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("server %q is no URL such as %s", text, DefaultServer)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("server %q: the scheme must be http or https", text)
	case u.Hostname() == "":
		return nil, fmt.Errorf("server %q has no host, write it as %s", text, DefaultServer)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("server %q: only scheme, host, port and path are allowed", u.Redacted())
	}
	return u, nil
}

// endpoint is a URL below /api/v1 of a server; path is escaped already.
func endpoint(server *url.URL, path string, query url.Values) string {
	text := server.String() + path
	if len(query) > 0 {
		text += "?" + query.Encode()
	}
	return text
}

// sleep waits, or ends with ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
