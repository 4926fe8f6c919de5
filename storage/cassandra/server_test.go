package cassandra_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/cassandra"
	server "anode/testkit/cassandra"
	"anode/testkit/storagetest"
)

// session is another client's, as people have it.
func session(t testing.TB, c *server.Cluster, keyspace string) *gocql.Session {
	t.Helper()
	settings := c.Settings()
	settings.Keyspace, settings.Timeout = keyspace, patience
	s, err := settings.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func opened(t testing.TB, sealed ...wire.Sealed) (list []*messages.Batch) {
	t.Helper()
	for i := range sealed {
		b, err := sealed[i].Open()
		must(t, err)
		list = append(list, b)
	}
	return list
}

// positions are those of a scan of a stream of one origin, in its order.
func positions(t testing.TB, a *cassandra.Archive, q storage.ArchiveScan) (list []messages.Position) {
	t.Helper()
	for r, err := range a.Scan(context.Background(), q) {
		must(t, err)
		list = append(list, r.Position)
	}
	return list
}

// inBatches are the positions of a stream, in order of time.
func inBatches(stream messages.Stream, batches []*messages.Batch) (list []messages.Position) {
	var records []*messages.Record
	for _, b := range batches {
		if g := b.Group(stream); g != nil {
			for i := range g.Records {
				records = append(records, &g.Records[i])
			}
		}
	}
	slices.SortFunc(records, func(a, b *messages.Record) int {
		return cmp.Or(cmp.Compare(a.HLC.Millis(), b.HLC.Millis()), a.Position.Compare(b.Position))
	})
	for _, r := range records {
		list = append(list, r.Position)
	}
	return list
}

func same(t testing.TB, what string, got, want []messages.Position) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %d records, want %d, in order", what, len(got), len(want))
	}
}

func count(t testing.TB, s *gocql.Session, table string) (n int) {
	t.Helper()
	must(t, s.Query("SELECT COUNT(*) FROM "+table).Scan(&n))
	return n
}

// Archivers that think differently of how wide buckets should be write the same at once.
func TestOneRecordHasOnePartition(t *testing.T) {
	c, keyspace := empty(t)
	o := storagetest.NewOrigin(storagetest.Self, 7, storagetest.Start)
	var batches []*messages.Batch
	records := 0
	for i := range 60 {
		o.At(storagetest.Start + int64(i)*3*3_600_000) // a week
		b := opened(t, o.Next(t, storagetest.Draft("s.x", "1"), storagetest.Draft("s.y", "2"), storagetest.Draft("s.y", "3")))
		batches, records = append(batches, b...), records+3
	}
	var wait sync.WaitGroup
	for _, rate := range []int64{1, 2 << 10, 50 << 10, 2 << 20} {
		a := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace})
		a.Saw("s.x", storagetest.Self, rate, storagetest.Start)
		a.Saw("s.y", storagetest.Self, rate, storagetest.Start)
		wait.Go(func() {
			for part := range slices.Chunk(batches, 10) {
				if n, err := a.Write(context.Background(), part); err != nil || n != 30 {
					t.Errorf("%d, %v", n, err)
				}
			}
		})
	}
	wait.Wait()
	s := session(t, c, keyspace)
	if n := count(t, s, "records"); n != records {
		t.Errorf("%d rows of %d records", n, records)
	}
	a := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace})
	same(t, "s.y", positions(t, a, storage.ArchiveScan{Stream: "s.y", Origin: storagetest.Self}), inBatches("s.y", batches))
}

// Of a server that was killed the listings may be gone: they are written again with the first write over a new connection.
func TestWhatAServerForgotIsListedAgain(t *testing.T) {
	c, keyspace := empty(t)
	a, s := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace}), session(t, c, keyspace)
	batches := opened(t, storagetest.NewOrigin(storagetest.Self, 7, storagetest.Start).Run(t, 4)...)
	_, err := a.Write(t.Context(), batches[:2])
	must(t, err)
	for _, table := range []string{"buckets", "partitions", "origins", "streams", "days", "marks"} {
		must(t, s.Query("TRUNCATE "+table).Exec())
	}
	a.Reconnected()
	_, err = a.Write(t.Context(), batches[2:])
	must(t, err)
	same(t, "a scan", positions(t, a, storage.ArchiveScan{Stream: "test.a", Origin: storagetest.Self}), inBatches("test.a", batches))
	if origins, err := a.Origins(t.Context(), "test.a", 0, 0); err != nil || len(origins) != 1 {
		t.Errorf("origins are %v, %v", origins, err)
	}
	if m, err := a.Oldest(t.Context(), storagetest.Self, 7); err != nil || m.Sequence == 0 {
		t.Errorf("the oldest mark is %v, %v", m, err)
	}
}

// Where a server forgot how a day was cut, and another archiver cut it anew, both are read as one, and what stands twice once.
func TestADayThatWasCutTwiceIsReadInOrder(t *testing.T) {
	c, keyspace := empty(t)
	s := session(t, c, keyspace)
	o := storagetest.NewOrigin(storagetest.Self, 7, storagetest.Start)
	var batches []*messages.Batch
	for i := range 40 {
		o.At(storagetest.Start + int64(i)*100_000)
		batches = append(batches, opened(t, o.Next(t, storagetest.Draft("s.x", fmt.Sprint(i))))...)
	}
	for i, rate := range []int64{1, 2 << 10, 2 << 20} {
		a := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace})
		a.Saw("s.x", storagetest.Self, rate, storagetest.Start)
		var own []*messages.Batch
		for at, b := range batches {
			if at%3 == i || at%4 == 0 {
				own = append(own, b)
			}
		}
		_, err := a.Write(t.Context(), own)
		must(t, err)
		must(t, s.Query("TRUNCATE buckets").Exec())
	}
	a := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace})
	_, err := a.Write(t.Context(), batches[:1])
	must(t, err)
	want := inBatches("s.x", batches)
	for _, page := range []int{0, 1, 7} {
		same(t, "a scan", positions(t, a, storage.ArchiveScan{Stream: "s.x", Origin: storagetest.Self, Page: page}), want)
	}
	back := positions(t, a, storage.ArchiveScan{Stream: "s.x", Origin: storagetest.Self, Descending: true})
	slices.Reverse(back)
	same(t, "backwards", back, want)
}

// Two data centers may cut a day in two ways. Then the first bucket of the day is there in both widths, and who asks from later on needs
// both.
func TestBothCutsOfADayAreFound(t *testing.T) {
	c, keyspace := empty(t)
	s := session(t, c, keyspace)
	midnight := time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC).UnixMilli()
	var batches []*messages.Batch
	o := storagetest.NewOrigin(storagetest.Self, 7, midnight)
	for i := range 16 {
		o.At(midnight + int64(i)*30*60_000)
		batches = append(batches, opened(t, o.Next(t, storagetest.Draft("s.x", fmt.Sprint(i))))...)
	}
	for i, rate := range []int64{1, 2 << 20} { // by the day, by the second
		a := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace})
		a.Saw("s.x", storagetest.Self, rate, midnight)
		var own []*messages.Batch
		for at, b := range batches {
			if at%2 == i {
				own = append(own, b)
			}
		}
		_, err := a.Write(t.Context(), own)
		must(t, err)
		must(t, s.Query("TRUNCATE buckets").Exec())
	}
	a := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace})
	_, err := a.Write(t.Context(), batches[:1])
	must(t, err)
	want := inBatches("s.x", batches)
	for _, from := range []int{0, 3, 9} {
		q := storage.ArchiveScan{Stream: "s.x", Origin: storagetest.Self, FromMs: batches[from].First.Millis()}
		same(t, fmt.Sprint("from ", from), positions(t, a, q), want[from:])
	}
}

// Connections that are made all the time have what is listed listed once more, and nothing fail.
func TestConnectionsThatComeAndGo(t *testing.T) {
	c, keyspace := empty(t)
	a := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace})
	o := storagetest.NewOrigin(storagetest.Self, 7, storagetest.Start)
	var drafts []messages.Draft
	for i := range 40 {
		drafts = append(drafts, storagetest.Draft(messages.Stream(fmt.Sprint("s.x", i)), "1"))
	}
	batches := opened(t, o.Next(t, drafts...))
	ended, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for every := time.NewTicker(time.Millisecond); ; {
			select {
			case <-stop:
				return
			case <-every.C:
				a.Reconnected()
			}
		}
	}()
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if n, err := a.Write(context.Background(), batches); err != nil || n != len(drafts) {
				t.Errorf("%d rows of %d, %v", n, len(drafts), err)
			}
		})
	}
	wait.Wait()
	close(stop)
	<-ended
}

// What an archive that forgets has noted ends, some time after what it is about.
func TestProgressOfAnArchiveThatForgetsEnds(t *testing.T) {
	c, keyspace := empty(t)
	s := session(t, c, keyspace)
	const ttl = 24 * time.Hour
	for i, ttl := range []time.Duration{0, ttl} {
		a := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace, TTL: ttl})
		must(t, a.Confirm(t.Context(), "n1", []storage.Archived{{Origin: storagetest.Self, Epoch: uint64(i + 1), Streams: messages.Everything, Runs: messages.Ranges{{From: 1, To: 1}}}}))
	}
	left := func(epoch int) (seconds *int) {
		must(t, s.Query(`SELECT TTL(runs) FROM progress WHERE origin = ? AND epoch = ?`, storagetest.Self, epoch).Scan(&seconds))
		return seconds
	}
	if seconds := left(1); seconds != nil {
		t.Errorf("kept for ever, it ends in %d s", *seconds)
	}
	if seconds := left(2); seconds == nil || *seconds < int((ttl+cassandra.TTLSlack(ttl))/time.Second) {
		t.Errorf("it ends in %v s, before the listings of what it is about", seconds)
	}
}

// A row of progress that can't be read is left out, and the log has it; what else is there counts.
func TestProgressThatCantBeRead(t *testing.T) {
	c, keyspace := empty(t)
	s := session(t, c, keyspace)
	var said hearing
	a, err := cassandra.New(cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace}, cassandra.Deps{Logger: said.logger()})
	must(t, err)
	t.Cleanup(func() { must(t, a.Close()) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, a.Connected(ctx))
	one := storage.Archived{Origin: storagetest.Self, Epoch: 7, Streams: messages.Everything, Runs: messages.Ranges{{From: 1, To: 1}}}
	must(t, a.Confirm(ctx, "n1", []storage.Archived{one}))
	must(t, s.Query(`INSERT INTO progress (origin, epoch, streams, archiver, runs) VALUES (?, 8, '>', 'n1', 'nonsense')`, storagetest.Self).Exec())
	for _, origin := range []messages.NodeID{"", storagetest.Self} {
		if got, err := a.Confirmed(ctx, origin); err != nil || len(got) != 1 || got[0].Epoch != 7 {
			t.Errorf("of %q: %+v, %v", origin, got, err)
		}
	}
	if !strings.Contains(said.String(), "nonsense") {
		t.Error("the log does not have it")
	}
	two := storage.Archived{Origin: storagetest.Self, Epoch: 8, Streams: messages.Everything, Runs: messages.Ranges{{From: 3, To: 3}}}
	must(t, a.Confirm(ctx, "n1", []storage.Archived{two})) // it is written anew
	if got, err := a.Confirmed(ctx, ""); err != nil || len(got) != 2 || got[1].Runs[0].From != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A listing lives as long as the longest-lived of what it lists, whoever wrote last.
func TestWhatIsKeptLongerWins(t *testing.T) {
	c, keyspace := empty(t)
	s := session(t, c, keyspace)
	batch := opened(t, storagetest.NewOrigin(storagetest.Self, 7, storagetest.Start).Run(t, 1)...)
	const ttl = 24 * time.Hour
	write := func(ttl time.Duration) {
		t.Helper()
		_, err := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace, TTL: ttl}).Write(t.Context(), batch)
		must(t, err)
	}
	left := func() (seconds *int) {
		t.Helper()
		must(t, s.Query(`SELECT TTL(width) FROM buckets LIMIT 1`).Scan(&seconds))
		return seconds
	}
	write(ttl)
	if seconds := left(); seconds == nil || *seconds < int(ttl/time.Second) || *seconds > int((ttl+cassandra.TTLSlack(ttl))/time.Second) {
		t.Errorf("with a ttl: %v", seconds)
	}
	write(0)
	write(ttl)
	if seconds := left(); seconds != nil {
		t.Errorf("kept for ever, it ends in %d s", *seconds)
	}
}

// Tables that somebody drops are made again.
func TestTablesThatAreDropped(t *testing.T) {
	if os.Getenv("ANODE_LONG") == "" {
		t.Skip("a keyspace is made twice: ANODE_LONG=1")
	}
	c, keyspace := shared.ForTest(t)
	a, s := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace}), session(t, c, keyspace)
	batches := opened(t, storagetest.NewOrigin(storagetest.Self, 7, storagetest.Start).Run(t, 4)...)
	_, err := a.Write(t.Context(), batches[:2])
	must(t, err)
	must(t, s.Query("DROP KEYSPACE "+keyspace).Exec())
	written(t, a, batches)
	same(t, "a scan", positions(t, a, storage.ArchiveScan{Stream: "test.a", Origin: storagetest.Self}), inBatches("test.a", batches))
}

// One table that somebody drops is made again, and what the others have stays.
func TestATableThatIsDropped(t *testing.T) {
	c, keyspace := shared.ForTest(t)
	a, s := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace}), session(t, c, keyspace)
	batches := opened(t, storagetest.NewOrigin(storagetest.Self, 7, storagetest.Start).Run(t, 4)...)
	_, err := a.Write(t.Context(), batches[:2])
	must(t, err)
	must(t, s.Query("DROP TABLE records").Exec())
	written(t, a, batches)
	same(t, "a scan", positions(t, a, storage.ArchiveScan{Stream: "test.a", Origin: storagetest.Self}), inBatches("test.a", batches))
	if m, err := a.Oldest(t.Context(), storagetest.Self, 7); err != nil || m.Sequence == 0 {
		t.Errorf("the oldest mark is %v, %v", m, err)
	}
}

// A server takes rows until 2038 at most, as it is by default: a ttl beyond is refused for good, before anything is written.
func TestATTLThatTheServerRefuses(t *testing.T) {
	c, keyspace := empty(t)
	a := start(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace, TTL: cassandra.MaxTTL})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := a.Connected(ctx); !errors.Is(err, cassandra.ErrTTL) {
		t.Errorf("connected: %v", err)
	}
	if _, err := a.Confirmed(ctx, ""); !errors.Is(err, cassandra.ErrTTL) || errors.Is(err, storage.ErrAway) {
		t.Errorf("asked: %v", err)
	}
}

// A clock that is far ahead does not hide what others list later.
func TestAClockThatIsAhead(t *testing.T) {
	c, keyspace := empty(t)
	s := session(t, c, keyspace)
	const ttl = 24 * time.Hour
	a, err := cassandra.New(cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace, TTL: ttl}, cassandra.Deps{
		Logger: logger(t), Clock: func() time.Time { return time.Now().Add(1000 * time.Hour) },
	})
	must(t, err)
	t.Cleanup(func() { must(t, a.Close()) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, a.Connected(ctx))
	_, err = a.Write(ctx, opened(t, storagetest.NewOrigin(storagetest.Self, 7, storagetest.Start).Run(t, 1)...))
	must(t, err)
	var at int64
	must(t, s.Query(`SELECT WRITETIME(received) FROM marks LIMIT 1`).Scan(&at))
	if ends := time.UnixMicro(at); time.Until(ends) > ttl+time.Hour {
		t.Errorf("a mark is written as one that ends at %s", ends)
	}
}

// Passwords on connections that anybody may read are told of.
func TestPasswordsInPlainTextAreToldOf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	must(t, os.WriteFile(file, []byte("joe:x"), 0o600))
	for on, want := range map[bool]bool{false: true, true: false} {
		var said hearing
		a, err := cassandra.New(cassandra.Config{Hosts: []string{"127.0.0.1:1"}, Keyspace: "k", Credentials: file, TLS: cassandra.TLS{On: on}}, cassandra.Deps{Logger: said.logger()})
		must(t, err)
		must(t, a.Close())
		if got := strings.Contains(said.String(), "not encrypted"); got != want {
			t.Errorf("with tls %v the log says so: %v", on, got)
		}
	}
}

// What is text stands in the table as text, with the times of the record.
func TestPeopleReadTextInCQL(t *testing.T) {
	c, keyspace := empty(t)
	a, s := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace}), session(t, c, keyspace)
	at := time.UnixMilli(storagetest.Start).UTC()
	batch := opened(t, storagetest.NewOrigin(storagetest.Self, 7, storagetest.Start).Next(t,
		messages.Draft{Stream: "s.x", Key: "k", Time: at.Add(1_234_567), Payload: []byte(`{"a":"ä"}`)},
		messages.Draft{Stream: "s.x", ContentType: "application/x-thing", Payload: []byte("xyz")},
	))
	_, err := a.Write(t.Context(), batch)
	must(t, err)
	rows, err := s.Query(`SELECT received, time, time_ns, key, native_id, data, bytes, content_type FROM records`).Iter().SliceMap()
	must(t, err)
	if len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	first, second := rows[0], rows[1]
	if first["data"] != `{"a":"ä"}` || first["key"] != "k" || first["time_ns"] != 234_567 || !first["time"].(time.Time).Equal(at.Add(time.Millisecond)) || !first["received"].(time.Time).Equal(at) {
		t.Errorf("%v", first)
	}
	if second["data"] != "" || string(second["bytes"].([]byte)) != "xyz" || second["content_type"] != "application/x-thing" {
		t.Errorf("%v", second)
	}
	var stamp int64
	must(t, s.Query(`SELECT WRITETIME(data) FROM records LIMIT 1`).Scan(&stamp))
	if stamp != storagetest.Start*1000 {
		t.Errorf("written at %d", stamp)
	}
}
