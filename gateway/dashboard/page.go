package dashboard

import (
	"net/http"
	"regexp"
	"strings"

	"anode/gateway/auth"
)

// page is index.html, with what a browser is told of it.
type page struct {
	*file
	nodes func() []string
}

// mostNodes bounds the nodes that the page is let to connect to, as proxies bound the length of headers.
const mostNodes = 100

func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var nodes []string
	if p.nodes != nil {
		nodes = p.nodes()
	}
	confine(w.Header(), policy(r.Host, nodes))
	p.file.ServeHTTP(w, r)
}

// confine tells a browser what a page may do.
func confine(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
}

// policy is the page's Content-Security-Policy.
func policy(host string, nodes []string) string {
	var b strings.Builder
	b.WriteString("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; manifest-src 'self'" +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'")
	named := make(map[string]bool)
	add := func(sources ...string) {
		for _, s := range sources {
			if !named[s] {
				named[s] = true
				b.WriteString(" " + s)
			}
		}
	}
	if sane(host) { // not every browser counts WebSockets as 'self'
		add("ws://"+host, "wss://"+host)
	}
	count := 0
	for _, node := range nodes {
		scheme, at, _ := strings.Cut(auth.Origin(node), "://")
		if !sane(at) || count == mostNodes {
			continue
		}
		count++
		socket := "ws"
		if scheme == "https" {
			socket = "wss"
		}
		add(scheme+"://"+at, socket+"://"+at)
	}
	return b.String()
}

// hostPort is what a policy can name: it knows no IPv6 addresses.
var hostPort = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*(:[0-9]{1,5})?$`)

// sane tells whether a host may stand in a policy.
func sane(host string) bool { return len(host) <= 260 && hostPort.MatchString(host) }
