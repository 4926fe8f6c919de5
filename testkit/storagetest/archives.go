package storagetest

import (
	"cmp"
	"reflect"
	"slices"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

type archives struct {
	*testing.T
	OpenedArchives
}

// batches opens sealed ones.
func (a *archives) batches(sealed ...wire.Sealed) []*messages.Batch {
	a.Helper()
	var list []*messages.Batch
	for i := range sealed {
		b, err := sealed[i].Open()
		if err != nil {
			a.Fatal(err)
		}
		list = append(list, b)
	}
	return list
}

func (a *archives) write(to storage.Archive, list ...*messages.Batch) {
	a.Helper()
	rows := 0
	for _, b := range list {
		for _, g := range b.Groups {
			if to.Takes().Match(g.Stream) {
				rows += len(g.Records)
			}
		}
	}
	if n, err := to.Write(a.Context(), list); err != nil || n != rows {
		a.Fatalf("write: %d rows of %d, %v", n, rows, err)
	}
}

func (a *archives) scan(from storage.Archive, q storage.ArchiveScan) []*messages.Record {
	a.Helper()
	var list []*messages.Record
	for r, err := range from.Scan(a.Context(), q) {
		if err != nil {
			a.Fatalf("scan %+v: %v", q, err)
		}
		list = append(list, r)
	}
	return list
}

// same compares records, times by what they stand for.
func (a *archives) same(got, want []*messages.Record) {
	a.Helper()
	if len(got) != len(want) {
		a.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i, r := range got {
		g, w := *r, *want[i]
		if !g.Time.Equal(w.Time) {
			a.Fatalf("%s: time %v, want %v", w.Position, g.Time, w.Time)
		}
		g.Time, w.Time = time.Time{}, time.Time{}
		if len(g.Payload) == 0 && len(w.Payload) == 0 {
			g.Payload, w.Payload = nil, nil
		}
		if !reflect.DeepEqual(g, w) {
			a.Fatalf("record %d is\n%+v, want\n%+v", i, g, w)
		}
	}
}

// recordsOf gives the records of a stream in some batches.
func recordsOf(stream messages.Stream, list ...*messages.Batch) []*messages.Record {
	var records []*messages.Record
	for _, b := range list {
		if g := b.Group(stream); g != nil {
			for i := range g.Records {
				records = append(records, &g.Records[i])
			}
		}
	}
	return records
}

// byTime sorts records as a scan of all epochs gives them.
func byTime(list []*messages.Record) []*messages.Record {
	slices.SortFunc(list, func(a, b *messages.Record) int {
		return cmp.Or(cmp.Compare(a.HLC.Millis(), b.HLC.Millis()), a.Position.Compare(b.Position))
	})
	return list
}
