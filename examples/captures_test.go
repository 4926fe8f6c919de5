package examples_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"anode/actors/expr"
	"anode/actors/source"
	"anode/actors/source/capture"
	"anode/actors/source/transform"
	"anode/messages"
	"anode/messages/spec"
	"anode/testkit/feeds"
)

// captures is the directory of captured feeds; without one the test is skipped.
func captures(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("ANODE_FEEDS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data", "feeds")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("NO CAPTURED FEEDS, so nothing is replayed: name their directory in ANODE_FEEDS (%v)", err)
	}
	return dir
}

// wanted is a record as the frame's JSON has it, worked out without jq.
type wanted struct {
	stream, key, native string
	time                time.Time
	// data is what its JSON must mean; where raw is set, every byte must be so instead.
	data any
	raw  []byte
}

// captured are the feeds, each with what a frame of it is to become.
var captured = []struct {
	example, capture string
	expect           func(t *testing.T, frame any, raw []byte, url string) []wanted
}{
	{"binance-streams", "binance.ws.txt", binanceStreams},
	{"bitstamp-channels", "bitstamp.ws.txt", bitstampChannels},
	{"coinbase-market", "coinbase.ws.txt", coinbaseMarket},
	{"kraken-book", "kraken.ws.txt", krakenBook},
	{"okx-public", "okx.ws.txt", okxPublic},
	{"binance-depth", "binance.http.txt", binanceDepth},
	{"bitstamp-book", "bitstamp.http.txt", bitstampBook},
	{"gateio-book", "gateio.http.txt", gateioBook},
}

func example(t testing.TB, name string) *spec.Spec {
	t.Helper()
	document, err := os.ReadFile(filepath.Join("sources", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := spec.Parse(document, true)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if s.Name != name {
		t.Errorf("%s.yaml is of the source %s", name, s.Name)
	}
	return s
}

func pipeline(t testing.TB, s *spec.Spec) *transform.Pipeline {
	t.Helper()
	p, err := transform.New(transform.Config{Spec: s, Language: source.Language(expr.NewEngine(expr.EngineConfig{})), Clock: time.Now})
	if err != nil {
		t.Fatalf("%s: %v", s.Name, err)
	}
	return p
}

func TestExamplesAreValid(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("sources", "*"))
	if err != nil || len(names) < 11 {
		t.Fatalf("%v, %v", names, err)
	}
	for _, name := range names {
		base, yaml := strings.CutSuffix(filepath.Base(name), ".yaml")
		if !yaml {
			if !strings.HasSuffix(name, ".frames.ndjson") && !strings.HasSuffix(name, ".records.ndjson") {
				t.Errorf("%s is no .yaml", name)
			}
			continue
		}
		t.Run(base, func(t *testing.T) { pipeline(t, example(t, base)) })
	}
}

// Samples that stand beside a spec become exactly the golden records beside it.
func TestSamplesBecomeTheGoldenRecords(t *testing.T) {
	cases, _, err := capture.Find("sources")
	if err != nil || len(cases) == 0 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		t.Run(filepath.Base(c.Spec), func(t *testing.T) {
			made, err := c.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			golden, err := c.Golden()
			if err != nil {
				t.Fatal(err)
			}
			if all := capture.Diff(golden, made.Lines); len(all) > 0 || len(made.Failures) > 0 || len(made.Lines) == 0 {
				t.Errorf("differences %+v, failures %v", all, made.Failures)
			}
		})
	}
}

// deduplicated leaves out what has an identity that was there before.
func deduplicated(all []wanted, seen map[string]bool) []wanted {
	var fresh []wanted
	for _, w := range all {
		identity := strings.Join([]string{w.stream, w.key, w.native}, "\x00")
		if w.native == "" || !seen[identity] {
			fresh = append(fresh, w)
		}
		seen[identity] = true
	}
	return fresh
}

func TestCapturedFramesBecomeExactlyTheExpectedRecords(t *testing.T) {
	dir := captures(t)
	for _, c := range captured {
		t.Run(c.example, func(t *testing.T) {
			capture, err := feeds.OpenCapture(filepath.Join(dir, c.capture))
			if err != nil {
				t.Fatal(err)
			}
			event := feeds.Frame
			if strings.HasSuffix(c.capture, ".http.txt") {
				event = feeds.Answered
			}
			s := example(t, c.example)
			p, seen := pipeline(t, s), make(map[string]bool)
			for _, turn := range []string{"first", "again"} { // what has an identity is a duplicate then
				frames, records, duplicates, streams := 0, 0, uint64(0), make(map[messages.Stream]bool)
				for _, e := range capture.Of(event) {
					all := c.expect(t, decode(t, e.Body), e.Body, e.URL)
					fresh := deduplicated(all, seen)
					got := p.Feed(context.Background(), e.Body, transform.Meta{Received: e.At, URL: e.URL, Status: 200})
					compare(t, s, e.Line, fresh, got, uint64(len(all)-len(fresh)))
					if t.Failed() {
						t.Fatalf("line %d: %.500s", e.Line, e.Body)
					}
					frames++
					records += len(got.Drafts)
					duplicates += got.Dropped.Duplicate
					for _, d := range got.Drafts {
						streams[d.Stream] = true
					}
				}
				if turn == "first" && records == 0 {
					t.Fatal("made no record")
				}
				t.Logf("%s: %d messages, %d records in %d streams, %d duplicates", turn, frames, records, len(streams), duplicates)
			}
		})
	}
}

func compare(t *testing.T, s *spec.Spec, line int, want []wanted, got transform.Result, duplicates uint64) {
	t.Helper()
	untimed := uint64(0)
	if len(got.Failures) > 0 || got.Dropped.Failed > 0 || got.Dropped.Duplicate != duplicates || len(got.Actions) > 0 {
		t.Errorf("line %d: failures %v, dropped %+v (want %d duplicates), actions %v", line, got.Failures, got.Dropped, duplicates, got.Actions)
	}
	if len(got.Drafts) != len(want) {
		t.Errorf("line %d: %d records, want %d", line, len(got.Drafts), len(want))
		return
	}
	for i, w := range want {
		d := got.Drafts[i]
		if s.Time != "" && w.time.IsZero() {
			untimed++
		}
		if string(d.Stream) != w.stream || d.Key != w.key || d.NativeID != w.native || !d.Time.Equal(w.time) {
			t.Errorf("line %d, record %d: stream %s key %q native_id %q time %s; want %s %q %q %s", line, i, d.Stream, d.Key, d.NativeID, d.Time, w.stream, w.key, w.native, w.time)
		}
		if w.raw != nil && !bytes.Equal(w.raw, d.Payload) {
			t.Errorf("line %d, record %d: bytes differ: %.200s", line, i, d.Payload)
		}
		if w.raw == nil && !equal(t, w.data, d.Payload) {
			t.Errorf("line %d, record %d: data is %.300s", line, i, d.Payload)
		}
	}
	if got.Untimed != untimed {
		t.Errorf("line %d: %d without a readable time, want %d", line, got.Untimed, untimed)
	}
}

// decode keeps the text of numbers.
func decode(t *testing.T, raw []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %.200s", err, raw)
	}
	return v
}

// equal tells whether JSON means a value.
func equal(t *testing.T, want any, raw []byte) bool {
	t.Helper()
	return reflect.DeepEqual(want, decode(t, raw))
}
