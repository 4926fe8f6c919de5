package journal_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/journal"
	"anode/storage/memory"
	"anode/testkit/storagetest"
)

// stored makes a journal with own and peers' batches in a directory, and closes it.
func stored(t *testing.T, dir string, n int) (own, peer []wire.Sealed) {
	t.Helper()
	j := must(t, journal.Config{Dir: dir, State: memory.NewState(), Self: storagetest.Self, SegmentBytes: 4096})
	self, other := storagetest.NewOrigin(storagetest.Self, 3, storagetest.Start), storagetest.NewOrigin(storagetest.Peer, 2, storagetest.Start)
	for range n {
		own, peer = append(own, self.Next(t)), append(peer, other.Next(t))
		put(t, j, storage.Own, own[len(own)-1])
		put(t, j, storage.Live, peer[len(peer)-1])
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return own, peer
}

func put(t testing.TB, j *journal.Journal, family storage.Family, batches ...wire.Sealed) {
	t.Helper()
	if _, err := j.Append(family, batches); err != nil {
		t.Fatal(err)
	}
}

// files gives the files in a directory with an ending, sorted.
func files(t testing.TB, dir, ending string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+ending))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// flip changes one bit of a file.
func flip(t testing.TB, name string, at int) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 0x10
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func verify(t testing.TB, dir string) journal.Report {
	t.Helper()
	var last, whole int64
	r, err := journal.Verify(t.Context(), journal.Check{Dir: dir, Progress: func(done, total int64) {
		if done < last || done > total {
			t.Errorf("progress went from %d to %d of %d", last, done, total)
		}
		last, whole = done, total
	}})
	if err != nil {
		t.Fatal(err)
	}
	if last != whole || whole != r.Bytes {
		t.Errorf("progress ended at %d of %d, of %d bytes", last, whole, r.Bytes)
	}
	return r
}

func TestVerifySound(t *testing.T) {
	dir := t.TempDir()
	stored(t, dir, 60)
	r := verify(t, dir)
	if !r.Sound() || !r.Openable() || r.Batches != 120 || r.Records != 120 || len(r.Strays) != 0 || len(r.Segments) < 6 {
		t.Fatalf("report %+v", r)
	}
	for i, want := range []journal.EpochReport{
		{Origin: storagetest.Peer, Epoch: 2, Floor: 1, Head: 60, Batches: 60},
		{Origin: storagetest.Self, Epoch: 3, Floor: 1, Head: 60, Batches: 60},
	} {
		if got := r.Epochs[i]; got.Origin != want.Origin || got.Epoch != want.Epoch || got.Floor != 1 || got.Head != 60 || got.Batches != 60 || got.Holes != nil {
			t.Fatalf("epoch %+v, want %+v", got, want)
		}
	}
}

func TestVerifyFindsDamage(t *testing.T) {
	for _, c := range []struct {
		name, file string
		at         int
		sound      bool
		found      func(r journal.SegmentReport) bool
	}{
		{"a batch", "0000000000000001-own.seg", 400, false, func(r journal.SegmentReport) bool {
			return len(r.Damage) == 1 && !r.Damage[0].Lossless && strings.Contains(r.Damage[0].Reason, "checksum")
		}},
		{"a frame's header", "0000000000000001-own.seg", 33, false, func(r journal.SegmentReport) bool {
			return len(r.Damage) == 1 && r.Damage[0].Lossless && r.Damage[0].Offset == 32
		}},
		{"a frame's checksum", "0000000000000001-own.seg", 41, false, func(r journal.SegmentReport) bool {
			return len(r.Damage) == 1 && r.Damage[0].Lossless
		}},
		{"the segment's header", "0000000000000001-own.seg", 9, false, func(r journal.SegmentReport) bool {
			return len(r.Damage) == 1 && r.Damage[0].Offset == 0
		}},
		{"a sidecar", "0000000000000001-own.idx", 40, false, func(r journal.SegmentReport) bool {
			return len(r.Damage) == 0 && r.Sidecar != ""
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			stored(t, dir, 60)
			flip(t, filepath.Join(dir, c.file), c.at)
			r := verify(t, dir)
			if r.Sound() != c.sound || !r.Openable() || !c.found(r.Segments[0]) {
				t.Fatalf("report %+v", r.Segments[0])
			}
			for _, other := range r.Segments[1:] {
				if len(other.Damage) > 0 || other.Sidecar != "" {
					t.Fatalf("another segment is said to be damaged: %+v", other)
				}
			}
		})
	}
}

func TestRepairKeepsWhatIsGoodAndNamesWhatIsLost(t *testing.T) {
	dir := t.TempDir()
	own, peer := stored(t, dir, 60)
	segments := files(t, dir, "-own.seg")
	last := segments[len(segments)-1]
	info, err := os.Stat(last)
	if err != nil {
		t.Fatal(err)
	}
	flip(t, last, int(info.Size())-6)
	flip(t, segments[0], 400)
	done, err := journal.Repair(t.Context(), journal.Check{Dir: dir})
	if err != nil || len(done.Salvaged) != 2 || done.Salvaged[0].Lost != 1 || done.Salvaged[1].Lost != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	if r := verify(t, dir); !r.Sound() || r.Batches != 118 || len(r.Strays) != 2 {
		t.Fatalf("after the repair: %+v", r)
	}
	j := must(t, journal.Config{Dir: dir, State: memory.NewState(), Self: storagetest.Self})
	d := j.Digest()[storagetest.Self][0]
	if d.Head != 60 || len(d.Holes) != 2 || d.Holes[1] != (messages.Range{From: 60, To: 60}) {
		t.Fatalf("digest %+v", d)
	}
	for i := range own {
		if slices.ContainsFunc(d.Holes, func(h messages.Range) bool { return h.From <= own[i].Sequence && own[i].Sequence <= h.To }) {
			continue
		}
		if _, err := j.Read(own[i].ID()); err != nil {
			t.Fatal(err)
		}
	}
	if got := j.Head(storagetest.Peer); got != peer[59].Position() {
		t.Fatalf("head of the peer %s", got)
	}
	put(t, j, storage.Own, storagetest.NewOrigin(storagetest.Self, 9, storagetest.Start).Next(t))
	again, err := journal.Repair(t.Context(), journal.Check{Dir: dir})
	if err != nil || len(again.Salvaged) != 0 {
		t.Fatalf("a second repair: %+v, %v", again, err)
	}
}

func TestRepairLeavesNewerSegments(t *testing.T) {
	dir := t.TempDir()
	stored(t, dir, 10)
	name := files(t, dir, "-own.seg")[0]
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[4] = 2
	sum := wire.Checksum(b[:24])
	b[24], b[25], b[26], b[27] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, idx := range files(t, dir, ".idx") {
		_ = os.Remove(idx)
	}
	if _, err := journal.Open(journal.Config{Dir: dir, State: memory.NewState(), Self: storagetest.Self}); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Fatalf("open: %v", err)
	}
	if r := verify(t, dir); r.Openable() || r.Segments[0].Unreadable == "" {
		t.Fatalf("report %+v", r)
	}
	done, err := journal.Repair(t.Context(), journal.Check{Dir: dir})
	if err == nil || len(done.Left) != 1 || len(done.Salvaged) != 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	if after, _ := os.ReadFile(name); !slices.Equal(after, b) {
		t.Fatal("it was changed")
	}
}
