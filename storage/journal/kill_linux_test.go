package journal_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/journal"
	"anode/storage/memory"
	"anode/testkit/storagetest"
)

// killedDir tells the child of TestKilledProcess where to write.
const killedDir = "JOURNAL_TEST_KILLED_DIR"

// TestKilledProcess kills processes that append to a real directory: what they appended is
// there, nothing is damaged, and what was allocated for more is freed.
func TestKilledProcess(t *testing.T) {
	if child := os.Getenv(killedDir); child != "" {
		appendForEver(t, child)
		return
	}
	dir := t.TempDir()
	r := chance(uint64(time.Now().UnixNano()))
	for round := range uint64(6) {
		told := runAndKill(t, dir, time.Duration(20+r.IntN(150))*time.Millisecond)
		j, err := journal.Open(journal.Config{Dir: dir, State: memory.NewState(), Self: storagetest.Self})
		if err != nil {
			t.Fatal(err)
		}
		head := j.Head(storagetest.Self)
		for _, e := range j.Digest()[storagetest.Self] {
			if len(e.Holes) > 0 {
				t.Fatalf("round %d: holes %v", round, e.Holes)
			}
		}
		if head.Sequence < told {
			t.Fatalf("round %d: %d batches were told of, the head is %s", round, told, head)
		}
		if s := j.Stats(); s.Damaged != 0 || s.Note != "" {
			t.Fatalf("round %d: stats %+v", round, s)
		}
		if taken, size := taken(t, dir); taken > size+1<<20 {
			t.Fatalf("round %d: %d bytes are taken on the disk for %d", round, taken, size)
		}
		if round%2 == 0 {
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if report := verify(t, dir); !report.Sound() {
				t.Fatalf("round %d: %+v", round, report)
			}
		}
		t.Cleanup(func() { _ = j.Close() })
	}
}

// runAndKill runs a child that appends, kills it after a time, and gives the last sequence that it told.
func runAndKill(t *testing.T, dir string, after time.Duration) (told uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKilledProcess$")
	cmd.Env = append(os.Environ(), killedDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
			if told = n; after > 0 {
				time.AfterFunc(after, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
				after = 0
			}
		}
	}
	if err := cmd.Wait(); err == nil || told == 0 {
		t.Fatalf("the child ended by itself, having told of %d", told)
	}
	return told
}

// appendForEver appends, and prints the sequence of each batch once it was appended.
func appendForEver(t *testing.T, dir string) {
	j, err := journal.Open(journal.Config{Dir: dir, State: memory.NewState(), Self: storagetest.Self, SegmentBytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	head := j.Head(storagetest.Self)
	o := storagetest.NewOrigin(storagetest.Self, max(1, head.Epoch), storagetest.Start)
	o.Sequence = head.Sequence
	out := bufio.NewWriterSize(os.Stdout, 64)
	for {
		s := o.Next(t, messages.Draft{Stream: "test.a", Payload: []byte(fmt.Sprintf("%2000d", o.Sequence))})
		if _, err := j.Append(storage.Own, []wire.Sealed{s}); err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintln(out, s.Sequence)
		_ = out.Flush()
		if s.Sequence%64 == 0 {
			if err := j.Maintain(time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// taken is what the segments take on the disk, and how large they are.
func taken(t *testing.T, dir string) (blocks, size int64) {
	t.Helper()
	for _, name := range files(t, dir, ".seg") {
		var s syscall.Stat_t
		if err := syscall.Stat(name, &s); err != nil {
			t.Fatal(err)
		}
		blocks, size = blocks+s.Blocks*512, size+s.Size
	}
	return blocks, size
}

// A file system that allocates grows a file by zeros when its power fails: they are no damage.
func TestSegmentIsAllocatedBeyondItsEnd(t *testing.T) {
	dir := t.TempDir()
	j := must(t, journal.Config{Dir: dir, State: memory.NewState(), Self: storagetest.Self, SegmentBytes: 8 << 20})
	o := storagetest.NewOrigin(storagetest.Self, 1, storagetest.Start)
	put(t, j, storage.Own, o.Run(t, 5)...)
	blocks, size := taken(t, dir)
	if size > 4096 {
		t.Fatalf("the segment has %d bytes", size)
	}
	t.Logf("%d bytes are allocated for a segment of %d", blocks, size)
	name := files(t, dir, ".seg")[0]
	if err := os.Truncate(name, 8<<20); err != nil { // as if the size had been written, and no bytes
		t.Fatal(err)
	}
	again := must(t, journal.Config{Dir: dir, State: memory.NewState(), Self: storagetest.Self})
	if s := again.Stats(); s.Batches != 5 || s.Damaged != 0 || s.Torn != 0 {
		t.Fatalf("stats %+v", s)
	}
	if after, size := taken(t, dir); size > 4096 || after > 16<<10 {
		t.Fatalf("%d bytes are still allocated for %d", after, size)
	}
}
