package cassandra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/gocql/gocql"
)

// migrator makes the tables. Any number may run at a time: one has the lease and works, the others wait.
type migrator struct {
	session *gocql.Session
	// keyspace is where, holder who it is: another name for each migrator.
	keyspace, holder string
	steps            []migration
	// lease is for how long the lease lasts when its holder says nothing more. The holder renews it all the time.
	lease time.Duration
	// pause is how long those who wait do so at a time.
	pause time.Duration
	// waits, unless nil, is told who has the lease, each time that it is waited for.
	waits func(holder string)
	// hold, unless nil, is called before the lease is taken, and what it gives after that was given back.
	hold   func() (letGo func())
	logger *slog.Logger
	// before, in tests, is called before each statement.
	before func(statement string)
}

const (
	leaseTime    = 20 * time.Second
	migratePause = 300 * time.Millisecond
	// releaseWithin is how long the end waits for the lease to be given back.
	releaseWithin = 2 * time.Second
)

// leaseLost tells that another one makes the tables.
type leaseLost struct{ holder string }

func (l *leaseLost) Error() string { return "the archive's tables are made by " + l.holder }

// run returns when the tables are of the last version.
func (m *migrator) run(ctx context.Context) error {
	if err := m.prepare(ctx); err != nil {
		return err
	}
	last := m.steps[len(m.steps)-1].version
	for {
		version, err := m.version(ctx)
		work := m.migrate
		switch {
		case err != nil:
			return err
		case version > last:
			return fmt.Errorf("%w: keyspace %s has version %d of them, and this program knows them up to %d", ErrNewerSchema, m.keyspace, version, last)
		case version == last:
			dropped, err := m.dropped(ctx)
			if err != nil || len(dropped) == 0 {
				return err
			}
			work = func(ctx context.Context) error { return m.again(ctx, dropped) }
		}
		err = m.leased(ctx, work)
		var lost *leaseLost
		if err != nil && !errors.As(err, &lost) {
			return err
		}
		if err != nil {
			if m.waits != nil {
				m.waits(lost.holder)
			}
			if err := sleep(ctx, m.pause/2+rand.N(m.pause)); err != nil {
				return err
			}
		}
	}
}

// prepare makes the table that has the lease. Who comes first does so for all: those who begin at the same time wait for a moment
// that each draws, as two who create one table through two nodes may each get another table.
func (m *migrator) prepare(ctx context.Context) error {
	for try := range 2 {
		var name string
		err := m.query(ctx, `SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'schema_versions'`, m.keyspace).Scan(&name)
		if err == nil {
			return nil
		}
		if !errors.Is(err, gocql.ErrNotFound) {
			return err
		}
		if try == 0 {
			if err := sleep(ctx, rand.N(m.pause)); err != nil {
				return err
			}
		}
	}
	return m.change(ctx, versionsTable)
}

// version is the highest that was made whole; 0 is none.
func (m *migrator) version(ctx context.Context) (version int, err error) {
	err = m.query(ctx, `SELECT version FROM schema_versions WHERE part = 'schema' ORDER BY version DESC LIMIT 1`).Scan(&version)
	if errors.Is(err, gocql.ErrNotFound) {
		err = nil
	}
	return version, err
}

// dropped are the statements that make tables which are not there.
func (m *migrator) dropped(ctx context.Context) (list []string, err error) {
	has := make(map[string]bool)
	rows := m.query(ctx, `SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?`, m.keyspace).Iter()
	for name := ""; rows.Scan(&name); {
		has[name] = true
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	for _, step := range m.steps {
		for _, statement := range step.statements {
			if rest, ok := strings.CutPrefix(statement, createTable); ok && !has[strings.Fields(rest)[0]] {
				list = append(list, statement)
			}
		}
	}
	return list, nil
}

// again makes tables that somebody dropped.
func (m *migrator) again(ctx context.Context, statements []string) error {
	for _, statement := range statements {
		if err := m.renew(ctx); err != nil {
			return err
		}
		if err := m.change(ctx, statement); err != nil {
			return fmt.Errorf("make the archive's tables again: %w", err)
		}
	}
	m.logger.Warn("tables of the archive that were dropped were made again", "keyspace", m.keyspace, "tables", len(statements))
	return nil
}

// migrate makes the versions that are not there.
func (m *migrator) migrate(ctx context.Context) error {
	// what another one made while the lease was his counts
	from, err := m.version(ctx)
	if err != nil {
		return err
	}
	for _, step := range m.steps {
		if step.version <= from {
			continue
		}
		started := time.Now()
		for _, statement := range step.statements {
			if err := m.renew(ctx); err != nil {
				return err
			}
			if err := m.change(ctx, statement); err != nil {
				return fmt.Errorf("migrate the archive's tables to version %d: %w", step.version, err)
			}
		}
		if err := m.renew(ctx); err != nil {
			return err
		}
		if _, err := m.cas(ctx, `INSERT INTO schema_versions (part, version, holder, at) VALUES ('schema', ?, ?, toTimestamp(now())) IF NOT EXISTS`, step.version, m.holder); err != nil {
			return err
		}
		m.logger.Info("the archive's tables were made", "keyspace", m.keyspace, "version", step.version, "took", time.Since(started).Round(time.Millisecond))
	}
	return nil
}

func (m *migrator) seconds() int { return int((m.lease + time.Second - 1) / time.Second) }

// leased does some work under the lease, or gives a leaseLost.
func (m *migrator) leased(ctx context.Context, work func(context.Context) error) error {
	if m.hold != nil {
		defer m.hold()()
	}
	err := m.take(ctx)
	if lost := (*leaseLost)(nil); errors.As(err, &lost) {
		return err
	}
	defer m.release(ctx) // after a time-out, too: it may be mine
	if err != nil {
		return err
	}
	ctx, stop := m.keep(ctx)
	defer stop()
	// one that was killed may have left tables of which not all servers know
	if err := m.session.AwaitSchemaAgreement(ctx); err != nil {
		m.logger.Debug("the archive's servers do not agree on the tables", "error", err)
	}
	err = work(ctx)
	if lost := (*leaseLost)(nil); err != nil && errors.As(context.Cause(ctx), &lost) {
		return lost
	}
	return err
}

// keep renews the lease until stop is called, which waits. The context ends where the lease is lost.
func (m *migrator) keep(ctx context.Context) (kept context.Context, stop func()) {
	const often = 5
	kept, cancel := context.WithCancelCause(ctx)
	var ended sync.WaitGroup
	ended.Go(func() {
		for sleep(kept, m.lease/often) == nil {
			if lost := (*leaseLost)(nil); errors.As(m.renew(kept), &lost) {
				cancel(lost)
			}
		}
	})
	return kept, func() {
		cancel(context.Canceled)
		ended.Wait()
	}
}

// take gets the lease, or a leaseLost.
func (m *migrator) take(ctx context.Context) error {
	mine, err := m.cas(ctx, `INSERT INTO schema_versions (part, version, holder, at) VALUES ('lease', 0, ?, toTimestamp(now())) IF NOT EXISTS USING TTL ?`, m.holder, m.seconds())
	if err != nil || mine {
		return err
	}
	return m.renew(ctx) // a time-out says nothing: it may be mine
}

// renew makes sure that the lease lasts for its time from now on, or gives a leaseLost.
func (m *migrator) renew(ctx context.Context) error {
	others := make(map[string]any)
	mine, err := m.query(ctx, `UPDATE schema_versions USING TTL ? SET holder = ? WHERE part = 'lease' AND version = 0 IF holder = ?`, m.seconds(), m.holder, m.holder).MapScanCAS(others)
	if err == nil && !mine {
		holder, _ := others["holder"].(string)
		err = &leaseLost{holder}
	}
	return err
}

// release gives it back. Where that fails it ends by itself.
func (m *migrator) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseWithin)
	defer cancel()
	if _, err := m.cas(ctx, `DELETE FROM schema_versions WHERE part = 'lease' AND version = 0 IF holder = ?`, m.holder); err != nil {
		m.logger.Debug("the lease of the archive's tables ends by itself", "error", err)
	}
}

// change runs a statement that changes the schema.
func (m *migrator) change(ctx context.Context, statement string) error {
	if m.before != nil {
		m.before(statement)
	}
	return m.query(ctx, statement).Exec()
}

// cas runs a lightweight transaction.
func (m *migrator) cas(ctx context.Context, statement string, args ...any) (bool, error) {
	return m.query(ctx, statement, args...).MapScanCAS(make(map[string]any))
}

// query is of a table in the keyspace. The session has it.
func (m *migrator) query(ctx context.Context, statement string, args ...any) *gocql.Query {
	return m.session.Query(statement, args...).WithContext(ctx)
}

// sleep waits, or ends with the context's reason.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
