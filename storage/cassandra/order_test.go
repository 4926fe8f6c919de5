package cassandra

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"testing"
	"time"

	"anode/messages"
	"anode/storage"
)

func TestRuns(t *testing.T) {
	for text, want := range map[string]messages.Ranges{
		"":            nil,
		"1":           {{From: 1, To: 1}},
		"1-5,8,10-12": {{From: 1, To: 5}, {From: 8, To: 8}, {From: 10, To: 12}},
	} {
		got, err := parseRuns(text)
		if err != nil || !reflect.DeepEqual(got, want) || formatRuns(got) != text {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0", "5-1", "-", "1-", "1,", "x", "1-99999999999999999999"} {
		if got, err := parseRuns(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func FuzzRuns(f *testing.F) {
	f.Add("1-5,8,10-12")
	f.Fuzz(func(t *testing.T, text string) {
		runs, err := parseRuns(text)
		if err != nil {
			return
		}
		again, err := parseRuns(formatRuns(runs))
		if err != nil || !reflect.DeepEqual(again, runs) {
			t.Errorf("%q is %v, and again %v, %v", text, runs, again, err)
		}
	})
}

func TestCompactionWindow(t *testing.T) {
	for ttl, want := range map[time.Duration]string{
		0: "30 DAYS", time.Second: "1 MINUTES", 10 * time.Hour: "20 MINUTES", 24 * time.Hour: "48 MINUTES", 7 * 24 * time.Hour: "6 HOURS",
		30 * 24 * time.Hour: "1 DAYS", 365 * 24 * time.Hour: "13 DAYS",
	} {
		size, unit := compactionWindow(ttl)
		if got := fmt.Sprint(size, " ", unit); got != want {
			t.Errorf("of %s it is %s, want %s", ttl, got, want)
		}
	}
}

func TestLRUForgetsWhatWasUsedLongestAgo(t *testing.T) {
	l := newLRU[int, string](2)
	l.put(1, "a")
	l.put(2, "b")
	l.put(1, "c")
	l.put(3, "d")
	if _, ok := l.get(2); ok || l.order.Len() != 2 {
		t.Errorf("it has %d", l.order.Len())
	}
	if v, ok := l.get(1); !ok || v != "c" {
		t.Errorf("%q", v)
	}
}

// The width of a day that a server forgot is proposed as it was; what is written again does not count as more.
func TestProposedWidths(t *testing.T) {
	p := newPlaces(0)
	l, d := line{"s", "n"}, streamDay{"s", "n", 0}
	if w := p.propose(d); w != byMinute {
		t.Errorf("of an unknown stream it is %s", w)
	}
	for range 1000 {
		p.saw(map[line]sight{l: {bytes: 20 << 20, first: 0, last: 3_600_000}}, 3_600_000)
	}
	if w := p.propose(d); w != byHour {
		t.Errorf("at 20 MiB an hour it is %s", w)
	}
	p.knowDay(d, bySecond, listed{generation: 1})
	if w := p.propose(d); w != bySecond {
		t.Errorf("of a day that was cut by the second it is %s", w)
	}
	if _, ok := p.knownDay(d, time.Now(), 2); ok {
		t.Error("it counts after another connection")
	}
}

// Listings are written again before what is written then could outlive them.
func TestListingsOutliveRecords(t *testing.T) {
	for _, ttl := range []time.Duration{time.Second, time.Hour, 30 * 24 * time.Hour, MaxTTL / 2} {
		p, now := newPlaces(ttl), time.UnixMilli(1_700_000_000_000)
		seconds, at, l := p.listing(now, 3)
		ends := now.Add(time.Duration(seconds) * time.Second)
		if left := ends.Sub(l.until.Add(ttl)); left < 10*time.Minute {
			t.Errorf("ttl %s: a record may outlive its listing by %s", ttl, -left)
		}
		if at != ends.UnixMicro() || !l.good(l.until.Add(-1), 3) || l.good(l.until, 3) || l.good(now, 4) {
			t.Errorf("ttl %s: %d, %+v", ttl, at, l)
		}
	}
	if seconds, _, _ := newPlaces(MaxTTL).listing(time.Now(), 3); time.Duration(seconds)*time.Second > serverTTL {
		t.Errorf("with the longest ttl a listing lives for %d s, which a server refuses", seconds)
	}
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for ttl, want := range map[time.Duration]time.Duration{
		0: 0, time.Hour: time.Hour + leastMemory, 90 * 24 * time.Hour: 180 * 24 * time.Hour, MaxTTL: serverTTL, // as its listings
		7 * 365 * 24 * time.Hour: time.Unix(lastExpiry, 0).Sub(now),
	} {
		if life := progressLife(ttl, now); life != want {
			t.Errorf("with a ttl of %s progress lives for %s, want %s", ttl, life, want)
		}
	}
	if seconds, at, l := newPlaces(0).listing(time.Now(), 3); seconds != 0 || at != forever || !l.good(time.Unix(1<<40, 0), 3) {
		t.Errorf("for ever: %d, %d, %+v", seconds, at, l)
	}
}

func seq(list ...*messages.Record) iter.Seq2[*messages.Record, error] {
	return func(yield func(*messages.Record, error) bool) {
		for _, r := range list {
			var err error
			if r == nil {
				err = errors.New("broken")
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func at(hlc messages.HLC, epoch, sequence uint64) *messages.Record {
	return &messages.Record{HLC: hlc, Position: messages.Position{Origin: "n", Epoch: epoch, Sequence: sequence}}
}

func TestOrderWithinAMillisecond(t *testing.T) {
	ms := messages.HLCFromMillis
	a, b, c, d := at(ms(1)+5, 7, 1), at(ms(1)+1, 9, 1), at(ms(1)+6, 7, 2), at(ms(2), 9, 2)
	for _, x := range []struct {
		q          storage.ArchiveScan
		rows, want []*messages.Record
	}{
		{storage.ArchiveScan{}, []*messages.Record{b, a, a, c, d}, []*messages.Record{a, c, b, d}},
		{storage.ArchiveScan{Descending: true}, []*messages.Record{d, c, a, b}, []*messages.Record{d, b, c, a}},
		{storage.ArchiveScan{Epoch: 7}, []*messages.Record{b, a, c, d}, []*messages.Record{a, c}},
		{storage.ArchiveScan{Epoch: 7, After: 1}, []*messages.Record{b, a, c, d}, []*messages.Record{c}},
		{storage.ArchiveScan{Epoch: 8}, []*messages.Record{b, a, c, d}, nil},
		{storage.ArchiveScan{}, []*messages.Record{a, nil}, []*messages.Record{a, nil}},
	} {
		var got []*messages.Record
		for r := range ordered(t.Context(), x.q, seq(x.rows...), nil) {
			got = append(got, r)
		}
		if !slices.Equal(got, x.want) {
			t.Errorf("%+v: %v, want %v", x.q, got, x.want)
		}
	}
}

func TestMerged(t *testing.T) {
	a, b, c, d := at(1, 7, 1), at(2, 7, 2), at(3, 7, 3), at(4, 7, 4)
	lines := func(lists ...[]*messages.Record) (all []iter.Seq2[*messages.Record, error]) {
		for _, list := range lists {
			all = append(all, seq(list...))
		}
		return all
	}
	var got []*messages.Record
	for r := range merged(lines([]*messages.Record{b, d}, nil, []*messages.Record{a, c}), false) {
		got = append(got, r)
	}
	if !slices.Equal(got, []*messages.Record{a, b, c, d}) {
		t.Errorf("%v", got)
	}
	got = nil
	for r := range merged(lines([]*messages.Record{c, a}, []*messages.Record{d, b, nil}), true) {
		got = append(got, r)
	}
	if !slices.Equal(got, []*messages.Record{d, c, b, nil}) {
		t.Errorf("%v", got)
	}
}
