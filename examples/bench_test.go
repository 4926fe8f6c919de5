//go:build unix

package examples_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"anode/actors/source/transform"
	"anode/messages/spec"
	"anode/testkit/feeds"
)

// weighed are captured feeds, each with a transform of the safe subset, the same in other jq, and the spec of the example.
var weighed = []struct{ capture, where, mapping, key, time, example string }{
	{"binance.ws.txt", `.stream != null`, `{s: .data.s, e: .data.e, t: .data.E, d: .data}`, ".s", ".t", "binance-streams"},
	{"bitstamp.ws.txt", `.event == "data" or .event == "trade"`, `{c: .channel, t: .data.microtimestamp, d: .data}`, ".c", ".t", "bitstamp-channels"},
	{"coinbase.ws.txt", `.product_id != null`, `{p: .product_id, y: .type, t: .time, price, size: .last_size, changes}`, ".p", ".t", "coinbase-market"},
	{"kraken.ws.txt", `type == "array"`, `{p: .[-1], c: .[-2], b: .[1]}`, ".p", "", "kraken-book"},
	{"okx.ws.txt", `.data != null`, `{c: .arg.channel, i: .arg.instId, t: .data[0].ts, d: .data}`, ".i", ".t", "okx-public"},
	{"binance.http.txt", `.bids != null`, `{u: .lastUpdateId, bids, asks}`, ".u", "", "binance-depth"},
	{"bitstamp.http.txt", `.bids != null`, `{t: .microtimestamp, bids, asks}`, "", ".t", "bitstamp-book"},
	{"gateio.http.txt", `.bids != null`, `{t: .current, u: .id, bids, asks}`, ".u", ".t", "gateio-book"},
}

// BenchmarkFrames is what a message of a captured feed costs between the socket and the journal, in processor time of the
// whole process: parsing, where, map, key, time and stream.
func BenchmarkFrames(b *testing.B) {
	dir := captures(b)
	for _, w := range weighed {
		c, err := feeds.OpenCapture(filepath.Join(dir, w.capture))
		if err != nil {
			b.Fatal(err)
		}
		event := feeds.Frame
		if strings.HasSuffix(w.capture, ".http.txt") {
			event = feeds.Answered
		}
		frames := c.Of(event)
		fields := map[string]any{"name": "w", "key": w.key, "time": w.time}
		for name, field := range fields {
			if field == "" {
				delete(fields, name)
			}
		}
		b.Run(strings.TrimSuffix(w.capture, ".txt"), func(b *testing.B) {
			b.Run("asis", func(b *testing.B) { weigh(b, specOf(b, map[string]any{"name": "w"}), frames) })
			fields["transform"] = map[string]any{"where": w.where, "map": w.mapping}
			b.Run("safe", func(b *testing.B) { weigh(b, specOf(b, fields), frames) })
			fields["transform"] = map[string]any{"where": ". as $m | " + w.where, "map": ". as $m | " + w.mapping}
			b.Run("jq", func(b *testing.B) { weigh(b, specOf(b, fields), frames) })
			b.Run("example", func(b *testing.B) {
				s := example(b, w.example)
				s.Dedupe.By = spec.DedupeNone // the same messages come again and again
				weigh(b, s, frames)
			})
		})
	}
}

func specOf(b *testing.B, fields map[string]any) *spec.Spec {
	b.Helper()
	fields["kind"], fields["url"] = "rest", "https://feed.example.com"
	document, err := json.Marshal(fields)
	if err != nil {
		b.Fatal(err)
	}
	s, err := spec.Parse(document, false)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func weigh(b *testing.B, s *spec.Spec, frames []feeds.Entry) {
	b.Helper()
	p := pipeline(b, s)
	records, size := 0, 0
	begun := processorTime(b)
	b.ReportAllocs()
	for b.Loop() {
		records, size = 0, 0
		for _, frame := range frames {
			got := p.Feed(context.Background(), frame.Body, transform.Meta{Received: frame.At, URL: frame.URL})
			if got.Dropped.Failed > 0 {
				b.Fatal(got.Failures[0].Reason)
			}
			records += len(got.Drafts)
			size += len(frame.Body)
		}
	}
	spent := float64(processorTime(b)-begun) / float64(b.N) / float64(len(frames))
	b.ReportMetric(spent/1e3, "cpu-µs/frame")
	b.ReportMetric(float64(size)/float64(len(frames)), "bytes/frame")
	b.ReportMetric(float64(records)/float64(len(frames)), "records/frame")
	b.ReportMetric(0, "ns/op")
}

// processorTime is that of the process, in ns.
func processorTime(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
