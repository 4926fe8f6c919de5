package onenode

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"anode/actors/node"
	"anode/gateway/api"
	"anode/gateway/auth"
	"anode/gateway/dashboard"
	"anode/gateway/document"
	"anode/gateway/session"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/storage"
	"anode/storage/history"
	"anode/storage/memory"
)

// Self is the node's id.
const Self = "self"

// Node is a node that serves.
type Node struct {
	*node.Node
	// URL is where it serves, without a slash at the end.
	URL      string
	Journal  *memory.Journal
	Metrics  *prometheus.Registry
	Sessions *session.Server
	// Client is for its requests; its connections end with the node.
	Client *http.Client

	t      testing.TB
	server *http.Server
	served chan error
	once   sync.Once
}

// Options change what a node is; the zero value is a good one.
type Options struct {
	// MostOfAddress bounds the subscribers of one address.
	MostOfAddress int
	// SlowBytes bounds what messages that are not yet whole hold together.
	SlowBytes int64
	// ReadTimeout is the server's; 0 is one minute.
	ReadTimeout time.Duration
	Sources     node.Sources
	// Archive is where records are kept for longer; nil is nowhere.
	Archive storage.Archive
}

// Start starts a node and has it stopped at the end of the test.
func Start(t testing.TB, opt Options) *Node {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	n := &Node{t: t, Journal: memory.NewJournal(memory.Config{Self: Self}), Metrics: prometheus.NewRegistry(), served: make(chan error, 1)}
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	n.URL = "http://" + listener.Addr().String()
	past, err := history.New(history.Config{Journal: n.Journal, Archive: opt.Archive, Clock: time.Now})
	must(err)
	n.Node, err = node.Start(node.Config{
		View:    command.NodeView{ID: Self, Name: "test", HTTP: n.URL, Mesh: "off", Version: "test", Started: time.Now().UTC()},
		Cluster: "test", Epoch: 1, Journal: n.Journal, State: memory.NewState(), History: past, Sources: opt.Sources, Archive: opt.Archive,
		Clock: time.Now, Logger: log, Registerer: n.Metrics,
	})
	must(err)
	n.Sessions, err = session.New(session.Config{Node: n.Node, Intake: n.Node, Logger: log, MostOfAddress: opt.MostOfAddress, SlowBytes: opt.SlowBytes})
	must(err)
	page, err := dashboard.Files(dashboard.Config{})
	must(err)
	handler, err := api.New(api.Config{
		Node: n.Node, Intake: n.Node, Logger: log, Guard: auth.New(auth.Config{Bound: listener.Addr().String(), Advertised: n.URL}),
		Subscribe: http.HandlerFunc(n.Sessions.ServeWebSocket), Events: http.HandlerFunc(n.Sessions.ServeEvents), Push: http.HandlerFunc(n.Sessions.ServePush),
		Metrics: promhttp.HandlerFor(n.Metrics, promhttp.HandlerOpts{}),
		Documents: map[string][]byte{
			"/openapi.json": document.OpenAPI(), "/asyncapi.json": document.AsyncAPI(), "/schemas/source.json": spec.Schema(),
		},
		Page: page, Fault: dashboard.Fault,
	})
	must(err)
	if opt.ReadTimeout == 0 {
		opt.ReadTimeout = time.Minute
	}
	n.server = &http.Server{Handler: handler, ReadTimeout: opt.ReadTimeout, ReadHeaderTimeout: opt.ReadTimeout}
	n.Client = &http.Client{Transport: &http.Transport{}}
	go func() { n.served <- n.server.Serve(listener) }()
	t.Cleanup(n.Shut)
	return n
}

// Shut stops the node as a program does: sessions, requests, actors. A second call does nothing.
func (n *Node) Shut() {
	n.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		n.Sessions.Close()
		n.Client.CloseIdleConnections()
		if err := n.server.Shutdown(ctx); err != nil {
			n.t.Errorf("the server does not shut down: %v", err)
		}
		if err := <-n.served; !errors.Is(err, http.ErrServerClosed) {
			n.t.Errorf("the server ended: %v", err)
		}
		if err := n.Stop(ctx); err != nil {
			n.t.Errorf("the node does not stop: %v", err)
		}
	})
}
