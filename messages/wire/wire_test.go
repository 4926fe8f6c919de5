package wire_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/pb"
)

var update = flag.Bool("update", false, "write the golden files anew")

func drafts(n int) []messages.Draft {
	list := make([]messages.Draft, n)
	for i := range list {
		list[i] = messages.Draft{
			Stream: messages.Stream(fmt.Sprintf("lab.room%d.temp", i%3)), Key: fmt.Sprint("k", i), NativeID: fmt.Sprint("n", i),
			Source: "probe", Time: time.Unix(1_700_000_000, int64(i)).UTC(), Payload: fmt.Appendf(nil, `{"c":%d.5}`, i),
		}
	}
	list[0].ContentType, list[0].Time = "text/plain", time.Time{}
	return list
}

func place() wire.Place {
	return wire.Place{
		BatchID: messages.BatchID{Origin: "abc2", Epoch: 1_700_000_000_000, Sequence: 1},
		First:   messages.HLCFromMillis(1_700_000_000_123),
		Prior:   messages.Position{Origin: "abc2", Epoch: 1_600_000_000_000, Sequence: 9, Index: 3},
	}
}

func seal(t testing.TB, codec wire.Codec, n int) (wire.Sealed, *messages.Batch) {
	t.Helper()
	sealed, batch, _, err := wire.NewSealer(codec).Seal(place(), drafts(n))
	if err != nil {
		t.Fatal(err)
	}
	return sealed, batch
}

func TestSealedOpensAsItWas(t *testing.T) {
	for _, codec := range []wire.Codec{wire.None, wire.S2, wire.Zstd} {
		for _, n := range []int{1, 2, 100, messages.MaxBatchRecords} {
			sealed, batch := seal(t, codec, n)
			parsed, err := wire.Parse(bytes.Clone(sealed.Bytes()))
			if err != nil {
				t.Fatalf("codec %d, %d records: %v", codec, n, err)
			}
			opened, err := parsed.Open()
			if err != nil {
				t.Fatalf("codec %d, %d records: %v", codec, n, err)
			}
			if !reflect.DeepEqual(opened, batch) {
				t.Fatalf("codec %d, %d records: opened\n%+v\nsealed\n%+v", codec, n, opened, batch)
			}
			sameRecords(t, &parsed, opened, nil)
			if err := parsed.Verify(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestDraftsLearnTheirIndex(t *testing.T) {
	list := drafts(7)
	_, batch, indexes, err := wire.NewSealer(wire.S2).Seal(place(), list)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range list {
		for _, r := range batch.Group(d.Stream).Records {
			if r.Position.Index == indexes[i] && r.NativeID != d.NativeID {
				t.Fatalf("draft %d has index %d, where %q stands", i, indexes[i], r.NativeID)
			}
		}
	}
}

func TestEveryFlippedBitIsSeen(t *testing.T) {
	sealed, _ := seal(t, wire.S2, 20)
	for i := range sealed.Bytes() {
		for bit := range 8 {
			b := bytes.Clone(sealed.Bytes())
			b[i] ^= 1 << bit
			if _, err := wire.Parse(b); !errors.Is(err, wire.ErrChecksum) && !errors.Is(err, wire.ErrFormat) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
		}
	}
}

func TestBodyIsTheProtobufOfBatchProto(t *testing.T) {
	sealed, batch := seal(t, wire.None, 20)
	var body pb.Body
	raw := sealed.Bytes()
	// The body is the last part before the checksum, and the only one that decodes to its groups.
	header := len(raw) - 4 - int(uint32(raw[8])|uint32(raw[9])<<8|uint32(raw[10])<<16|uint32(raw[11])<<24)
	if err := proto.Unmarshal(raw[header:len(raw)-4], &body); err != nil {
		t.Fatal(err)
	}
	if len(body.GetGroups()) != len(batch.Groups) {
		t.Fatalf("%d groups, sealed were %d", len(body.GetGroups()), len(batch.Groups))
	}
	for i, g := range body.GetGroups() {
		for j, r := range g.GetRecords() {
			want := batch.Groups[i].Records[j]
			if g.GetStream() != string(want.Stream) || r.GetKey() != want.Key || r.GetNativeId() != want.NativeID || r.GetSource() != want.Source ||
				r.GetContentType() != want.ContentType || !bytes.Equal(r.GetPayload(), want.Payload) || (r.Time != nil) == want.Time.IsZero() {
				t.Fatalf("group %d record %d: %v, sealed was %+v", i, j, r, want)
			}
		}
	}
}

func TestVersion1StaysReadable(t *testing.T) {
	for _, codec := range []wire.Codec{wire.None, wire.S2, wire.Zstd} {
		name := filepath.Join("testdata", fmt.Sprintf("v1-codec%d.batch", codec))
		if *update {
			sealed, _ := seal(t, codec, 40)
			if err := os.WriteFile(name, sealed.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := wire.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := parsed.Open()
		if err != nil {
			t.Fatal(err)
		}
		_, want := seal(t, codec, 40)
		if !reflect.DeepEqual(opened, want) {
			t.Fatalf("codec %d: opened %+v, want %+v", codec, opened, want)
		}
	}
}

// sameRecords checks that Each gives what Open gave.
func sameRecords(t *testing.T, s *wire.Sealed, opened *messages.Batch, fault error) {
	t.Helper()
	var list []messages.Record
	if err := s.Each(func(r *messages.Record) { list = append(list, *r) }); fmt.Sprint(err) != fmt.Sprint(fault) {
		t.Fatalf("each: %v, open: %v", err, fault)
	}
	if fault != nil {
		return
	}
	var want []messages.Record
	for _, g := range opened.Groups {
		want = append(want, g.Records...)
	}
	if !reflect.DeepEqual(list, want) {
		t.Fatalf("each gives\n%+v\nopen\n%+v", list, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, codec := range []wire.Codec{wire.None, wire.S2, wire.Zstd} {
		sealed, _ := seal(f, codec, 30)
		f.Add(sealed.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		parsed, err := wire.ParseChecked(b)
		if err != nil {
			return
		}
		_ = parsed.Verify()
		batch, err := parsed.Open()
		sameRecords(t, &parsed, batch, err)
		if err != nil {
			return
		}
		count := 0
		for _, g := range batch.Groups {
			count += len(g.Records)
		}
		if uint32(count) != parsed.Count {
			t.Fatalf("%d records opened, the header says %d", count, parsed.Count)
		}
	})
}

func FuzzSeal(f *testing.F) {
	f.Add("a.b", "key", "native", "text/plain", []byte("payload"), int64(5))
	f.Fuzz(func(t *testing.T, stream, key, native, content string, payload []byte, at int64) {
		name, err := messages.ParseStream(stream)
		if err != nil {
			return
		}
		d := messages.Draft{Stream: name, Key: key, NativeID: native, ContentType: content, Payload: payload, Time: time.Unix(0, at).UTC()}
		if d.Check() != nil {
			return
		}
		sealed, _, _, err := wire.NewSealer(wire.S2).Seal(place(), []messages.Draft{d})
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := wire.Parse(sealed.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		opened, err := parsed.Open()
		if err != nil {
			t.Fatal(err)
		}
		got := opened.Groups[0].Records[0]
		if got.Key != key || got.NativeID != native || !bytes.Equal(got.Payload, payload) || !got.Time.Equal(d.Time) {
			t.Fatalf("opened %+v, sealed %+v", got, d)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	list, s := drafts(256), wire.NewSealer(wire.S2)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, err := s.Seal(place(), list); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/record")
}

func TestEachOfPassesOverWhatIsNotWanted(t *testing.T) {
	sealed, batch := seal(t, wire.S2, 100)
	for _, group := range batch.Groups {
		var want, got []messages.Record
		want = append(want, group.Records...)
		err := sealed.EachOf(func(s messages.Stream) bool { return s == group.Stream }, func(r *messages.Record) { got = append(got, *r) })
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %d records of %d, %v", group.Stream, len(got), len(want), err)
		}
	}
	if err := sealed.EachOf(func(messages.Stream) bool { return false }, func(*messages.Record) { t.Error("visited") }); err != nil {
		t.Error(err)
	}
}

func BenchmarkEach(b *testing.B) {
	sealed, _ := seal(b, wire.S2, 256)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if err := sealed.Each(func(r *messages.Record) { n += len(r.Payload) }); err != nil || n == 0 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/record")
}

func BenchmarkOpen(b *testing.B) {
	sealed, _ := seal(b, wire.S2, 256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sealed.Open(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/record")
}
