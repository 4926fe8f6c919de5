package cassandra

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gocql/gocql"

	"anode/messages"
	"anode/storage"
)

// Archive implements storage.Archive. Its methods may be called by any number at once.
type Archive struct {
	cfg Config
	log *slog.Logger
	now func() time.Time

	ctx    context.Context
	cancel context.CancelCauseFunc
	ended  chan struct{} // closed by the goroutine that connects

	session    atomic.Pointer[gocql.Session]
	generation atomic.Uint64 // counts connections that were made
	places     *places
	clock      offset
	database   atomic.Pointer[string] // what it says that it is; nil until then
	days       once[streamDay, width]
	partitions once[partition, struct{}]
	flight     *flight
	notes      chan struct{} // has room for one Confirm at a time: it reads, joins and writes

	lost         atomic.Bool // a table was not there: the session is to be replaced
	rows, failed atomic.Uint64

	mu      sync.Mutex // guards what follows; a leaf
	away    error      // nil while it answers
	since   time.Time
	spoke   time.Time     // when it answered last
	said    time.Time     // when the log was told last that it is away
	refusal error         // for good
	here    chan struct{} // closed while there is a session or a refusal
}

// sayAgain is how often the log is told of a database that comes and goes, or stays away.
const sayAgain = time.Minute

var errNotYet = errors.New("not connected yet")

// New makes an archive that connects by itself, and goes on trying until Close. The error names what is wrong with the configuration.
func New(cfg Config, deps Deps) (*Archive, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	cfg = cfg.withDefaults()
	a := &Archive{
		cfg: cfg, log: deps.Logger, now: deps.Clock, ended: make(chan struct{}), here: make(chan struct{}),
		notes: make(chan struct{}, 1), places: newPlaces(cfg.TTL), flight: newFlight(cfg.Flight, cfg.Batch),
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.now == nil {
		a.now = time.Now
	}
	if cfg.Credentials != "" && !cfg.TLS.On {
		a.log.Warn("user and password of the archive go over connections that are not encrypted: see tls", "place", a.place())
	}
	a.away, a.since = errNotYet, a.now()
	a.ctx, a.cancel = context.WithCancelCause(context.Background())
	go a.connecting(deps.Node)
	return a, nil
}

// Connected waits until the archive answers, and gives the reason where it never will, or where ctx ended first.
func (a *Archive) Connected(ctx context.Context) error {
	for {
		a.mu.Lock()
		here, refusal := a.here, a.refusal
		a.mu.Unlock()
		if refusal != nil {
			return refusal
		}
		if a.ctx.Err() != nil {
			return storage.ErrClosed
		}
		if a.session.Load() != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			a.mu.Lock()
			defer a.mu.Unlock()
			return fmt.Errorf("%w: %w (%w)", storage.ErrAway, cmp.Or(a.away, errNotYet), context.Cause(ctx))
		case <-a.ctx.Done():
		case <-here:
		}
	}
}

// use gives the session, or says why there is none.
func (a *Archive) use(ctx context.Context) (*gocql.Session, error) {
	if a.ctx.Err() != nil {
		return nil, storage.ErrClosed
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if s := a.session.Load(); s != nil {
		return s, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refusal != nil {
		return nil, a.refusal
	}
	return nil, fmt.Errorf("%w: %w", storage.ErrAway, cmp.Or(a.away, errNotYet))
}

// answers notes that the database did, or why not.
func (a *Archive) answers(err error) {
	if errors.Is(err, gocql.ErrSessionClosed) {
		return // of a session that was replaced: it says nothing of the database
	}
	err = unname(err)
	now := a.now()
	a.mu.Lock()
	was, since, say := a.away, a.since, false
	if a.away = err; err == nil {
		a.since, a.spoke = time.Time{}, now
	} else {
		if was == nil || errors.Is(was, errNotYet) {
			a.since = now
		}
		if say = now.Sub(a.said) >= sayAgain; say {
			a.said = now
		}
	}
	a.mu.Unlock()
	switch {
	case say:
		a.log.Warn("the archive is away", "place", a.place(), "error", err)
	case err == nil && was != nil && now.Sub(since) > time.Second:
		a.log.Info("the archive is here", "place", a.place(), "after", now.Sub(since).Round(time.Second))
	}
}

// isAway tells since when it does not answer.
func (a *Archive) isAway() (time.Time, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.since, a.away != nil
}

// isQuiet tells whether it has answered nothing for a while, be it that it was asked nothing.
func (a *Archive) isQuiet() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now().Sub(a.spoke).Abs() >= quietAfter
}

// arrivals counts the connections that gocql makes. A new one may be to a server that was killed, and has forgotten what it had
// acknowledged and not yet synced. A dial that failed says nothing: each second gocql makes one to each node that is down.
type arrivals struct{ count *atomic.Uint64 }

// ObserveConnect implements gocql.ConnectObserver.
func (a arrivals) ObserveConnect(seen gocql.ObservedConnect) {
	if seen.Err == nil {
		a.count.Add(1)
	}
}

// Takes implements storage.Archive.
func (a *Archive) Takes() messages.Pattern { return a.cfg.Streams }

// TTL implements storage.Archive.
func (a *Archive) TTL() time.Duration { return a.cfg.TTL }

// Stats implements storage.Archive.
func (a *Archive) Stats() storage.ArchiveStats {
	s := storage.ArchiveStats{Rows: a.rows.Load(), Failed: a.failed.Load(), Place: a.place(), Connections: a.generation.Load()}
	s.Flight, s.Batch = a.flight.now()
	if database := a.database.Load(); database != nil {
		s.Database = *database
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.refusal != nil:
		s.Away, s.Since, s.Refused = a.refusal.Error(), a.since, true
	case a.away != nil:
		s.Away, s.Since = a.away.Error(), a.since
	}
	return s
}

// place is where it was said to be: the same for all who name the same servers and keyspace, in whatever order, and from whatever data center. It is
// known before there is a connection.
func (a *Archive) place() string {
	hosts := slices.Clone(a.cfg.Hosts)
	slices.Sort(hosts)
	return scheme + strings.Join(slices.Compact(hosts), ",") + "/" + a.cfg.Keyspace
}

// Close implements storage.Archive.
func (a *Archive) Close() error {
	a.cancel(storage.ErrClosed)
	<-a.ended
	a.mu.Lock()
	defer a.mu.Unlock()
	a.away, a.since = storage.ErrClosed, a.now()
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
