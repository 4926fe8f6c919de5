package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"anode/gateway/api"
	"anode/gateway/auth"
	"anode/gateway/dashboard"
	"anode/gateway/document"
	"anode/gateway/session"
	"anode/messages/spec"
)

// gateway is what answers HTTP.
type gateway struct {
	server   *http.Server
	sessions *session.Server
	// closing is closed when the server is to end.
	closing chan struct{}
}

// The bounds of a request: slow heads and bodies, and connections that idle.
const (
	headPatience = 10 * time.Second
	bodyPatience = time.Minute
	idlePatience = 2 * time.Minute
	mostHeader   = 64 << 10
)

func (r *running) startGateway() error {
	sessions, err := session.New(session.Config{Node: r.node, Intake: r.node, Logger: r.log, SlowBytes: r.slowBytes()})
	if err != nil {
		return err
	}
	machine, err := os.Hostname()
	if err != nil {
		machine = ""
	}
	page, err := dashboard.Files(dashboard.Config{Nodes: r.node.Pages})
	if err != nil {
		return err
	}
	closing := make(chan struct{})
	handler, err := api.New(api.Config{
		SlowBytes: r.slowBytes(), BodyBytes: r.slowBytes(),
		Closing: closing, Node: r.node, Intake: r.node, Logger: r.log,
		Guard: auth.New(auth.Config{
			Bound: r.listener.Addr().String(), Advertised: r.advertised(), Machine: machine, Origins: r.cfg.AllowOrigin, Pages: r.node.Pages,
		}),
		Subscribe: http.HandlerFunc(sessions.ServeWebSocket), Events: http.HandlerFunc(sessions.ServeEvents), Push: http.HandlerFunc(sessions.ServePush),
		Metrics: promhttp.HandlerFor(r.metrics, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(r.log.Handler(), slog.LevelError)}),
		Documents: map[string][]byte{
			"/openapi.json": document.OpenAPI(), "/asyncapi.json": document.AsyncAPI(), "/schemas/source.json": spec.Schema(),
		},
		Page: page, Fault: dashboard.Fault,
	})
	if err != nil {
		return err
	}
	if r.cfg.Demo {
		handler = r.withDemo(handler)
	}
	r.gateway = &gateway{sessions: sessions, closing: closing, server: &http.Server{
		Handler: handler, ReadHeaderTimeout: headPatience, ReadTimeout: bodyPatience, IdleTimeout: idlePatience,
		MaxHeaderBytes: mostHeader, ErrorLog: slog.NewLogLogger(r.log.Handler(), slog.LevelDebug),
	}}
	return nil
}

// stop takes no new requests, ends sessions while requests end, and returns when the server does
// not serve any more.
func (g *gateway) stop(ended <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience/2)
	defer cancel()
	close(g.closing)
	parted := make(chan struct{})
	go func() {
		defer close(parted)
		g.sessions.Close()
	}()
	err := g.server.Shutdown(ctx)
	if err != nil {
		err = g.server.Close()
	}
	<-parted
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) && err == nil {
		err = served
	}
	return err
}
