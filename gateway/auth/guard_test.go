package auth_test

import (
	"net/http/httptest"
	"testing"

	"anode/gateway/auth"
)

// The page of another node of the mesh may pass, as long as it is one; nobody else may for it.
func TestPagesOfOtherNodes(t *testing.T) {
	var pages []string
	g := auth.New(auth.Config{
		Bound: "192.0.2.1:8080", Advertised: "http://one.example:8080",
		Pages: func() []string { return pages },
	})
	const host = "one.example:8080"
	check := func(host, origin string, passes bool) {
		t.Helper()
		r := httptest.NewRequest("GET", "/api/v1/cluster", nil)
		r.Host = host
		r.Header.Set("Origin", origin)
		if p := g.Check(r); (p == nil) != passes {
			t.Errorf("Host %s, Origin %s: %v", host, origin, p)
		}
	}
	check(host, "http://two.example:8080", false)
	pages = []string{"", "no url", "javascript:alert(1)", "http://two.example:8080/", "HTTP://Three.example:80", "https://four.example/anode", "http://[2001:db8::5]:8080"}
	for origin, passes := range map[string]bool{
		"http://two.example:8080":    true,
		"http://TWO.example:8080":    true,
		"http://three.example":       true,
		"https://four.example":       true,
		"http://[2001:db8::5]:8080":  true,
		"http://two.example":         false,
		"https://two.example:8080":   false,
		"http://two.example:8081":    false,
		"http://four.example":        false,
		"http://a.two.example:8080":  false,
		"http://two.example:8080.io": false,
		"http://evil.example":        false,
		"javascript:alert(1)":        false,
		"null":                       false,
		"*":                          false,
		"no url":                     false,
	} {
		check(host, origin, passes)
	}
	// A node's page is allowed, and its name is none of this node's: a name that leads here by DNS is refused.
	check("two.example:8080", "http://two.example:8080", false)
	pages = nil
	check(host, "http://two.example:8080", false)
}

func TestOrigin(t *testing.T) {
	for url, want := range map[string]string{
		"http://a.example:8080/x?y": "http://a.example:8080",
		"https://a.example:443":     "https://a.example",
		"http://a.example:443":      "http://a.example:443",
		"http://a.example:80":       "http://a.example",
		"http://user@a.example":     "http://a.example",
		"ftp://a.example":           "",
		"a.example:8080":            "",
		"http://":                   "",
		"http://:8080":              "",
		"":                          "",
		"%":                         "",
	} {
		if got := auth.Origin(url); got != want {
			t.Errorf("%q: %q, want %q", url, got, want)
		}
	}
}
