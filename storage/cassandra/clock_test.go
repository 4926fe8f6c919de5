package cassandra

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"testing"
	"time"

	"anode/messages"
	"anode/storage"
)

func TestTheServersClock(t *testing.T) {
	var o offset
	now := time.UnixMilli(1_700_000_000_000)
	if by, ok := o.measured(now, now.Add(200*time.Millisecond), now.Add(time.Hour+100*time.Millisecond)); by != time.Hour || !ok || !o.of(now).Equal(now.Add(time.Hour)) {
		t.Errorf("an hour ahead is %s, %v", by, ok)
	}
	for _, took := range []time.Duration{-time.Second, 3 * time.Second} {
		if _, ok := o.measured(now, now.Add(took), now); ok || !o.of(now).Equal(now.Add(time.Hour)) {
			t.Errorf("an answer that took %s counts", took)
		}
	}
}

// A clock that was ahead for a moment says nothing of the rate afterwards, and a long silence no more than an hour's.
func TestAJumpOfTheClockSpoilsNoWidth(t *testing.T) {
	const (
		now  = int64(1_700_000_000_000)
		hour = int64(byHour)
		rate = 10 << 20
	)
	l, d := line{"s", "n"}, streamDay{"s", "n", dayOf(now)}
	for name, before := range map[string]sight{
		"ahead":       {bytes: 300, first: now + 70*365*24*hour, last: now + 70*365*24*hour},
		"long silent": {bytes: 300, first: now - 1000*24*hour, last: now - 1000*24*hour},
	} {
		p := newPlaces(0)
		p.saw(map[line]sight{l: before}, now)
		for i := range int64(1200) {
			at := now + i*1000
			p.saw(map[line]sight{l: {bytes: rate, first: at, last: at + 999}}, at+1000)
		}
		if w := p.propose(d); w != bySecond {
			t.Errorf("%s, then 10 MiB a second: %s", name, w)
		}
	}
	p := newPlaces(0)
	for i := range int64(10) {
		at := now + i*3*hour
		p.saw(map[line]sight{l: {bytes: 300, first: at, last: at}}, at)
	}
	if w := p.propose(d); w != byDay {
		t.Errorf("with a record each three hours it is %s", w)
	}
}

// A page has no more rows than the largest that was seen allows, and few where nothing was.
func TestRowsOfAPage(t *testing.T) {
	var r pageReader
	if n := r.next(); n != firstPage {
		t.Errorf("the first page has %d rows", n)
	}
	for range 20 {
		r.learn(r.next(), r.next()*200, 200)
	}
	if n := r.next(); n != mostPage || n > 500 {
		t.Errorf("of small rows a page has %d", n)
	}
	r.learn(500, 500*200+1<<20, 1<<20)
	if n := r.next(); n*(1<<20) > largeBytes || n < 2 {
		t.Errorf("with a row of 1 MiB seen a page has %d", n)
	}
	r.learn(10, 10<<20, 1<<20)
	if n := r.next(); n != 1 {
		t.Errorf("of rows of 1 MiB a page has %d", n)
	}
	r = pageReader{size: 400}
	r.failed()
	if n := r.next(); n != 50 {
		t.Errorf("after a page that failed the next has %d", n)
	}
	for range 9 {
		r.failed()
	}
	if n := r.next(); n != 1 {
		t.Errorf("after many that failed it has %d", n)
	}
}

// What is more than is kept of one ms is read again, epoch by epoch.
func TestAMillisecondThatIsLarge(t *testing.T) {
	var rows, want []*messages.Record
	byEpoch := make(map[uint64][]*messages.Record)
	for i := range 40 {
		r := at(messages.HLCFromMillis(5)+messages.HLC(i), uint64(9-i%2*2), uint64(i/2+1))
		r.Payload = make([]byte, 1<<20)
		rows = append(rows, r, r)
		byEpoch[r.Position.Epoch] = append(byEpoch[r.Position.Epoch], r)
	}
	want = append(append(want, byEpoch[7]...), byEpoch[9]...)
	later := at(messages.HLCFromMillis(6), 7, 100)
	rows, want = append(rows, later), append(want, later)
	var asked []storage.ArchiveScan
	again := func(_ context.Context, q storage.ArchiveScan) iter.Seq2[*messages.Record, error] {
		asked = append(asked, q)
		return seq(rows[:80]...)
	}
	var got []*messages.Record
	for r, err := range ordered(t.Context(), storage.ArchiveScan{Stream: "s", FromMs: 1}, seq(rows...), again) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("record %d is %s, want %s", i, got[i].Position, want[i].Position)
		}
	}
	if fmt.Sprint(asked) != fmt.Sprint([]storage.ArchiveScan{{Stream: "s", FromMs: 5, ToMs: 6, Epoch: 7}, {Stream: "s", FromMs: 5, ToMs: 6, Epoch: 9}}) {
		t.Errorf("asked again: %+v", asked)
	}
	broken := func(context.Context, storage.ArchiveScan) iter.Seq2[*messages.Record, error] { return seq(nil) }
	var errs []error
	for _, err := range ordered(t.Context(), storage.ArchiveScan{}, seq(rows...), broken) {
		errs = append(errs, err)
	}
	if len(errs) != 1 || errs[0] == nil {
		t.Errorf("where it can't be read again: %v", errs)
	}
}

// A batch of which nothing is taken has a mark too: else what is behind it would seem to be gone.
func TestABatchOfWhichNothingIsTakenIsMarked(t *testing.T) {
	p := newPlaces(time.Hour)
	var list []*messages.Batch
	for i := range 4 {
		b := &messages.Batch{Header: messages.Header{Origin: "n", Epoch: 7, Sequence: uint64(i + 1), First: messages.HLCFromMillis(int64(i/2) * 60_000)}}
		b.Groups = []messages.Group{{Stream: "other"}}
		list = append(list, b)
	}
	marked := make(map[uint64]bool)
	for _, b := range p.toMark(list, time.Unix(0, 0), 1) {
		marked[b.Sequence] = true
	}
	if !reflect.DeepEqual(marked, map[uint64]bool{1: true, 3: true}) {
		t.Errorf("marked are %v", marked)
	}
}

// A server that refused a large batch may refuse none later: a batch grows again, bit by bit.
func TestBatchesGrowAgain(t *testing.T) {
	f, now := newFlight(8, 40<<10), time.Unix(0, 0)
	f.lower(40<<10, now)
	if n := f.limit(now); n != 20<<10 {
		t.Errorf("after a refusal it is %d", n)
	}
	if n := f.limit(now.Add(growAfter - 1)); n != 20<<10 {
		t.Errorf("soon after it is %d", n)
	}
	if n := f.limit(now.Add(growAfter)); n != 25<<10 {
		t.Errorf("a while after it is %d", n)
	}
	if n := f.limit(now.Add(growAfter + 1)); n != 25<<10 {
		t.Errorf("at once after that it is %d", n)
	}
	for i := range 10 {
		f.limit(now.Add(time.Duration(i+2) * growAfter))
	}
	if n := f.limit(now.Add(time.Hour * 24)); n != 40<<10 {
		t.Errorf("a day after it is %d", n)
	}
}
