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
	// Pages are the URLs at which the mesh's other nodes serve their page, at this moment: such a page may talk to this
	// node too. Their hosts are none under which this node answers. It is called for requests of foreign pages, by
	// several goroutines at once; nil means none.
	Pages func() []string
}

// Guard judges requests by Host and Origin. It is immutable, but for the pages of other nodes.
type Guard struct {
	loopback bool
	hosts    map[string]bool
	origins  map[string]bool
	any      bool
	pages    func() []string
}

// New makes a guard.
func New(cfg Config) *Guard {
	g := &Guard{hosts: make(map[string]bool), origins: make(map[string]bool), pages: cfg.Pages}
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
	return g.loopback && loopback(strings.ToLower(u.Hostname())) || g.peer(origin)
}

// peer tells whether an origin is that of another node's page.
func (g *Guard) peer(origin string) bool {
	if g.pages == nil {
		return false
	}
	for _, page := range g.pages() {
		if at := Origin(page); at != "" && strings.EqualFold(at, origin) {
			return true
		}
	}
	return false
}

// Origin is that of a page at an http or https URL, as browsers write it; empty where the URL is none such.
func Origin(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	plain := ":80"
	if u.Scheme == "https" {
		plain = ":443"
	}
	return u.Scheme + "://" + strings.TrimSuffix(strings.ToLower(u.Host), plain)
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
