package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestCheckKnowsWhatIsPublic(t *testing.T) {
	guard, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		addr    string
		refused string
	}{
		{"1.1.1.1", ""},
		{"2606:4700:4700::1111", ""},
		{"::ffff:1.1.1.1", ""},
		{"2002:0101:0101::1", ""},
		{"64:ff9b::1.1.1.1", ""},
		{"127.0.0.1", "loopback"},
		{"127.8.9.1", "loopback"},
		{"::1", "loopback"},
		{"::ffff:127.0.0.1", "loopback"},
		{"::127.0.0.1", "loopback"},
		{"2002:7f00:0001::", "6to4"},
		{"64:ff9b::10.0.0.1", "NAT64"},
		{"64:ff9b:1::1", "translation"},
		{"2606:4700::5efe:10.0.0.1", "ISATAP"},
		{"2001:0:1::1", "Teredo"},
		{"10.1.2.3", "private"},
		{"172.16.0.1", "private"},
		{"172.32.0.1", ""},
		{"192.168.1.1", "private"},
		{"fd12::1", "private"},
		{"169.254.0.9", "link-local"},
		{"fe80::1%eth0", "link-local"},
		{"169.254.169.254", "metadata"},
		{"168.63.129.16", "metadata"},
		{"fd00:ec2::254", "metadata"},
		{"100.64.0.1", "CGNAT"},
		{"224.0.0.1", "multicast"},
		{"ff02::1", "multicast"},
		{"0.0.0.0", "unspecified"},
		{"::", "unspecified"},
		{"255.255.255.255", "broadcast"},
	} {
		err := guard.Check(netip.MustParseAddr(c.addr))
		switch {
		case c.refused == "" && err != nil:
			t.Errorf("%s: %v, want it allowed", c.addr, err)
		case c.refused != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: %v, want it refused as %s", c.addr, err, c.refused)
		case err != nil && !strings.Contains(err.Error(), "--allow-private "):
			t.Errorf("%s: %v does not say how to allow it", c.addr, err)
		}
	}
}

func TestAllowedNetworksCountInEachForm(t *testing.T) {
	guard, err := New(Config{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::ffff:127.0.0.1/128")}})
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{
		"10.1.1.1": true, "::ffff:10.1.1.1": true, "64:ff9b::10.0.0.1": true, "127.0.0.1": true,
		"127.0.0.2": false, "192.168.0.1": false,
	} {
		if err := guard.Check(netip.MustParseAddr(addr)); (err == nil) != want {
			t.Errorf("%s: %v, want allowed %v", addr, err, want)
		}
	}
	if _, err := New(Config{Allow: []netip.Prefix{{}}}); err == nil {
		t.Error("an invalid network was taken")
	}
}

// loopback makes a guard that lets tests reach this machine.
func loopback(t *testing.T) *Guard {
	t.Helper()
	guard, err := New(Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	if err != nil {
		t.Fatal(err)
	}
	return guard
}

func TestDialRefusesANameThatLeadsHome(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	guard, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_, err = guard.DialContext(context.Background(), "tcp", net.JoinHostPort("localhost", port))
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "localhost") {
		t.Fatalf("dial: %v, want it refused by name", err)
	}
}

func TestRedirectToRefusedAddress(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("http://127.0.0.2:9/latest/meta-data", http.StatusFound))
	defer server.Close()
	client := loopback(t).Client()
	defer client.CloseIdleConnections()
	_, err := client.Get(server.URL)
	if !errors.Is(err, ErrRefused) {
		t.Fatalf("got %v, want the redirect refused", err)
	}
	if strings.Contains(Cause(err).Error(), server.URL) {
		t.Fatalf("%v names the address of the request", Cause(err))
	}
}

func TestRedirectsKeepCredentialsHome(t *testing.T) {
	seen := make(chan http.Header, 1)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }))
	defer other.Close()
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/here":
			http.Redirect(w, r, "/end", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/end":
			seen <- r.Header
		default:
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}
	}))
	defer home.Close()
	client := loopback(t).Client()
	defer client.CloseIdleConnections()
	get := func(path string, body io.Reader) error {
		r, err := http.NewRequest(http.MethodPost, home.URL+path, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Key", "secret")
		answer, err := client.Do(r)
		if err == nil {
			answer.Body.Close()
		}
		return err
	}
	if err := get("/here", nil); err != nil {
		t.Fatal(err)
	}
	if key := (<-seen).Get("X-Key"); key != "secret" {
		t.Errorf("on the same host the header is %q", key)
	}
	if err := get("/away", nil); err != nil {
		t.Fatal(err)
	}
	if h := <-seen; h.Get("X-Key") != "" || h.Get("Referer") != "" {
		t.Errorf("another host got %v", h)
	}
	if err := get("/away", strings.NewReader("body")); err == nil || !strings.Contains(err.Error(), "body") {
		t.Errorf("a body to another host: %v", err)
	}
	if err := get("/loop", nil); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("a loop: %v", err)
	}
}

func FuzzCheck(f *testing.F) {
	guard, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{127, 0, 0, 1})
	f.Add([]byte(net.ParseIP("::ffff:10.0.0.1").To16()))
	f.Fuzz(func(t *testing.T, raw []byte) {
		addr, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		// The library's own classes are a part of ours.
		if bad := addr.Unmap(); bad.IsLoopback() || bad.IsPrivate() || bad.IsMulticast() || bad.IsUnspecified() || bad.IsLinkLocalUnicast() {
			if guard.Check(addr) == nil {
				t.Fatalf("%s is allowed", addr)
			}
		}
	})
}

func ExampleGuard_Client() {
	guard, err := New(Config{Allow: []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24")}})
	if err != nil {
		panic(err)
	}
	client := guard.Client()
	defer client.CloseIdleConnections()
	_, err = client.Get("http://127.0.0.1:9/")
	fmt.Println(Cause(err))
	// Output: connect to 127.0.0.1: 127.0.0.1 is loopback: address is not allowed; an operator can allow it with --allow-private 127.0.0.1/32
}
