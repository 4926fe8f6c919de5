package hub

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/storage/memory"
)

// sink is an Outlet that takes everything, at the cost of the framing.
type sink struct{ bytes int }

func (*sink) Frame(dst, head, body []byte) []byte {
	return append(append(append(dst, 0x81, 126, 0, 0), head...), body...)
}
func (*sink) Farewell(dst []byte, _ int, _ string) []byte { return dst }
func (s *sink) TryWrite(p []byte) (int, error)            { s.bytes += len(p); return len(p), nil }
func (s *sink) Write(p []byte, _ time.Duration) error     { s.bytes += len(p); return nil }
func (*sink) Close()                                      {}
func (*sink) Events() bool                                { return false }

// even is a filter that half of the records pass.
type even struct{}

func (even) Match(r *messages.Record) bool { return r.Position.Index%2 == 0 }
func (even) String() string                { return "even" }

// hall is a loop that is driven by hand, with live feeds.
func hall(b *testing.B, feeds int, spec func(i int) command.Subscription) *loop {
	b.Helper()
	h, err := New(Config{
		Journal: memory.NewJournal(memory.Config{}), Logger: slog.New(slog.DiscardHandler), Clock: time.Now, Loops: 1,
		Nodes: func() []string { return nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	l := h.loops[0]
	l.begin()
	for i := range feeds {
		s := l.open(&sink{}, "bench")
		sub := spec(i)
		sub.Sub, sub.Told = "1", func(any) bool { return true }
		s.Subscribe(sub).BeginLive(messages.Cursor{})
	}
	l.work()
	l.flush(time.Now())
	return l
}

// batchOf is the n-th batch of so many records of 256 bytes, over some streams.
func batchOf(n uint64, records, streams int) *messages.Batch {
	b := &messages.Batch{Header: messages.Header{Origin: "a", Epoch: 1, Sequence: n, Count: uint32(records)}}
	payload := append(append([]byte{'"'}, make([]byte, 254)...), '"')
	for i := range payload[1:255] {
		payload[1+i] = 'x'
	}
	index := uint32(0)
	for s := range streams {
		g := messages.Group{Stream: messages.Stream(fmt.Sprintf("s.%03d", s))}
		for range records / streams {
			r := messages.Record{Position: messages.Position{Origin: "a", Epoch: 1, Sequence: n, Index: index}, HLC: messages.HLCFromMillis(int64(n))}
			r.Stream, r.Key, r.NativeID, r.Payload = g.Stream, "key", fmt.Sprint(n, index), payload
			g.Records = append(g.Records, r)
			index++
		}
		b.Groups = append(b.Groups, g)
	}
	return b
}

// BenchmarkDeliver takes batches to many feeds, and writes what each has; an op is one record to
// one feed.
func BenchmarkDeliver(b *testing.B) {
	for _, c := range []struct {
		name                    string
		feeds, records, streams int
		spec                    command.Subscription
	}{
		{"1 record, 1000 feeds", 1000, 1, 1, command.Subscription{}},
		{"16 records, 1000 feeds", 1000, 16, 1, command.Subscription{}},
		{"16 records of 16 streams, 1000 feeds", 1000, 16, 16, command.Subscription{}},
		{"16 records, 1000 feeds with one filter", 1000, 16, 1, command.Subscription{Filter: even{}}},
		{"16 records, 1000 unique feeds", 1000, 16, 1, command.Subscription{Unique: true}},
		{"16 records, 1000 feeds that conflate", 1000, 16, 1, command.Subscription{Policy: command.Policy{Kind: command.PolicyConflate, Every: time.Hour}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			l := hall(b, c.feeds, func(int) command.Subscription {
				s := c.spec
				s.Streams = []messages.Pattern{">"}
				return s
			})
			now := time.Now()
			n := uint64(0)
			b.ReportAllocs()
			per := c.feeds * c.records
			for done := 0; done < b.N; done += per {
				n++
				s := newSheet(batchOf(n, c.records, c.streams), now)
				from := messages.Position{Origin: "a", Epoch: 1, Sequence: n - 1, Index: messages.IndexEnd}
				l.handle(&item{kind: batch, origin: "a", from: from, to: s.at, sheet: s, size: s.size})
				l.flush(now)
			}
		})
	}
}

// BenchmarkEncode makes one stream's messages of a batch, which all feeds share; an op is a record.
func BenchmarkEncode(b *testing.B) {
	for _, records := range []int{1, 64} {
		b.Run(fmt.Sprint(records, " records"), func(b *testing.B) {
			batch := batchOf(1, records, 1)
			b.ReportAllocs()
			for done := 0; done < b.N; done += records {
				newSheet(batch, time.Time{}).groups[0].view(nil, false)
			}
		})
	}
}

// BenchmarkIndex finds the feeds of streams among ten thousand, half by name and half by pattern.
func BenchmarkIndex(b *testing.B) {
	l := hall(b, 10_000, func(i int) command.Subscription {
		if i%2 == 0 {
			return command.Subscription{Streams: []messages.Pattern{messages.Pattern(fmt.Sprintf("s.%03d", i%1000))}}
		}
		return command.Subscription{Streams: []messages.Pattern{messages.Pattern(fmt.Sprintf("s.%03d.>", i%1000))}}
	})
	streams := make([]messages.Stream, 1000)
	for i := range streams {
		streams[i] = messages.Stream(fmt.Sprintf("s.%03d", i))
	}
	b.Run("met before", func(b *testing.B) {
		for _, s := range streams {
			l.index.feeds(s)
		}
		for i := 0; b.Loop(); i++ {
			l.index.feeds(streams[i%1000])
		}
	})
	b.Run("after a change", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			clear(l.index.cache)
			l.index.feeds(streams[i%1000])
		}
	})
	b.Run("one comes and goes", func(b *testing.B) {
		for _, s := range streams {
			l.index.feeds(s)
		}
		f := &feed{spec: command.Subscription{Streams: []messages.Pattern{"s.5.>"}}}
		for b.Loop() {
			l.index.add(f)
			l.index.remove(f)
		}
	})
}
