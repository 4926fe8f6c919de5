package cassandra

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/gocql/gocql"
)

const (
	firstPause = 250 * time.Millisecond
	lastPause  = 5 * time.Second
	watchEvery = time.Second
	// quietAfter is when one that said nothing is asked whether it is there.
	quietAfter = 3 * time.Second
	// giveUpAfter is how long a session may be without an answer, and lostAfter without a connection: gocql comes back by itself, but not
	// always.
	giveUpAfter = 30 * time.Second
	lostAfter   = 3 * time.Second
)

var errNoTables = errors.New("tables of the archive are gone, and are made again")

// connecting is the goroutine that makes sessions, one after the other, until Close.
func (a *Archive) connecting(node string) {
	defer close(a.ended)
	for pause := firstPause; ; {
		served, err := a.serve(node)
		switch {
		case a.ctx.Err() != nil:
			return
		case errors.Is(err, ErrNewerSchema), errors.Is(err, ErrTTL):
			a.refuse(err)
			return
		}
		a.answers(err)
		if served {
			pause = firstPause
		}
		if sleep(a.ctx, pause/2+rand.N(pause)) != nil {
			return
		}
		pause = min(2*pause, lastPause)
	}
}

// refuse is the end of it.
func (a *Archive) refuse(err error) {
	a.log.Error("the archive is not used", "place", a.place(), "error", err)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refusal, a.since = err, a.now()
	close(a.here)
}

// serve makes one session and watches it until it is worth nothing any more. served tells that it answered.
func (a *Archive) serve(node string) (served bool, err error) {
	d := newDialer(connectTimeout)
	stop := context.AfterFunc(a.ctx, d.close)
	defer stop()
	defer d.close()
	session, err := a.open(d, node)
	if err != nil {
		return false, err
	}
	defer session.Close()
	a.arrive(session)
	defer a.leave()
	return true, a.watch(session)
}

// open makes a session whose keyspace has the tables.
func (a *Archive) open(d *dialer, node string) (*gocql.Session, error) {
	if _, err := readCredentials(a.cfg.Credentials); err != nil {
		return nil, err // in its own words, not in gocql's
	}
	first, err := a.connect(d, "")
	if err != nil {
		return nil, err
	}
	err = a.makeKeyspace(a.ctx, first)
	first.Close()
	if err != nil {
		return nil, err
	}
	session, err := a.connect(d, a.cfg.Keyspace)
	if err != nil {
		return nil, err
	}
	m := migrator{
		session: session, keyspace: a.cfg.Keyspace, holder: fmt.Sprintf("%s %08x", node, rand.Uint32()), steps: migrations(a.cfg.TTL),
		lease: leaseTime, pause: migratePause, waits: a.waits, hold: d.hold, logger: a.log,
	}
	for _, step := range []func() error{
		func() error { return m.run(a.ctx) },
		func() error { return a.checkTTL(a.ctx, session) },
		func() error { return a.askClock(a.ctx, session) },
		func() error { return a.askDatabase(a.ctx, session) },
	} {
		if err := step(); err != nil {
			if forGood(err) { // those who name it otherwise are to know whose records they are to archive
				a.inPassing("database", func(ctx context.Context) error { return a.askDatabase(ctx, session) })
			}
			session.Close()
			return nil, err
		}
	}
	return session, nil
}

// waits notes that another node makes the tables.
func (a *Archive) waits(holder string) {
	node, _, _ := strings.Cut(holder, " ")
	a.answers(fmt.Errorf("node %s makes the archive's tables; that is waited for, for %s at most where it was killed meanwhile", node, leaseTime))
}

func (a *Archive) connect(d *dialer, keyspace string) (*gocql.Session, error) {
	cluster, err := a.cluster(d, keyspace)
	if err != nil {
		return nil, err
	}
	session, err := cluster.CreateSession()
	if err != nil && a.cfg.Credentials != "" && aboutPassword(err.Error()) {
		return nil, fmt.Errorf("%w: those in %s", errPassword, a.cfg.Credentials)
	}
	return session, err
}

func (a *Archive) arrive(session *gocql.Session) {
	a.session.Store(session)
	a.answers(nil)
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.here)
}

func (a *Archive) leave() {
	a.session.Store(nil)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.here = make(chan struct{})
}

// watch asks a database that did not answer whether it does again, and one that said nothing for a while whether it is there. It returns when it has not for long, or has
// lost the tables.
func (a *Archive) watch(session *gocql.Session) error {
	asked, generation := a.now(), a.generation.Load()
	for {
		if err := sleep(a.ctx, watchEvery); err != nil {
			return err
		}
		if a.lost.Swap(false) {
			return errNoTables
		}
		since, away := a.isAway()
		if !away && a.isQuiet() {
			a.answers(a.probe(session))
			continue
		}
		if !away {
			now, made := a.now(), a.generation.Load()
			minute := now.Sub(asked).Abs() >= clockEvery
			if minute {
				asked = now
				a.inPassing("time", func(ctx context.Context) error { return a.askClock(ctx, session) })
			}
			if minute || made != generation { // one that was killed may have forgotten it
				generation = made
				a.inPassing("database", func(ctx context.Context) error { return a.askDatabase(ctx, session) })
			}
			continue
		}
		err := a.probe(session)
		a.answers(err)
		if worthless(err, a.now().Sub(since)) {
			return err
		}
	}
}

// inPassing asks the servers something: who is not answered asks later.
func (a *Archive) inPassing(what string, ask func(context.Context) error) {
	ctx, cancel := context.WithTimeout(a.ctx, connectTimeout)
	defer cancel()
	if err := ask(ctx); err != nil {
		a.log.Debug("the archive's servers do not say what is asked in passing", "what", what, "error", unname(err))
	}
}

// worthless tells whether a session is to be replaced that does not answer, and why, since so long.
func worthless(err error, away time.Duration) bool {
	switch {
	case err == nil:
		return false
	case missing(err):
		return true
	case errors.Is(err, gocql.ErrNoConnections):
		return away > lostAfter
	}
	return away > giveUpAfter
}

// probe asks for a row that is not there, of the tables, at the archive's consistency.
func (a *Archive) probe(session *gocql.Session) error {
	ctx, cancel := context.WithTimeout(a.ctx, connectTimeout)
	defer cancel()
	var version int
	err := session.Query(`SELECT version FROM schema_versions WHERE part = 'schema' LIMIT 1`).WithContext(ctx).Scan(&version)
	if errors.Is(err, gocql.ErrNotFound) {
		return nil
	}
	return err
}
