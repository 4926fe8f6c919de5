package archived_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"anode/testkit/cassandra"
	"anode/testkit/chaos"
)

// table reads the archive's tables as docs/archive.md describes them.
type table struct {
	session *gocql.Session
}

// tableOf connects to all nodes of a cluster.
func tableOf(t testing.TB, c *cassandra.Cluster, keyspace string) table {
	t.Helper()
	settings := c.Settings()
	settings.Keyspace, settings.Timeout, settings.ConnectTimeout = keyspace, 30*time.Second, 30*time.Second
	settings.Consistency = gocql.Quorum
	settings.RetryPolicy = &gocql.ExponentialBackoffRetryPolicy{NumRetries: 5, Min: 100 * time.Millisecond, Max: 2 * time.Second}
	var session *gocql.Session
	eventually(t, "a session with Cassandra", time.Minute, func() (err error) {
		session, err = settings.CreateSession()
		return err
	})
	t.Cleanup(session.Close)
	return table{session}
}

// row is what is read of a row of records.
type row struct {
	id string
	datum
	received time.Time
}

// place is a partition.
type place struct {
	stream, origin string
	bucket         time.Time
}

// each gives every row of records that some nodes numbered, in no order, and says what is wrong with where it stands.
func (b table) each(t testing.TB, nodes []*chaos.Node, do func(row)) error {
	mine := make(map[string]bool)
	for _, n := range nodes {
		mine[n.ID()] = true
	}
	var faults []error
	written := b.places(t, `SELECT DISTINCT stream, origin, bucket FROM records`)
	listed := b.places(t, `SELECT stream, origin, bucket FROM partitions`) // afterwards: nodes may be writing, and list first
	for p := range written {
		if !mine[p.origin] || p.stream == warming {
			continue
		}
		if !listed[p] {
			faults = append(faults, fmt.Errorf("the partition %v is not listed", p))
		}
		faults = append(faults, b.partition(t, p, do))
	}
	return errors.Join(faults...)
}

// partition gives the rows of one.
func (b table) partition(t testing.TB, p place, do func(row)) error {
	var faults []error
	const page = 2000
	iter := b.session.Query(`SELECT hlc, epoch, sequence, idx, received, time, time_ns, key, native_id, content_type, data, bytes FROM records
		WHERE stream = ? AND origin = ? AND bucket = ?`, p.stream, p.origin, p.bucket).WithContext(t.Context()).PageSize(page).Iter()
	for {
		r := row{datum: datum{stream: p.stream}}
		var (
			hlc, epoch, sequence int64
			index, ns            int
			text                 string
			payload              []byte
		)
		if !iter.Scan(&hlc, &epoch, &sequence, &index, &r.received, &r.time, &ns, &r.key, &r.native, &r.kind, &text, &payload) {
			break
		}
		r.id = fmt.Sprintf("%s-%d-%d-%d", p.origin, epoch, sequence, index)
		r.payload = append([]byte(text), payload...)
		r.time = r.time.Add(time.Duration(ns))
		const counter = 16
		if r.received.UnixMilli() != hlc>>counter {
			faults = append(faults, fmt.Errorf("%s: received %s, and its hlc is of %s", r.id, r.received, time.UnixMilli(hlc>>counter)))
		}
		do(r)
	}
	return errors.Join(append(faults, iter.Close())...)
}

// places are the partitions that a question names.
func (b table) places(t testing.TB, question string) map[place]bool {
	t.Helper()
	all := make(map[place]bool)
	iter := b.session.Query(question).WithContext(t.Context()).Iter()
	var p place
	for iter.Scan(&p.stream, &p.origin, &p.bucket) {
		p.bucket = p.bucket.UTC()
		all[p] = true
	}
	if err := iter.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

// contents are all rows of some nodes; an error is that one is there twice.
func (b table) contents(t testing.TB, nodes []*chaos.Node) (contents, error) {
	c := make(contents)
	var faults []error
	err := b.each(t, nodes, func(r row) {
		if _, is := c[r.id]; is {
			faults = append(faults, fmt.Errorf("%s is there twice", r.id))
		}
		c[r.id] = r.hash()
	})
	return c, errors.Join(append(faults, err)...)
}

// is demands that the rows are what was published, each once.
func (b table) is(t testing.TB, l *ledger, nodes ...*chaos.Node) {
	t.Helper()
	want := l.snapshot(nil)
	got, err := b.contents(t, nodes)
	if err != nil {
		t.Errorf("%.2000s", err)
	}
	if err := l.certain(got).differs(want); err != nil {
		t.Errorf("the archive's rows: %v", err)
	}
	t.Logf("%d rows, and %d records were published", len(got), len(want))
}

// held are the rows of records that chaos published to some nodes, as what a node holds.
func (b table) held(t testing.TB, nodes []*chaos.Node) []chaos.Record {
	t.Helper()
	var list []chaos.Record
	if err := b.each(t, nodes, func(r row) { list = append(list, asHeld(t, r)) }); err != nil {
		t.Errorf("%.2000s", err)
	}
	return list
}
