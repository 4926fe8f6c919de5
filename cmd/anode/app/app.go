package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"anode/actors/gossip"
	"anode/actors/journal"
	"anode/actors/node"
	"anode/cmd/anode/app/demofeeds"
	"anode/cmd/anode/clustersecret"
	"anode/cmd/anode/config"
	"anode/messages/command"
	"anode/storage"
	"anode/storage/history"
	segments "anode/storage/journal"
	"anode/storage/state"
)

// Options are what a node needs of its process.
type Options struct {
	// Stdout gets the line that says that the node serves, Stderr the log.
	Stdout, Stderr io.Writer
	// Version is what the node says of itself.
	Version string
	// Reload has the sources of the configuration applied again for each value; nil means never.
	Reload <-chan os.Signal
	// Unlimited says why the memory that the process may take is not known; nil where it is.
	Unlimited error
	// Serving is called with the node's URL when it serves; nil means nobody.
	Serving func(url string)
	// Listen listens for requests over HTTP; nil means by TCP. Network opens the mesh port at an address; nil means
	// OpenMesh. Tests have their own.
	Listen  func(addr string) (net.Listener, error)
	Network func(addr string) (gossip.Network, error)
	// Archive is the archive in place of the configuration's, where it is set: a test's own, who closes it.
	Archive storage.Archive
}

// stopPatience bounds a shutdown.
const stopPatience = 10 * time.Second

// Run runs a node until ctx ends. A nil error means that it stopped cleanly.
func Run(ctx context.Context, cfg config.Config, opt Options) error {
	return newRunning(cfg, opt).run(ctx)
}

func newRunning(cfg config.Config, opt Options) *running {
	return &running{cfg: cfg, opt: opt, started: time.Now(), log: newLogger(&cfg, opt.Stderr), stopped: make(chan string, 1), retired: make(chan struct{}, 1)}
}

func (r *running) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, r.close()) }()
	for _, warning := range r.cfg.Warnings() {
		r.log.Warn("a setting is hardly meant so", "detail", warning)
	}
	for _, open := range []func() error{
		r.sayMemory, r.checkSources, r.checkSecrets, func() error { return r.openData(ctx) }, r.openKeys, r.listen, r.openMesh, r.openDemo, r.openArchive, r.startNode, r.startGateway,
	} {
		if err := open(); err != nil {
			return err
		}
	}
	return r.serve(ctx)
}

// running is what a node has opened.
type running struct {
	cfg     config.Config
	opt     Options
	log     *slog.Logger
	started time.Time
	closers []func() error

	identity state.Identity
	state    *state.Store
	journal  *segments.Journal
	epoch    uint64
	// archive is nil without --archive.
	archive  storage.Archive
	keys     *clustersecret.Source
	listener net.Listener
	mesh     *meshPort
	// stopped gets why the node must end.
	stopped chan string
	// retired gets that the node has handed its sources over, and is to end.
	retired chan struct{}
	url     string
	node    *node.Node
	metrics *prometheus.Registry
	gateway *gateway
	// demo is nil without --demo.
	demo *demofeeds.Feeds
}

// onClose has something done at the end, before what was opened earlier is closed.
func (r *running) onClose(f func() error) { r.closers = append(r.closers, f) }

func (r *running) close() error {
	var faults []error
	for i := len(r.closers) - 1; i >= 0; i-- {
		faults = append(faults, r.closers[i]())
	}
	return errors.Join(faults...)
}

// lockPatience is how long the process before this one is waited for, which may be just ending; lockPause is between two looks.
const (
	lockPatience = 2 * time.Second
	lockPause    = 50 * time.Millisecond
)

// lock takes the lock of the data directory.
func (r *running) lock(ctx context.Context, dir string) (*state.Lock, error) {
	for until, told := time.Now().Add(lockPatience), false; ; {
		lock, err := state.LockDir(dir)
		if !errors.Is(err, storage.ErrLocked) || time.Now().After(until) {
			return lock, err
		}
		if !told {
			told = true
			r.log.Info("another process has the data directory: it is waited for, as it may be just ending", "for", lockPatience, "error", err)
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// openData opens identity, state and journal.
func (r *running) openData(ctx context.Context) error {
	dir := r.cfg.Data
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	lock, err := r.lock(ctx, dir)
	if err != nil {
		return err
	}
	r.onClose(lock.Unlock)
	if r.identity, err = state.LoadIdentity(dir); err != nil {
		return err
	}
	r.log = r.log.With("node", string(r.identity.ID))
	if r.state, err = state.Open(filepath.Join(dir, "state.db")); err != nil {
		return err
	}
	r.onClose(r.state.Close)
	if note := r.state.Note(); note != "" {
		r.log.Warn("state was damaged and is learned again", "detail", note)
	}
	r.journal, err = segments.Open(segments.Config{
		Dir: filepath.Join(dir, "journal"), FS: segments.OS(), State: r.state, Self: r.identity.ID,
		RetentionBytes: int64(r.cfg.RetentionBytes), DiskBudget: int64(r.cfg.DiskBudget), RetentionAge: r.cfg.RetentionAge,
		Clock: time.Now, Logger: r.log,
		Dropping: node.KeepStates(r.state, r.log), DroppingOf: node.StateStreams,
	})
	if err != nil {
		return fmt.Errorf("open the journal in %s: %w", dir, err)
	}
	r.onClose(r.journal.Close)
	r.epoch, err = r.nextEpoch(r.journal.Head(r.identity.ID).Epoch + 1)
	return err
}

// nextEpoch begins an epoch.
func (r *running) nextEpoch(atLeast uint64) (uint64, error) {
	return state.NextEpoch(r.state, time.Now(), atLeast)
}

func (r *running) listen() error {
	listen := r.opt.Listen
	if listen == nil {
		listen = func(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }
	}
	l, err := listen(r.cfg.HTTP)
	if err != nil {
		return fmt.Errorf("http: %w", err)
	}
	r.listener = l
	r.onClose(func() error {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	r.url = "http://" + l.Addr().String()
	return nil
}

// advertised is the URL that users are told.
func (r *running) advertised() string {
	if r.cfg.AdvertiseHTTP != "" {
		return r.cfg.AdvertiseHTTP
	}
	host, port, err := net.SplitHostPort(r.listener.Addr().String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			return "http://" + net.JoinHostPort(name, port)
		}
	}
	return r.url
}

// exposed tells whether other machines reach the API.
func (r *running) exposed() bool {
	host, _, err := net.SplitHostPort(r.listener.Addr().String())
	return err == nil && !config.Loopback(host)
}

func (r *running) startNode() error {
	r.metrics = prometheus.NewRegistry()
	r.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	past, err := history.New(history.Config{Journal: r.journal, Archive: r.archive, Clock: time.Now})
	if err != nil {
		return err
	}
	r.node, err = node.Start(node.Config{
		View: command.NodeView{
			ID: r.identity.ID, Name: r.cfg.Name, HTTP: r.advertised(), Mesh: r.mesh.Addr(), Version: r.opt.Version,
			Started: r.started.UTC(), Labels: r.labels(),
		},
		Settings: r.cfg.Shown(), Archive: r.archive,
		Cluster: r.cfg.Cluster, Epoch: r.epoch, NextEpoch: r.nextEpoch, Journal: r.journal, State: r.state, History: past,
		Durability: journal.Durability(r.cfg.Durability), Ack: journal.Ack(r.cfg.Ack), FlushInterval: r.cfg.FlushInterval, SlowBytes: r.slowBytes(),
		Sources: node.Sources{Takes: r.cfg.Own, AllowPrivate: r.cfg.AllowPrivate, Own: r.own(), Secrets: r.cfg.Secrets, Exposed: r.exposed()},
		Mesh:    r.meshPart(),
		Retired: r.mayEnd,
		Clock:   time.Now, Logger: r.log, Registerer: r.metrics,
	})
	if err != nil {
		return err
	}
	r.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
		defer cancel()
		return r.node.Stop(ctx)
	})
	return nil
}

// applyPatience is how long the line that tells of serving waits for the sources given at the start: who has
// read it finds them, and thousands of them do not hold it up.
const applyPatience = 500 * time.Millisecond

// serve answers requests until ctx ends.
func (r *running) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	go func() { failed <- r.gateway.server.Serve(r.listener) }()
	r.tellAddress()
	r.onClose(func() error { return r.part(failed) })
	applied := r.apply(ctx)
	defer func() { cancel(); <-applied }()
	select {
	case <-applied:
	case <-time.After(applyPatience):
	}
	fmt.Fprintf(r.opt.Stdout, "anode: serving http=%s mesh=%s node=%s\n", r.url, r.mesh.Addr(), r.identity.ID)
	r.log.Info("serving", "http", r.url, "took", time.Since(r.started).Round(time.Millisecond))
	if r.opt.Serving != nil {
		r.opt.Serving(r.url)
	}
	if err := r.pushDemo(); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			r.log.Info("stopping")
			return nil
		case err := <-failed:
			failed <- err
			if errors.Is(err, http.ErrServerClosed) {
				return nil
			}
			return fmt.Errorf("http: %w", err)
		case <-r.retired:
			r.log.Info("drained: the node leaves")
			return nil
		case reason := <-r.stopped:
			return fmt.Errorf("the node must end: %s", reason)
		case <-r.opt.Reload:
			<-applied
			applied = r.apply(ctx)
		}
	}
}

// apply applies the sources beside all else; it is closed at the end.
func (r *running) apply(ctx context.Context) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.applySources(ctx); err != nil && ctx.Err() == nil {
			r.log.Error("the sources can't be applied", "path", r.cfg.Sources, "error", err)
		}
	}()
	return done
}

// part ends what is outside: sources and requests at once, as this node may serve feeds of its own.
func (r *running) part(served <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- r.node.Drain(ctx) }()
	err := r.gateway.stop(served)
	return errors.Join(<-drained, err)
}
