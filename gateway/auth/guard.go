package auth

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"anode/gateway/problem"
)

// Config says from where the gateway may be used.
type Config struct {
	// Bound is the address it listens on, as host:port.
	Bound string
	// Advertised is the URL that users are told; empty means none.
	Advertised string
	// Machine is the machine's name; empty means none.
	Machine string
	// Origins are allowed besides the request's own host; "*" allows all.
	Origins []string
}

// Guard judges requests by Host and Origin. It is immutable.
type Guard struct {
	loopback bool
	hosts    map[string]bool
	origins  map[string]bool
	any      bool
}

// New makes a guard.
func New(cfg Config) *Guard {
	g := &Guard{hosts: make(map[string]bool), origins: make(map[string]bool)}
	host, _, err := net.SplitHostPort(cfg.Bound)
	if err != nil {
		host = cfg.Bound
	}
	g.loopback = loopback(host)
	g.allowHost(host)
	g.allowHost(cfg.Machine)
	if u, err := url.Parse(cfg.Advertised); err == nil {
		g.allowHost(u.Hostname())
	}
	for _, origin := range cfg.Origins {
		if origin == "*" {
			g.any = true
			continue
		}
		g.origins[strings.ToLower(strings.TrimSuffix(origin, "/"))] = true
		if u, err := url.Parse(origin); err == nil {
			g.allowHost(u.Hostname())
		}
	}
	return g
}

func (g *Guard) allowHost(host string) {
	if host != "" {
		g.hosts[strings.ToLower(host)] = true
	}
}

// Check refuses a request from a foreign page, or under a foreign name (DNS rebinding). It
// gives nil for one that may pass.
func (g *Guard) Check(r *http.Request) *problem.Problem {
	if !g.hostAllowed(r.Host) {
		return problem.New(http.StatusForbidden, "forbidden",
			"Host %q is not this node: use its address, or allow the name with --advertise-http or --allow-origin", r.Host)
	}
	if origin := r.Header.Get("Origin"); origin != "" && !g.OriginAllowed(r, origin) {
		return problem.New(http.StatusForbidden, "forbidden", "origin %q is not allowed: allow it with --allow-origin", origin)
	}
	return nil
}

// hostAllowed tells whether a request may name this host.
func (g *Guard) hostAllowed(hostport string) bool {
	host := hostname(hostport)
	if host == "" {
		return false
	}
	if g.hosts[host] || loopback(host) {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil && !g.loopback
}

// OriginAllowed tells whether a page of that origin may use the gateway.
func (g *Guard) OriginAllowed(r *http.Request, origin string) bool {
	if g.any || g.origins[strings.ToLower(origin)] {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	if strings.EqualFold(u.Host, r.Host) && (u.Scheme == "http" || u.Scheme == "https") {
		return true
	}
	return g.loopback && loopback(strings.ToLower(u.Hostname()))
}

// hostname takes the port off a Host header, in lower case.
func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
