package cassandra

import (
	"context"
	"log/slog"
	"time"

	"github.com/gocql/gocql"

	"anode/messages"
)

// InsertRow is the statement of Write, for who compares with it.
const InsertRow = insertRow

// VersionsTable makes the table of the lease.
const VersionsTable = versionsTable

// Migrations are those that this program knows.
func Migrations() (versions []int, statements []string) {
	for _, m := range migrations(0) {
		versions, statements = append(versions, m.version), append(statements, m.statements...)
	}
	return versions, statements
}

// Saw has the archive believe that so many bytes a second came of a stream for an hour, until a time.
func (a *Archive) Saw(stream messages.Stream, origin messages.NodeID, rate, untilMs int64) {
	a.places.saw(map[line]sight{{stream, origin}: {bytes: rate * 3600, first: untilMs - 3_600_000, last: untilMs}}, untilMs)
}

// Reconnected is what a connection that was made anew does.
func (a *Archive) Reconnected() { a.generation.Add(1) }

// TTLSlack is how much longer listings live than records.
func TTLSlack(ttl time.Duration) time.Duration { return slackOf(ttl) }

// Migrate makes the tables over a session, under a lease of a time; before is called before each statement.
func Migrate(ctx context.Context, s *gocql.Session, keyspace, holder string, lease time.Duration, before func(string)) error {
	m := migrator{session: s, keyspace: keyspace, holder: holder, steps: migrations(0), lease: lease, pause: migratePause, logger: slog.New(slog.DiscardHandler), before: before}
	return m.run(ctx)
}
