// Package cassandra keeps records in Apache Cassandra (4.0 or later): it implements storage.Archive, and is the only package that
// imports gocql. docs/archive.md is its page for people: the tables, questions to ask them in CQL, the settings.
//
//	records     ((stream, origin, bucket), hlc, epoch, sequence, idx)  a row a record
//	buckets     ((stream, origin), day)            → width: how a day of a stream of an origin is cut
//	partitions  ((stream, origin, day), bucket, width)  which partitions of records there are
//	origins     ((stream), day, origin)            who numbered records of a stream
//	streams     ((origin, day), stream), days ((origin), day)  what an origin numbered
//	marks       ((origin, epoch), sequence)        → received: a batch a minute
//	progress    ((origin), epoch, streams, archiver) → what is written
//	schema_versions                                which migrations were made, who makes one now, and the database's number
//
// A bucket is a day, an hour, a minute or a second of UTC, by the HLC's milliseconds. How wide it is was decided once for each (stream,
// origin, day), by a lightweight transaction among all data centers that all archivers read back before they write: a record has one partition, whoever
// writes it. Where that was forgotten and decided anew, a day is there in both widths, and read as one. All rows of records are idempotent, and their write timestamp is their HLC's.
//
// # What is written first
//
// A partition is listed before its first record is written, so what is written is found. A server that is killed may forget what it
// acknowledged, a listing too; so all that is known to be listed counts for nothing as soon as a connection was made anew, and a
// write during which that happened lists its partitions again before it returns.
//
// Rows of the small tables outlive the records that they are about: they are written again before less than TTL is left of them. Their
// write timestamp is the time at which they end, so what is kept longer wins, whoever wrote last.
//
// # Without a server
//
// New does not connect. A goroutine does, again and again until Close, makes the schema, and watches. Meanwhile all answers are
// storage.ErrAway with the reason. A server that has said nothing for three seconds is asked whether it is there, so that one that stands still is seen, whoever asks it. A schema that is newer than this program knows is refused for good.
package cassandra
