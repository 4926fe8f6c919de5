//go:build unix

package cassandra_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"anode/messages"
	"anode/storage/cassandra"
	server "anode/testkit/cassandra"
	"anode/testkit/storagetest"
)

const (
	benchRows    = 60_000
	benchStreams = 20
	benchRounds  = 5
)

// measure is what writing some rows took.
type measure struct {
	rows      int
	took, cpu time.Duration
}

func (m measure) rate() float64 { return float64(m.rows) / m.took.Seconds() }

func (m measure) micros() float64 { return float64(m.cpu.Microseconds()) / float64(m.rows) }

// measured runs a writer, and gives what it took of time and of this process's processor time; the server is another process.
func measured(b *testing.B, rows int, write func()) measure {
	b.Helper()
	runtime.GC()
	cpu := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before, start := cpu(), time.Now()
	write()
	return measure{rows, time.Since(start), cpu() - before}
}

// BenchmarkWrite sweeps the writer that one would write by hand (rows sorted by partition beforehand, unlogged batches, so many at a
// time) over the rows of a batch and the batches in flight, and Write as an archiver calls it, with the same rows in the same tables, in
// turns. It reports the best of the plain ones and Write, by their medians, and Write as a part of the best.
func BenchmarkWrite(b *testing.B) {
	c := server.ForTest(b, server.Config{Steady: true})
	keyspace := c.Keyspace(b)
	a := open(b, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace})
	settings := c.Settings()
	settings.Keyspace, settings.Consistency, settings.DefaultTimestamp = keyspace, gocql.Quorum, false
	settings.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(gocql.RoundRobinHostPolicy())
	session, err := settings.CreateSession()
	if err != nil {
		b.Fatal(err)
	}
	defer session.Close()

	writers := map[string]func([]*messages.Batch) measure{"Write": func(list []*messages.Batch) measure {
		return measured(b, benchRows, func() { archived(b, a, list) })
	}}
	for _, rows := range []int{32, 64, 128} {
		for _, flight := range []int{4, 8, 16, 32} {
			writers[fmt.Sprintf("plain, %3d rows, %2d in flight", rows, flight)] = func(list []*messages.Batch) measure {
				groups := sorted(list, rows)
				return measured(b, benchRows, func() { plain(b, session, groups, flight) })
			}
		}
	}
	results := make(map[string][]measure)
	for b.Loop() {
		for round := range benchRounds {
			names := sortedNames(writers)
			names = append(names, "Write", "Write") // thrice a round, as its median stands against the best of many
			rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
			for i, name := range names {
				origin := messages.NodeID(strings.Map(plainByte, name))
				m := writers[name](benchBatches(b, origin, round*len(names)+i))
				if round > 0 { // in the first the server compiles
					results[name] = append(results[name], m)
				}
			}
		}
	}
	report(b, results)
}

func plainByte(r rune) rune {
	if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
		return r
	}
	return -1
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// archived writes as an archiver does that has much to write: eight loads of about a MiB at a time.
func archived(b *testing.B, a *cassandra.Archive, list []*messages.Batch) {
	loads := make(chan []*messages.Batch)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for load := range loads {
				if _, err := a.Write(context.Background(), load); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for load := range slices.Chunk(list, 4) {
		loads <- load
	}
	close(loads)
	wait.Wait()
}

// report prints a line a writer, and the metrics.
func report(b *testing.B, results map[string][]measure) {
	middle := make(map[string]measure)
	best := ""
	for name, list := range results {
		slices.SortFunc(list, func(a, b measure) int { return int(a.rate() - b.rate()) })
		middle[name] = list[len(list)/2]
		if name != "Write" && (best == "" || middle[name].rate() > middle[best].rate()) {
			best = name
		}
	}
	names := sortedNames(results)
	slices.SortFunc(names, func(x, y string) int { return int(middle[y].rate() - middle[x].rate()) })
	for _, name := range names {
		list := results[name]
		fmt.Printf("%-32s %7.0f rows/s (%.0f to %.0f), %5.2f µs of processor time a row\n", name, middle[name].rate(), list[0].rate(), list[len(list)-1].rate(), middle[name].micros())
	}
	b.ReportMetric(middle["Write"].rate(), "rows/s")
	b.ReportMetric(middle[best].rate(), "plain-rows/s")
	b.ReportMetric(middle["Write"].micros(), "µs/row")
	b.ReportMetric(middle[best].micros(), "plain-µs/row")
	b.ReportMetric(middle["Write"].rate()/middle[best].rate(), "of-plain")
	b.ReportMetric(0, "ns/op")
}

// benchBatches are full batches of records of 256 bytes in some streams, at 60,000 a second; part is which of an origin's.
func benchBatches(b *testing.B, origin messages.NodeID, part int) []*messages.Batch {
	b.Helper()
	var list []*messages.Batch
	hlc, n := messages.HLCFromMillis(storagetest.Start+int64(part)*1500), 0
	payload := []byte(`{"pad":"` + strings.Repeat("x", 256-10) + `"}`)
	for n < benchRows {
		batch := &messages.Batch{Header: messages.Header{Origin: origin, Epoch: 7, Sequence: uint64(part*1000 + len(list) + 1), First: hlc}}
		size := min(1000, benchRows-n)
		for s := range benchStreams {
			g := messages.Group{Stream: messages.Stream(fmt.Sprintf("bench.stream%02d", s))}
			for range size / benchStreams {
				r := messages.Record{Position: messages.Position{Origin: origin, Epoch: 7, Sequence: batch.Sequence, Index: uint32(n % 1000)}, HLC: hlc}
				r.Draft = messages.Draft{Stream: g.Stream, Source: "bench", Key: "BTC-USD", NativeID: fmt.Sprint(n), Time: time.UnixMilli(storagetest.Start), Payload: payload}
				g.Records = append(g.Records, r)
				hlc++
				n++
			}
			batch.Groups = append(batch.Groups, g)
		}
		batch.Last, batch.Count = hlc-1, uint32(size)
		hlc = messages.HLCFromMillis(hlc.Millis() + 17)
		list = append(list, batch)
	}
	return list
}

// sorted gives rows of one partition each.
func sorted(list []*messages.Batch, rows int) [][]*messages.Record {
	type place struct {
		stream messages.Stream
		second int64
	}
	open := make(map[place]int)
	var groups [][]*messages.Record
	for _, batch := range list {
		for g := range batch.Groups {
			for i := range batch.Groups[g].Records {
				r := &batch.Groups[g].Records[i]
				p := place{r.Stream, r.HLC.Millis() / 1000}
				at, ok := open[p]
				if !ok || len(groups[at]) == rows {
					groups = append(groups, nil)
					at = len(groups) - 1
					open[p] = at
				}
				groups[at] = append(groups[at], r)
			}
		}
	}
	return groups
}

// plain writes groups of rows, so many at a time, as anybody would.
func plain(b *testing.B, session *gocql.Session, groups [][]*messages.Record, flight int) {
	next := make(chan []*messages.Record)
	var wait sync.WaitGroup
	for range flight {
		wait.Go(func() {
			for rows := range next {
				batch := session.NewBatch(gocql.UnloggedBatch)
				for _, r := range rows {
					ms := r.HLC.Millis()
					batch.Query(cassandra.InsertRow, string(r.Stream), string(r.Position.Origin), ms/1000*1000, int64(r.HLC), int64(r.Position.Epoch), int64(r.Position.Sequence), int(r.Position.Index),
						ms, r.Time, 0, r.Key, r.NativeID, r.Source, gocql.UnsetValue, string(r.Payload), gocql.UnsetValue, ms*1000, 0)
				}
				if err := session.ExecuteBatch(batch); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for _, rows := range groups {
		next <- rows
	}
	close(next)
	wait.Wait()
}
