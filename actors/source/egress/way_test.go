package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestWhatAProxyIsNotAskedFor(t *testing.T) {
	guard, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{
		"127.0.0.1", "127.1:80", "0x7f000001", "0x7f.1", "017700000001:443", "2130706433", "0177.0.0.1", "010.0.0.1", "10.0.0.1.", "[::1]:80", "::1",
		"[fe80::1%25eth0]:80", "[::ffff:10.0.0.1]:80", "localhost", "LOCALHOST.:80", "a.localhost", "169.254.169.254", "0",
	} {
		if err := guard.CheckTarget(host); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, host := range []string{"example.com:443", "1.1.1.1", "[2606:4700:4700::1111]:443", "1.1", "0x01010101", "0xyz", "10.example", "1.2.3.4.5", "999.1", "256.1.1.1"} {
		if err := guard.CheckTarget(host); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// middle is a proxy for tests: it notes what it is asked for and leads all of it to one place.
type middle struct {
	addr  string
	mu    sync.Mutex
	asked []string
	auth  string
}

func (m *middle) note(what, auth string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked, m.auth = append(m.asked, what), auth
}

func (m *middle) seen() ([]string, string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.asked), m.auth
}

// startMiddle serves until the test ends; talk has one connection.
func startMiddle(t *testing.T, over *tls.Config, talk func(m *middle, c net.Conn)) *middle {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if over != nil {
		l = tls.NewListener(l, over)
	}
	m := &middle{addr: l.Addr().String()}
	var busy sync.WaitGroup
	busy.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			busy.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				talk(m, c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		busy.Wait()
	})
	return m
}

// leads is an HTTP proxy whose targets are all at one address.
func leads(to string) func(*middle, net.Conn) {
	return func(m *middle, c net.Conn) {
		read := bufio.NewReader(c)
		r, err := http.ReadRequest(read)
		if err != nil {
			return
		}
		m.note(r.Method+" "+r.RequestURI, r.Header.Get("Proxy-Authorization"))
		if r.Method != http.MethodConnect {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nplain")
			return
		}
		if to == "" {
			fmt.Fprintf(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
			return
		}
		fmt.Fprintf(c, "HTTP/1.1 200 Connection established\r\n\r\n")
		join(c, read, to)
	}
}

func join(c net.Conn, read io.Reader, to string) {
	far, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer far.Close()
	done := make(chan struct{})
	go func() { defer close(done); io.Copy(c, far); c.Close() }()
	io.Copy(far, read)
	far.Close()
	<-done
}

// socks5 is a proxy of that kind (RFC 1928) with a user (RFC 1929).
func socks5(to string) func(*middle, net.Conn) {
	return func(m *middle, c net.Conn) {
		b := make([]byte, 512)
		take := func(n int) []byte { _, _ = io.ReadFull(c, b[:n]); return b[:n] }
		auth := ""
		if methods := take(int(take(2)[1])); slices.Contains(methods, 2) {
			c.Write([]byte{5, 2})
			user := string(take(int(take(2)[1])))
			auth = user + ":" + string(take(int(take(1)[0])))
			c.Write([]byte{1, 0})
		} else {
			c.Write([]byte{5, 0})
		}
		if kind := take(4)[3]; kind != 3 {
			return // names only: the proxy resolves
		}
		name := string(take(int(take(1)[0])))
		m.note(fmt.Sprintf("%s:%d", name, binary.BigEndian.Uint16(take(2))), auth)
		c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		join(c, c, to)
	}
}

func TestProxies(t *testing.T) {
	target := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "from "+r.Host) }))
	defer target.Close()
	roots := x509.NewCertPool()
	roots.AddCert(target.Certificate())
	trust := &tls.Config{RootCAs: roots}
	to := target.Listener.Addr().String()
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("u:p"))
	for _, c := range []struct {
		name, scheme string
		middle       *middle
		asked, auth  string
	}{
		{"http", "http", startMiddle(t, nil, leads(to)), "CONNECT example.com:443", basic},
		{"https", "https", startMiddle(t, &tls.Config{Certificates: target.TLS.Certificates}, leads(to)), "CONNECT example.com:443", basic},
		{"socks5", "socks5", startMiddle(t, nil, socks5(to)), "example.com:443", "u:p"},
	} {
		t.Run(c.name, func(t *testing.T) {
			guard := loopback(t)
			way := Way{Proxy: &url.URL{Scheme: c.scheme, Host: c.middle.addr, User: url.UserPassword("u", "p")}, TLS: trust}
			client := guard.ClientBy(way, nil)
			defer client.CloseIdleConnections()
			answer, err := client.Get("https://example.com/")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if string(body) != "from example.com" || err != nil {
				t.Errorf("%s %v", body, err)
			}
			// The same as a bare tunnel.
			conn, err := guard.DialBy(t.Context(), way, "tcp", "example.com:443")
			if err != nil {
				t.Fatal(err)
			}
			secure := tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: "example.com"})
			if err := secure.HandshakeContext(t.Context()); err != nil {
				t.Error(err)
			}
			secure.Close()
			asked, auth := c.middle.seen()
			if !slices.Equal(asked, []string{c.asked, c.asked}) || auth != c.auth {
				t.Errorf("asked %v with %s", asked, auth)
			}
			for _, private := range []string{"10.0.0.1:443", "0xa.1:443", "[fd00::1]:443"} {
				if _, err := client.Get("https://" + private); !errors.Is(err, ErrRefused) {
					t.Errorf("%s: %v", private, err)
				}
				if _, err := guard.DialBy(t.Context(), way, "tcp", private); !errors.Is(err, ErrRefused) {
					t.Errorf("%s: %v", private, err)
				}
			}
			if again, _ := c.middle.seen(); len(again) != 2 {
				t.Errorf("asked %v", again)
			}
		})
	}
}

func TestAProxyIsOnlyWhereTheGuardLetsIt(t *testing.T) {
	guard, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"http", "https", "socks5"} {
		way := Way{Proxy: &url.URL{Scheme: scheme, Host: "127.0.0.1:9"}}
		client := guard.ClientBy(way, nil)
		for _, target := range []string{"http://example.com/", "https://example.com/"} {
			if _, err := client.Get(target); !errors.Is(err, ErrRefused) {
				t.Errorf("%s to %s: %v", scheme, target, err)
			}
		}
		if _, err := guard.DialBy(t.Context(), way, "tcp", "example.com:443"); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

func TestProxiesThatRefuseAreShown(t *testing.T) {
	guard := loopback(t)
	for name, c := range map[string]struct {
		talk func(*middle, net.Conn)
		want string
	}{
		"refusal": {leads(""), "proxy: it answered CONNECT with 403 Forbidden"},
		"garbage": {func(_ *middle, c net.Conn) {
			fmt.Fprint(c, "SSH-2.0-x\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		}, "malformed HTTP"},
		"cut": {func(_ *middle, c net.Conn) { _, _ = http.ReadRequest(bufio.NewReader(c)) }, "EOF"},
		"too long": {func(_ *middle, c net.Conn) {
			io.Copy(c, io.MultiReader(strings.NewReader("HTTP/1.1 200 OK\r\nX: "), endless{}))
		}, "too long"},
		"early": {func(_ *middle, c net.Conn) {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\nhello")
			io.Copy(io.Discard, c)
		}, "speaks before"},
	} {
		t.Run(name, func(t *testing.T) {
			m := startMiddle(t, nil, c.talk)
			way := Way{Proxy: &url.URL{Scheme: "http", Host: m.addr}}
			if _, err := guard.DialBy(t.Context(), way, "tcp", "example.com:443"); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("a tunnel: %v", err)
			}
		})
	}
	hang := startMiddle(t, nil, func(_ *middle, c net.Conn) { io.Copy(io.Discard, c) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := guard.DialBy(ctx, Way{Proxy: &url.URL{Scheme: "http", Host: hang.addr}}, "tcp", "example.com:443"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a proxy that hangs: %v", err)
	}
	refusing := startMiddle(t, nil, leads(""))
	client := guard.ClientBy(Way{Proxy: &url.URL{Scheme: "http", Host: refusing.addr}}, nil)
	defer client.CloseIdleConnections()
	if _, err := client.Get("https://example.com/"); err == nil || !strings.Contains(err.Error(), "proxy: it answered CONNECT with 403 Forbidden") {
		t.Errorf("a client: %v", err)
	}
	answer, err := client.Get("http://example.com/x")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if asked, _ := refusing.seen(); asked[len(asked)-1] != "GET http://example.com/x" {
		t.Errorf("asked %v", asked)
	}
}

// endless never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
