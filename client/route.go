package client

import (
	"math/rand/v2"
	"net/url"
	"time"
)

const (
	// mostNodes bounds the servers that are learned from nodes.
	mostNodes = 64
	// steady is how long a connection must have lived for the next pause to be a first one.
	steady = 10 * time.Second
)

// route is where a subscription connects next, and after what pause. It does no I/O.
type route struct {
	client *Client
	// list are the servers of the configuration, and behind them those that nodes told of.
	list []*url.URL
	at   int
	// attempt counts pauses since a steady connection.
	attempt int
	// met: a server answered once.
	met bool
}

func newRoute(c *Client) route {
	return route{client: c, list: c.servers[:len(c.servers):len(c.servers)], at: int(c.current.Load())}
}

// server is where to connect.
func (r *route) server() *url.URL { return r.list[r.at%len(r.list)] }

// next goes to the next server, and gives a pause: evenly between zero and a bound that doubles, so
// that those who were cut together don't come back together ("full jitter", M. Brooker, "Exponential
// Backoff And Jitter", 2015). lived is how long the connection was one, 0 where none was made.
func (r *route) next(lived time.Duration) time.Duration {
	r.at++
	if lived >= steady {
		r.attempt = 0
	}
	r.attempt++
	if !r.met && r.attempt < len(r.list) { // the first round is a search
		return 0
	}
	cfg := &r.client.cfg
	bound := cfg.MinPause
	for i := 1; i < r.attempt && bound < cfg.MaxPause; i++ {
		bound *= 2
	}
	return rand.N(max(1, min(bound, cfg.MaxPause)))
}

// hopeless tells that each server was tried and none ever answered.
func (r *route) hopeless() bool { return !r.met && r.attempt >= len(r.list) }

// heard takes what a connection told.
func (r *route) heard(c *connection) {
	if !c.subscribed || len(c.nodes) == 0 && r.met {
		return
	}
	r.met = true
	for _, text := range c.nodes {
		r.learn(text)
	}
	c.nodes = nil
}

// learn adds a node. One without TLS is not, where the configuration has it: its token would go
// there in the clear.
func (r *route) learn(text string) {
	u, err := parseServer(text)
	if err != nil || len(r.list) >= len(r.client.servers)+mostNodes {
		return
	}
	for _, known := range r.list {
		if known.String() == u.String() || known.Scheme == "https" && u.Scheme != "https" {
			return
		}
	}
	at := r.at % len(r.list)
	r.list = append(r.list, u)
	r.at = at
}
