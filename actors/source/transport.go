package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"anode/actors/source/egress"
	"anode/actors/source/transform"
	"anode/messages/spec"
)

// Transport is how a source reaches hosts: through the guard, by the spec's proxy, with its TLS. What it makes
// is kept until a secret in it changes. It is safe for concurrent use.
type Transport struct {
	guard *egress.Guard
	// pass waits for the budget of requests; redirects are some too.
	pass func(ctx context.Context, host string) error
	// ca, cert, key and proxy are nil where there is none.
	ca, cert, key, proxy transform.Template
	// single is set where the source is exclusive.
	single *single

	mu     sync.Mutex // guards what follows; a leaf
	texts  [4]string
	made   bool
	way    egress.Way
	client *http.Client
}

// CompileTransport compiles tls and proxy; what is wrong is added to the faults.
func (s *Setup) CompileTransport(faults *spec.Faults) *Transport {
	t := &Transport{guard: s.Guard, pass: s.pass}
	if s.transports != nil {
		*s.transports = append(*s.transports, t)
	}
	if s.Spec.Exclusive {
		t.single = newSingle(s.Guard.DialContext)
	}
	if s.Spec.Proxy != "" {
		t.proxy = s.CompileTemplate("/proxy", s.Spec.Proxy, faults)
	}
	of := s.Spec.TLS
	if of == nil {
		return t
	}
	for _, x := range []struct {
		path, text string
		into       *transform.Template
	}{{"/tls/ca", of.CA, &t.ca}, {"/tls/cert", of.Cert, &t.cert}, {"/tls/key", of.Key, &t.key}} {
		if x.text == "" {
			continue
		}
		*x.into = s.CompileTemplate(x.path, x.text, faults)
		if !spec.Templated(x.text) && !certificates(x.text) {
			*faults = append(*faults, spec.Fault{Path: x.path, Message: "has no certificate in PEM (-----BEGIN CERTIFICATE-----)"})
		}
	}
	return t
}

func certificates(text string) bool { return x509.NewCertPool().AppendCertsFromPEM([]byte(text)) }

// Close closes what is kept open.
func (t *Transport) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.client != nil {
		t.client.CloseIdleConnections()
	}
}

// Way is how to reach a host; secrets go into it as they may go to that host, those of the proxy to the proxy.
func (t *Transport) Way(ctx context.Context, line *Line, host string) (egress.Way, error) {
	way, _, err := t.look(ctx, line, host)
	return way, err
}

// Client is one for a host. It is shared, and kept open between connections.
func (t *Transport) Client(ctx context.Context, line *Line, host string) (*http.Client, error) {
	_, client, err := t.look(ctx, line, host)
	return client, err
}

// NewClient makes a client of the caller's own for a host. Tune is that of egress.ClientBy.
func (t *Transport) NewClient(ctx context.Context, line *Line, host string, tune func(*http.Transport)) (*http.Client, error) {
	way, err := t.Way(ctx, line, host)
	if err != nil {
		return nil, err
	}
	return t.clientBy(way, tune), nil
}

// Settle waits, where the source is exclusive, until the feed has let go what its clients closed: two seconds at
// most. The next connection of the source is made after it.
func (t *Transport) Settle() {
	if t.single != nil {
		t.single.wait()
	}
}

func (t *Transport) clientBy(way egress.Way, tune func(*http.Transport)) *http.Client {
	client := t.guard.ClientBy(way, func(of *http.Transport) {
		if t.single != nil { // none is kept: one that idles would be in the way of another host's
			of.DisableKeepAlives, of.DialContext = true, t.single.DialContext
		}
		if tune != nil {
			tune(of)
		}
	})
	check := client.CheckRedirect
	client.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		if err := check(next, via); err != nil {
			return err
		}
		return t.pass(next.Context(), next.URL.Host)
	}
	return client
}

// look fills the templates, and makes what they say where it is something new.
func (t *Transport) look(ctx context.Context, line *Line, host string) (egress.Way, *http.Client, error) {
	var texts [4]string
	proxyHost, err := t.proxyHost(ctx)
	if err != nil {
		return egress.Way{}, nil, err
	}
	for i, x := range []struct {
		what, host string
		from       transform.Template
	}{{"tls.ca", host, t.ca}, {"tls.cert", host, t.cert}, {"tls.key", host, t.key}, {"proxy", proxyHost, t.proxy}} {
		if x.from == nil {
			continue
		}
		v, _, err := x.from.EvalEscaped(ctx, transform.Vars{}.Input(), transform.Env{}, line.Secret(x.host), map[bool]func(string) string{true: escape}[x.what == "proxy"])
		if err != nil {
			return egress.Way{}, nil, fmt.Errorf("%s: %w", x.what, err)
		}
		texts[i], _ = v.(string)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.made && t.texts == texts {
		return t.way, t.client, nil
	}
	way, err := wayOf(texts[0], texts[1], texts[2], texts[3])
	if err != nil {
		return egress.Way{}, nil, err
	}
	if t.client != nil {
		t.client.CloseIdleConnections()
	}
	t.way, t.texts, t.made, t.client = way, texts, true, t.clientBy(way, nil)
	return t.way, t.client, nil
}

// proxyHost is where the secrets of the proxy's user go.
func (t *Transport) proxyHost(ctx context.Context) (string, error) {
	if t.proxy == nil {
		return "", nil
	}
	v, _, err := t.proxy.Eval(ctx, transform.Vars{}.Input(), transform.Env{}, func(string) (string, error) { return "1", nil })
	if err != nil {
		return "", fmt.Errorf("proxy: %w", err)
	}
	text, _ := v.(string)
	u, err := url.Parse(text)
	if err != nil {
		return "", errors.New("proxy: is no URL")
	}
	return u.Host, nil
}

// wayOf reads what the templates made. Its errors have nothing of it.
func wayOf(ca, cert, key, proxy string) (egress.Way, error) {
	var way egress.Way
	if proxy != "" {
		u, err := url.Parse(proxy)
		if err != nil || u.Host == "" {
			return way, errors.New("proxy: is no URL")
		}
		way.Proxy = u
	}
	if ca == "" && cert == "" {
		return way, nil
	}
	way.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		way.TLS.RootCAs = x509.NewCertPool()
		if !way.TLS.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			return way, errors.New("tls.ca: has no certificate in PEM")
		}
	}
	if cert == "" {
		return way, nil
	}
	identity, err := tls.X509KeyPair([]byte(cert), []byte(key))
	switch block, _ := pem.Decode([]byte(strings.TrimSpace(key))); {
	case !certificates(cert):
		return way, errors.New("tls.cert: has no certificate in PEM")
	case block == nil:
		return way, errors.New("tls.key: has no private key in PEM")
	case err != nil:
		return way, fmt.Errorf("tls.cert and tls.key: %w", err)
	}
	way.TLS.Certificates = []tls.Certificate{identity}
	return way, nil
}
