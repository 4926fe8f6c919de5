package cassandra

import (
	"fmt"
	"time"
)

// migration is a version of the schema: statements that each do no harm when they are run again.
type migration struct {
	version    int
	statements []string
}

// createTable begins each statement that makes a table.
const createTable = "CREATE TABLE IF NOT EXISTS "

// migrations are all that this program knows, ascending. The tables of the last one are what it reads and writes.
func migrations(ttl time.Duration) []migration {
	window, unit := compactionWindow(ttl)
	timed := fmt.Sprintf(`compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_size': %d, 'compaction_window_unit': '%s'}`, window, unit)
	return []migration{{1, []string{
		`CREATE TABLE IF NOT EXISTS records (
			stream text, origin text, bucket timestamp,
			hlc bigint, epoch bigint, sequence bigint, idx int,
			received timestamp, time timestamp, time_ns int,
			key text, native_id text, source text, content_type text, data text, bytes blob,
			PRIMARY KEY ((stream, origin, bucket), hlc, epoch, sequence, idx))
			WITH ` + timed + ` AND gc_grace_seconds = 86400
			AND comment = 'aNode: a row a record; bucket is in the table partitions'`,
		`CREATE TABLE IF NOT EXISTS buckets (
			stream text, origin text, day date, width text,
			PRIMARY KEY ((stream, origin), day))
			WITH comment = 'aNode: how wide the buckets of a day are: day, hour, minute or second'`,
		`CREATE TABLE IF NOT EXISTS partitions (
			stream text, origin text, day date, bucket timestamp, width text,
			PRIMARY KEY ((stream, origin, day), bucket, width))
			WITH comment = 'aNode: which partitions of records there are'`,
		`CREATE TABLE IF NOT EXISTS origins (
			stream text, day date, origin text,
			PRIMARY KEY ((stream), day, origin))
			WITH comment = 'aNode: the origins of a stream, by day'`,
		`CREATE TABLE IF NOT EXISTS streams (
			origin text, day date, stream text,
			PRIMARY KEY ((origin, day), stream))
			WITH comment = 'aNode: the streams of an origin, by day'`,
		`CREATE TABLE IF NOT EXISTS days (
			origin text, day date,
			PRIMARY KEY ((origin), day))
			WITH comment = 'aNode: the days of which there are records of an origin'`,
		`CREATE TABLE IF NOT EXISTS marks (
			origin text, epoch bigint, sequence bigint, received timestamp,
			PRIMARY KEY ((origin, epoch), sequence))
			WITH gc_grace_seconds = 86400
			AND comment = 'aNode: when the batches of an epoch were received, about one a minute'`,
		`CREATE TABLE IF NOT EXISTS progress (
			origin text, epoch bigint, streams text, archiver text,
			runs text, begun boolean, prior text, head_index int, head_hlc bigint, noted timestamp,
			PRIMARY KEY ((origin), epoch, streams, archiver))
			WITH comment = 'aNode: the sequences of batches that archivers have written'`,
	}}}
}

// versionsTable has, under the part "schema", the versions that were made, and under "lease", for as long as it lasts, who makes one.
const versionsTable = `CREATE TABLE IF NOT EXISTS schema_versions (
	part text, version int, holder text, at timestamp,
	PRIMARY KEY ((part), version))
	WITH comment = 'aNode: the versions of these tables, and who changes them now'`

// compactionWindow picks a window of which a TTL has about thirty: then what a window has expires in one piece, and few windows stand
// side by side.
func compactionWindow(ttl time.Duration) (size int, unit string) {
	const day = 24 * time.Hour
	if ttl <= 0 {
		return 30, "DAYS"
	}
	switch window := ttl / 30; {
	case window >= day:
		return int((window + day - 1) / day), "DAYS"
	case window >= time.Hour:
		return int((window + time.Hour - 1) / time.Hour), "HOURS"
	default:
		return int(max(1, window/time.Minute)), "MINUTES"
	}
}
