package demofeeds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"anode/messages"
)

// Root is the path below which the feeds are served.
const Root = "/demo/"

// Config is what the feeds need; all fields are required.
type Config struct {
	Clock  func() time.Time
	Logger *slog.Logger
}

// Feeds is the handler of the demo feeds. It is safe for concurrent use.
type Feeds struct {
	cfg Config
	mux *http.ServeMux

	mu     sync.Mutex // guards closed, and that nobody joins busy afterwards
	closed bool
	open   int
	busy   sync.WaitGroup
	done   context.Context
	cancel context.CancelFunc
}

// New makes the feeds.
func New(cfg Config) (*Feeds, error) {
	if cfg.Clock == nil || cfg.Logger == nil {
		return nil, errors.New("demofeeds: Clock and Logger are required")
	}
	f := &Feeds{cfg: cfg, mux: http.NewServeMux()}
	f.done, f.cancel = context.WithCancel(context.Background())
	for _, feed := range feeds() {
		if feed.serve == nil {
			continue
		}
		f.mux.HandleFunc("GET "+Root+feed.path, feed.serve(f))
	}
	return f, nil
}

// ServeHTTP implements http.Handler, for paths below Root.
func (f *Feeds) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.mux.ServeHTTP(w, r) }

// Close ends the connections and waits for them.
func (f *Feeds) Close() error {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	f.busy.Wait()
	return nil
}

// feed is one of the feeds.
type feed struct {
	name, path string
	// serve is nil where the feed is pushed: it has no path then.
	// spec is the source that collects it, with HOST where host and port of the node go.
	spec  string
	serve func(*Feeds) http.HandlerFunc
}

func feeds() []feed {
	return []feed{
		{"demo-market", "market", marketSpec, func(f *Feeds) http.HandlerFunc { return f.market }},
		{"demo-site", "site", siteSpec, func(f *Feeds) http.HandlerFunc {
			return f.json(func(at time.Time) any { return siteAt(at) })
		}},
		{"demo-quakes", "quakes", quakesSpec, func(f *Feeds) http.HandlerFunc {
			return f.json(func(at time.Time) any { return quakesAt(at) })
		}},
		{"demo-ships", "ships", shipsSpec, func(f *Feeds) http.HandlerFunc { return f.ships }},
		{"demo-parcels", "", parcelsSpec, nil}, // Push brings it
	}
}

// Source is the spec that collects a feed.
type Source struct {
	Name string
	// YAML is the document.
	YAML []byte
}

// Label is the label of the node that serves the feeds; its value is the node's id. Only that one collects them: others
// don't reach what is served on loopback.
const Label = "demo-feeds"

// Sources are the specs of all feeds of a node that serves at host, as host:port.
func Sources(host string, node messages.NodeID) []Source {
	var all []Source
	for _, f := range feeds() {
		text := strings.ReplaceAll(f.spec, "HOST", host)
		if f.serve != nil { // what is pushed is pushed to any
			text += fmt.Sprintf("nodes: {%s: %s}\n", Label, node)
		}
		all = append(all, Source{Name: f.name, YAML: []byte(text)})
	}
	return all
}

const marketSpec = `# Trades of a made-up market, served by this node (--demo).
name: demo-market
kind: websocket
url: ws://HOST/demo/market
websocket:
  open: [{op: subscribe, channel: trades}]
on: [{when: '.event == "error"', fail: '${.frame.message}'}]
transform:
  where: .event == "trade" or .event == "recent"
  # After a connect the newest trades come again, in one message.
  split: 'if .event == "recent" then .trades[] else . end'
  map: '{id, symbol, price, size, side, time}'
stream: market.{symbol}
key: .symbol
native_id: .id
time: .time
liveness: {transport: 10s, protocol: 10s, data: 30s}
labels: {demo: built-in}
`

const siteSpec = `# The climate of some rooms, served by this node (--demo): a record for each room.
name: demo-site
kind: rest
url: http://HOST/demo/site
rest: {every: 1s, timeout: 5s}
transform:
  split: '.time as $t | .site as $s | .rooms[] | . + {site: $s, time: $t}'
stream: '{site}.{room}.climate'
key: .room
native_id: .time
time: .time
labels: {demo: built-in}
`

const quakesSpec = `# A list of events, served by this node (--demo): most of it was there before, each is collected once.
name: demo-quakes
kind: rest
url: http://HOST/demo/quakes
rest: {every: 2s, timeout: 5s}
transform:
  split: reverse | .[]
stream: earth.quakes.{region}
key: .region
native_id: .id
time: .time
labels: {demo: built-in}
`

const shipsSpec = `# Where some ships are, served by this node (--demo) as server-sent events. After a break it goes on
# where it was: the last id is sent as Last-Event-ID.
name: demo-ships
kind: sse
url: http://HOST/demo/ships
sse: {events: [position]}
transform: {map: '. + {n: $meta.id}'}
stream: sea.{ship}.position
key: .ship
native_id: .n
time: .time
liveness: {transport: 10s, protocol: 10s, data: 30s}
labels: {demo: built-in}
`

const parcelsSpec = `# Parcels that come by scanners, pushed to this node by itself (--demo), as a webhook pushes.
name: demo-parcels
kind: push
transform:
  where: $meta.event == "scan"
  map: '{parcel, at, step, grams, time}'
stream: parcels.{at}
key: .parcel
# Who pushes again what was not answered repeats the id: it is stored once.
native_id: $meta.id
time: .time
liveness: {data: 30s}
labels: {demo: built-in}
`

// json serves what there is at a time.
func (f *Feeds) json(of func(at time.Time) any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.Marshal(of(f.cfg.Clock()))
		if err != nil {
			f.cfg.Logger.Error("a demo feed can't be written", "error", err)
			http.Error(w, "this feed is broken", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write(body); err != nil {
			f.cfg.Logger.Debug("who asked a demo feed is gone", "error", err)
		}
	}
}

// mostConnections bounds the connections of feeds that stay.
const mostConnections = 256

// enter counts a connection, or says why there can't be one.
func (f *Feeds) enter() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return errors.New("the node stops")
	case f.open >= mostConnections:
		return fmt.Errorf("there are %d connections already", f.open)
	}
	f.open++
	f.busy.Add(1)
	return nil
}

func (f *Feeds) leave() {
	f.mu.Lock()
	f.open--
	f.mu.Unlock()
	f.busy.Done()
}
