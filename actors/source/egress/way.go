package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/proxy"
)

// Way is how to reach a host. The zero value is straight on, with the system's authorities.
type Way struct {
	// Proxy is what leads there: an http, https, socks5 or socks5h URL, with a user where it wants one. The
	// proxy resolves names, so the guard looks at the proxy's own addresses, and refuses targets that are a
	// private address as they are written; names of private hosts are the proxy's to refuse. Nil is none.
	Proxy *url.URL
	// TLS has authorities and identity; nil means the system's, and none. It is not changed.
	TLS *tls.Config
}

// tunnelPatience bounds what a proxy takes to connect, beside the dialling.
const tunnelPatience = 15 * time.Second

// ClientBy makes a client as Client does, for a way. Tune may change the transport's sizes, and put something
// around its DialContext; nil leaves it as it is.
func (g *Guard) ClientBy(way Way, tune func(*http.Transport)) *http.Client {
	t := g.Transport()
	t.TLSClientConfig = way.TLS.Clone()
	if tune != nil {
		tune(t)
	}
	if way.Proxy == nil {
		return &http.Client{Transport: t, CheckRedirect: checkRedirect}
	}
	t.Proxy = http.ProxyURL(way.Proxy)
	t.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, r *http.Response) error { return connectAnswer(r) }
	return &http.Client{Transport: proxied{t, g}, CheckRedirect: checkRedirect}
}

// proxied looks at the target of each request, as nobody else does where a proxy dials it.
type proxied struct {
	*http.Transport
	guard *Guard
}

// RoundTrip implements http.RoundTripper.
func (p proxied) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := p.guard.CheckTarget(r.URL.Host); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	return p.Transport.RoundTrip(r)
}

// DialBy connects to an address on a way, without TLS to the target: what is behind a proxy is reached by
// a tunnel (CONNECT, or SOCKS 5).
func (g *Guard) DialBy(ctx context.Context, way Way, network, address string) (net.Conn, error) {
	if way.Proxy == nil {
		return g.DialContext(ctx, network, address)
	}
	if err := g.CheckTarget(address); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, g.dialer.Timeout+tunnelPatience)
	defer cancel()
	at := proxyAddress(way.Proxy)
	if strings.HasPrefix(way.Proxy.Scheme, "socks5") {
		return g.socks(ctx, way.Proxy, at, network, address)
	}
	conn, err := g.DialContext(ctx, network, at)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	tunnel, err := connect(ctx, conn, way, address)
	if !stop() || err != nil {
		_ = conn.Close() // nobody is told
		if ctx.Err() != nil {
			err = fmt.Errorf("proxy: %w", context.Cause(ctx))
		}
		return nil, err
	}
	return tunnel, nil
}

func proxyAddress(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if port == "" {
		port = "1080"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// connect asks an HTTP proxy for a tunnel (RFC 9110, section 9.3.6).
func connect(ctx context.Context, conn net.Conn, way Way, address string) (net.Conn, error) {
	if way.Proxy.Scheme == "https" {
		cfg := way.TLS.Clone()
		if cfg == nil {
			cfg = &tls.Config{}
		}
		cfg.ServerName, cfg.NextProtos = way.Proxy.Hostname(), nil
		secure := tls.Client(conn, cfg)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
		conn = secure
	}
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: make(http.Header)}
	if user := way.Proxy.User; user != nil {
		password, _ := user.Password()
		r.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := r.Write(conn); err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	read := bufio.NewReader(&headBytes{conn, maxHeaderBytes})
	answer, err := http.ReadResponse(read, r)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	if err := connectAnswer(answer); err != nil {
		return nil, err
	}
	if read.Buffered() > 0 {
		return nil, errors.New("proxy: it speaks before the tunnel is used")
	}
	return conn, nil
}

// headBytes bounds what an answer to CONNECT may have.
type headBytes struct {
	net.Conn
	left int
}

// Read implements io.Reader.
func (h *headBytes) Read(p []byte) (int, error) {
	if h.left <= 0 {
		return 0, errors.New("the answer is too long")
	}
	n, err := h.Conn.Read(p[:min(len(p), h.left)])
	h.left -= n
	return n, err
}

func connectAnswer(r *http.Response) error {
	if r.StatusCode/100 == 2 {
		return nil
	}
	return fmt.Errorf("proxy: it answered CONNECT with %s", strings.TrimSpace(fmt.Sprintf("%d %s", r.StatusCode, http.StatusText(r.StatusCode))))
}

// socks connects by a SOCKS 5 proxy, which resolves the name.
func (g *Guard) socks(ctx context.Context, u *url.URL, at, network, address string) (net.Conn, error) {
	var auth *proxy.Auth
	if u.User != nil {
		password, _ := u.User.Password()
		auth = &proxy.Auth{User: u.User.Username(), Password: password}
	}
	dialer, err := proxy.SOCKS5("tcp", at, auth, forward{g})
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	conn, err := dialer.(proxy.ContextDialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	return conn, nil
}

// forward dials the proxy itself.
type forward struct{ *Guard }

// Dial implements proxy.Dialer.
func (f forward) Dial(network, address string) (net.Conn, error) {
	return f.DialContext(context.Background(), network, address)
}
