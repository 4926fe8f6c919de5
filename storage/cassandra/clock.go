package cassandra

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gocql/gocql"
)

const (
	// clockEvery is how often the servers are asked for the time, clockApart how far it may be from this machine's before that is told.
	clockEvery = time.Minute
	clockApart = 10 * time.Second
	// clockTook is how long the answer may take and still say something.
	clockTook = 2 * time.Second
	// lastExpiry is the last second at which a row may end on servers up to 5.0 as they are set by default: a signed number of 32 bits.
	lastExpiry = 1<<31 - 2
)

// offset is how far the servers' clock is ahead of this machine's. When rows of small tables end is by theirs: a write timestamp by a
// clock that is ahead would hide what is listed later, and with that the records.
type offset struct{ by atomic.Int64 }

// of gives what the servers say at a time of this machine.
func (o *offset) of(now time.Time) time.Time { return now.Add(time.Duration(o.by.Load())) }

// measured takes what a server said to a question that was sent and answered at two times of this machine.
func (o *offset) measured(sent, answered, said time.Time) (by time.Duration, ok bool) {
	if took := answered.Sub(sent); took < 0 || took > clockTook {
		return 0, false
	}
	by = said.Sub(sent.Add(answered.Sub(sent) / 2))
	o.by.Store(int64(by))
	return by, true
}

// askClock compares the clocks.
func (a *Archive) askClock(ctx context.Context, s *gocql.Session) error {
	var ms int64
	sent := a.now()
	if err := s.Query(`SELECT toUnixTimestamp(now()) FROM system.local`).WithContext(ctx).Consistency(gocql.One).Scan(&ms); err != nil {
		return err
	}
	by, ok := a.clock.measured(sent, a.now(), time.UnixMilli(ms))
	if ok && by.Abs() > clockApart {
		a.log.Warn("the clock of this machine and that of the archive's servers are apart: rows end by the servers'", "place", a.place(), "servers_ahead", by.Round(time.Second))
	}
	return nil
}

// checkTTL writes a row that lives as long as any listing. A server refuses what ends too late for it: in 2038, up to 5.0 as it is set by
// default.
func (a *Archive) checkTTL(ctx context.Context, s *gocql.Session) error {
	if a.cfg.TTL <= 0 {
		return nil
	}
	life := a.cfg.TTL + a.places.slack
	err := s.Query(`INSERT INTO schema_versions (part, version, holder) VALUES ('ttl', 0, ?) USING TTL ?`, a.cfg.TTL.String(), int(life/time.Second)).WithContext(ctx).Exec()
	if err == nil || !forGood(err) {
		return err
	}
	return fmt.Errorf("%w: %s, and %s for rows that list others: %w", ErrTTL, a.cfg.TTL, a.places.slack, err)
}
