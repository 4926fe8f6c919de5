package journal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/journal"
	"anode/storage/memory"
	"anode/testkit/storagetest"
)

// drafts are n records of 256 bytes that hardly compress.
func drafts(seed uint64, n int) []messages.Draft {
	list := make([]messages.Draft, n)
	r := chance(seed)
	for i := range list {
		b := make([]byte, 256)
		for k := range b {
			b[k] = byte(r.Uint32())
		}
		list[i] = messages.Draft{Stream: messages.Stream(fmt.Sprint("bench.s", i%4)), NativeID: fmt.Sprint(seed, i), ContentType: "application/octet-stream", Payload: b}
	}
	return list
}

// BenchmarkAppendSync appends and syncs one batch at a time, in turn with a plain write and
// fdatasync of the same bytes to a file beside it, on the file system of TMPDIR. The ratio is the
// journal's rate by the plain one's; both are medians.
func BenchmarkAppendSync(b *testing.B) {
	for _, records := range []int{1, 16, 256} {
		b.Run(fmt.Sprint("records=", records), func(b *testing.B) { appendSync(b, records, true) })
	}
}

// BenchmarkAppend is the same without syncs: what the journal costs beside a write call.
func BenchmarkAppend(b *testing.B) {
	for _, records := range []int{1, 16, 256} {
		b.Run(fmt.Sprint("records=", records), func(b *testing.B) { appendSync(b, records, false) })
	}
}

func appendSync(b *testing.B, records int, sync bool) {
	dir := b.TempDir()
	j := must(b, journal.Config{Dir: filepath.Join(dir, "journal"), State: memory.NewState(), Self: storagetest.Self, RetentionBytes: 256 << 20})
	plain, err := journal.OS().Create(filepath.Join(dir, "plain"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = plain.Close() }()
	if err := j.Maintain(time.Now()); err != nil {
		b.Fatal(err)
	}
	o := storagetest.NewOrigin(storagetest.Self, 1, storagetest.Start)
	payload := drafts(1, records)
	var took, plainly []time.Duration
	var size int64
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		s := o.Next(b, payload...)
		if i%2 == 0 {
			took = append(took, journals(b, j, s, sync))
		}
		begin := time.Now()
		if _, err := plain.WriteAt(s.Bytes(), size); err != nil {
			b.Fatal(err)
		}
		if sync {
			if err := plain.Sync(); err != nil {
				b.Fatal(err)
			}
		}
		plainly = append(plainly, time.Since(begin))
		if size += int64(len(s.Bytes())); size > 512<<20 {
			size = 0
		}
		if i%2 == 1 {
			took = append(took, journals(b, j, s, sync))
		}
		if i%4096 == 4095 {
			if err := j.Maintain(time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	ours, theirs := median(took), median(plainly)
	b.ReportMetric(float64(ours.Nanoseconds())/1000, "journal-µs")
	b.ReportMetric(float64(theirs.Nanoseconds())/1000, "plain-µs")
	b.ReportMetric(float64(theirs)/float64(ours), "ratio")
}

// median is the middle one: a disk that others use too gives no useful mean.
func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

// journals is what the journal takes for one batch.
func journals(b *testing.B, j *journal.Journal, s wire.Sealed, sync bool) time.Duration {
	begin := time.Now()
	if _, err := j.Append(storage.Own, []wire.Sealed{s}); err != nil {
		b.Fatal(err)
	}
	if sync {
		if err := j.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(begin)
}

// gibibyte makes a journal of 1 GiB in a directory, as a killed process leaves it, in batches of so
// many records.
func gibibyte(tb testing.TB, dir string, records int) {
	tb.Helper()
	j := must(tb, journal.Config{Dir: dir, State: memory.NewState(), Self: storagetest.Self})
	o := storagetest.NewOrigin(storagetest.Self, 1, storagetest.Start)
	payload := drafts(2, records)
	var batches []wire.Sealed
	for written := 0; written < 1<<30; {
		batches = batches[:0]
		for range 1024 / records {
			s := o.Next(tb, payload...)
			batches = append(batches, s)
			written += len(s.Bytes())
		}
		put(tb, j, storage.Own, batches...)
		if o.Sequence%4096 == 0 {
			if err := j.Maintain(time.Now()); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := j.Sync(); err != nil {
		tb.Fatal(err)
	}
	if err := j.Maintain(time.Now()); err != nil { // what is closed has its sidecar; the process dies with the rest
		tb.Fatal(err)
	}
}

// BenchmarkOpen opens a journal of 1 GiB that a killed process left: the last segment of up to
// 64 MiB is read whole, of the others the summaries.
func BenchmarkOpen(b *testing.B) {
	for _, records := range []int{1, 16} {
		dir := filepath.Join(b.TempDir(), "journal")
		gibibyte(b, dir, records)
		b.Run(fmt.Sprint("records=", records), func(b *testing.B) { opens(b, dir) })
	}
}

func opens(b *testing.B, dir string) {
	for range b.N {
		j, err := journal.Open(journal.Config{Dir: dir, State: memory.NewState(), Self: storagetest.Self})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(j.Stats().Batches), "batches") // it is left as it is: as if this process were killed, too
	}
}

// TestOpenOfOneGibibyteWithinASecond writes 1 GiB; it is one of the long tests (make crash).
func TestOpenOfOneGibibyteWithinASecond(t *testing.T) {
	if os.Getenv("ANODE_LONG") == "" {
		t.Skip("it writes 1 GiB: set ANODE_LONG=1, as make crash does")
	}
	dir := filepath.Join(t.TempDir(), "journal")
	gibibyte(t, dir, 4)
	begin := time.Now()
	j := must(t, journal.Config{Dir: dir, State: memory.NewState(), Self: storagetest.Self})
	took := time.Since(begin)
	if s := j.Stats(); s.Bytes < 1<<30 || took > time.Second {
		t.Fatalf("open of %d bytes in %d segments took %v", s.Bytes, s.Segments, took)
	}
	t.Logf("open took %v", took)
}
