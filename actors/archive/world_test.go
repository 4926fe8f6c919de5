package archive

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
	"anode/testkit/storagetest"
)

// world is a node's journal and its archiver, in virtual time.
type world struct {
	*testing.T
	id      messages.NodeID
	journal *memory.Journal
	archive storage.Archive
	alone   bool
	state   storage.State
	changed func(command.NodeArchive) bool
	origins map[messages.NodeID]*storagetest.Origin
	a       *Archiver
	system  *actor.System
	ref     *actor.Ref
}

var errGone = errors.New("connection refused")

// in runs a test in virtual time, with a world that stands alone.
func in(t *testing.T, archive storage.Archive, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self"}), archive)
		w.alone = true
		w.start()
		test(w)
		w.stop()
	})
}

// newTight is a lone node's, which runs, whose journal keeps nothing that the archive does not pin; budget is how much that may be, 0 what is usual.
func newTight(t *testing.T, archive storage.Archive, budget int64) *world {
	t.Helper()
	w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self", RetentionBytes: 1, Budget: budget}), archive)
	w.alone = true
	w.start()
	w.journal.Pin(w.a.Pinned)
	return w
}

func newWorld(t *testing.T, id messages.NodeID, journal *memory.Journal, archive storage.Archive) *world {
	return &world{T: t, id: id, journal: journal, archive: archive, origins: make(map[messages.NodeID]*storagetest.Origin)}
}

func (w *world) logger() *slog.Logger {
	if os.Getenv("ARCHIVE_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil)).With("node", w.id)
}

func (w *world) start() {
	w.Helper()
	var err error
	w.a, err = New(Config{Node: w.id, Journal: w.journal, Archive: w.archive, Alone: w.alone, State: w.state, Changed: w.changed, Clock: time.Now, Logger: w.logger()})
	w.good(err)
	w.system, err = actor.NewSystem(actor.Config{Logger: w.logger()})
	w.good(err)
	w.ref, err = w.system.Spawn(w.a.Spec())
	w.good(err)
}

func (w *world) stop() {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w.good(w.system.Stop(ctx))
	time.Sleep(2 * time.Second) // virtual: protoactor's throttle ends
}

func (w *world) good(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// origin gives who makes batches of an origin, in an epoch after all that the journal holds.
func (w *world) origin(id messages.NodeID) *storagetest.Origin {
	if w.origins[id] == nil {
		head := w.journal.Head(id)
		w.origins[id] = storagetest.NewOrigin(id, head.Epoch+1, time.Now().UnixMilli())
		if head.Sequence > 0 {
			w.origins[id].Restart(head.Epoch+1, head)
		}
	}
	return w.origins[id]
}

// make seals batches of an origin, of a few records of some streams each.
func (w *world) make(id messages.NodeID, n int) []wire.Sealed {
	w.Helper()
	o := w.origin(id)
	o.At(time.Now().UnixMilli())
	list := make([]wire.Sealed, n)
	for i := range list {
		var drafts []messages.Draft
		for k := range 1 + int(o.Sequence)%3 {
			drafts = append(drafts, storagetest.Draft(messages.Stream(fmt.Sprintf("test.s%d", k)), fmt.Sprintf(`{"n":%d}`, o.Sequence+1)))
		}
		list[i] = o.Next(w, drafts...)
	}
	return list
}

// store appends batches and tells the archiver, as the journal's actor does.
func (w *world) store(family storage.Family, list ...wire.Sealed) {
	w.Helper()
	_, err := w.journal.Append(family, list)
	w.good(err)
	var stored command.Stored
	for i := range list {
		stored.Batches = append(stored.Batches, command.StoredBatch{Sealed: list[i]})
	}
	w.a.Announce(stored)
}

// publish makes and stores batches.
func (w *world) publish(id messages.NodeID, n int) []wire.Sealed {
	w.Helper()
	list := w.make(id, n)
	w.store(storage.Live, list...)
	return list
}

// pass lets time pass, virtually.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// view is how the component is.
func (w *world) view() command.ComponentView {
	w.Helper()
	v, err := command.Ask(context.Background(), w.ref, command.Component{})
	w.good(err)
	return v
}

// rows are the records of an archive, sorted, and how many there are.
func rows(t testing.TB, a storage.Archive) (list []string) {
	t.Helper()
	ctx := context.Background()
	for k := range 3 {
		stream := messages.Stream(fmt.Sprintf("test.s%d", k))
		origins, err := a.Origins(ctx, stream, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, origin := range origins {
			for r, err := range a.Scan(ctx, storage.ArchiveScan{Stream: stream, Origin: origin}) {
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, fmt.Sprint(r.Position, " ", r.Stream, " ", string(r.Payload)))
			}
		}
	}
	slices.Sort(list)
	return list
}

// rowsOf are those of one origin.
func rowsOf(t testing.TB, a storage.Archive, origin messages.NodeID) []string {
	t.Helper()
	return slices.DeleteFunc(rows(t, a), func(row string) bool { return !strings.HasPrefix(row, string(origin)+"-") })
}

// records are those of batches, sorted.
func records(t testing.TB, batches []wire.Sealed) (list []string) {
	t.Helper()
	for i := range batches {
		if err := batches[i].Each(func(r *messages.Record) {
			list = append(list, fmt.Sprint(r.Position, " ", r.Stream, " ", string(r.Payload)))
		}); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(list)
	return list
}

// holds fails where an archive has not exactly the records of batches.
func holds(t testing.TB, a storage.Archive, batches []wire.Sealed) {
	t.Helper()
	got, want := rows(t, a), records(t, batches)
	if !slices.Equal(got, want) {
		t.Fatalf("the archive has %d records, want %d; first of both: %.200q, %.200q", len(got), len(want), strings.Join(got, "; "), strings.Join(want, "; "))
	}
}

// confirmedOf is what an archive confirms of all, in words.
func confirmedOf(t testing.TB, a storage.Archive) string {
	t.Helper()
	list, err := a.Confirmed(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for i := range list {
		d := &list[i]
		text = append(text, fmt.Sprint(d.Origin, "/", d.Epoch, " ", d.Runs, " ", d.HeadIndex, " ", d.Begun, " ", d.Prior.Sequence))
	}
	return strings.Join(text, "; ")
}

// spoiled is an archive that does what a test wants before it writes or confirms.
type spoiled struct {
	storage.Archive
	mu      sync.Mutex
	write   func(ctx context.Context, batches []*messages.Batch) error
	confirm func(ctx context.Context) error
}

func (s *spoiled) set(write func(context.Context, []*messages.Batch) error, confirm func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write, s.confirm = write, confirm
}

func (s *spoiled) Write(ctx context.Context, batches []*messages.Batch) (int, error) {
	s.mu.Lock()
	write := s.write
	s.mu.Unlock()
	if write != nil {
		if err := write(ctx, batches); err != nil {
			return 0, err
		}
	}
	return s.Archive.Write(ctx, batches)
}

func (s *spoiled) Confirm(ctx context.Context, archiver messages.NodeID, done []storage.Archived) error {
	s.mu.Lock()
	confirm := s.confirm
	s.mu.Unlock()
	if confirm != nil {
		if err := confirm(ctx); err != nil {
			return err
		}
	}
	return s.Archive.Confirm(ctx, archiver, done)
}

// lone is a lone database that syncs its log each ten seconds: when it is killed it forgets what came since. It is a bubble's.
type lone struct {
	mu   sync.Mutex
	now  *memory.Archive
	done []deed
	// split: what is confirmed is on another one, and is not forgotten.
	split bool
	kills uint64
}

// deed is something that was asked of it, at a time.
type deed struct {
	at   time.Time
	do   func(*memory.Archive)
	safe bool
}

const syncsEvery = 10 * time.Second

func newLone() *lone { return &lone{now: memory.NewArchive(memory.ArchiveConfig{})} }

// kill has it forget, and be away.
func (l *lone) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kills++
	synced := time.Now().Truncate(syncsEvery)
	l.now = memory.NewArchive(memory.ArchiveConfig{})
	l.done = slices.DeleteFunc(l.done, func(d deed) bool { return d.at.After(synced) && !d.safe })
	for _, d := range l.done {
		d.do(l.now)
	}
	l.now.Away(errGone)
}

func (l *lone) revive() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.Away(nil)
}

func (l *lone) it() *memory.Archive {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *lone) note(safe bool, do func(*memory.Archive)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = append(l.done, deed{time.Now(), do, safe})
}

func (l *lone) Write(ctx context.Context, batches []*messages.Batch) (int, error) {
	n, err := l.it().Write(ctx, batches)
	if err == nil {
		l.note(false, func(a *memory.Archive) { _, _ = a.Write(context.Background(), batches) })
	}
	return n, err
}

func (l *lone) Confirm(ctx context.Context, archiver messages.NodeID, done []storage.Archived) error {
	err := l.it().Confirm(ctx, archiver, done)
	if err == nil {
		l.note(l.split, func(a *memory.Archive) { _ = a.Confirm(context.Background(), archiver, done) })
	}
	return err
}

func (l *lone) Confirmed(ctx context.Context, origin messages.NodeID) ([]storage.Archived, error) {
	return l.it().Confirmed(ctx, origin)
}

func (l *lone) Locate(ctx context.Context, at messages.BatchID) (storage.Mark, error) {
	return l.it().Locate(ctx, at)
}

func (l *lone) Oldest(ctx context.Context, origin messages.NodeID, epoch uint64) (storage.Mark, error) {
	return l.it().Oldest(ctx, origin, epoch)
}

func (l *lone) Origins(ctx context.Context, stream messages.Stream, fromMs, toMs int64) ([]messages.NodeID, error) {
	return l.it().Origins(ctx, stream, fromMs, toMs)
}

func (l *lone) Streams(ctx context.Context, origin messages.NodeID, match []messages.Pattern, fromMs, toMs int64) iter.Seq2[messages.Stream, error] {
	return l.it().Streams(ctx, origin, match, fromMs, toMs)
}

func (l *lone) Scan(ctx context.Context, query storage.ArchiveScan) iter.Seq2[*messages.Record, error] {
	return l.it().Scan(ctx, query)
}

func (l *lone) All(ctx context.Context) iter.Seq2[messages.Stream, error] { return l.it().All(ctx) }

func (l *lone) Takes() messages.Pattern { return l.it().Takes() }
func (l *lone) TTL() time.Duration      { return 0 }
func (l *lone) Close() error            { return nil }

func (l *lone) Stats() storage.ArchiveStats {
	s := l.it().Stats()
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Connections = l.kills
	return s
}

type (
	archives = map[messages.NodeID]command.NodeArchive
	members  = []command.Member
)

type nodeID = messages.NodeID

// opens gives batches opened.
func opens(t testing.TB, list []wire.Sealed) (batches []*messages.Batch) {
	t.Helper()
	for i := range list {
		b, err := list[i].Open()
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, b)
	}
	return batches
}
