package messages_test

import (
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"anode/messages"
)

func TestHLCFollowsTheClockAndGrows(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_123)
	first := messages.HLC(0).Next(now)
	if first.Millis() != now.UnixMilli() || first.Counter() != 0 {
		t.Fatalf("%d.%d", first.Millis(), first.Counter())
	}
	if second := first.Next(now.Add(-time.Hour)); second != first+1 || second.Time() != now.UTC() {
		t.Fatalf("behind a clock that went back: %d.%d", second.Millis(), second.Counter())
	}
	if full := (first + 1<<16 - 1).Next(now); full.Millis() != now.UnixMilli()+1 {
		t.Fatalf("a full counter: %d.%d", full.Millis(), full.Counter())
	}
	if messages.HLCFromMillis(-1) != 0 {
		t.Fatal("before 1970")
	}
}

func TestDraftBounds(t *testing.T) {
	long := strings.Repeat("k", messages.MaxKey)
	good := messages.Draft{Stream: "a", Key: long, NativeID: long, Payload: make([]byte, messages.MaxPayload), Time: time.Unix(0, 1)}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for field, c := range map[string]struct {
		change func(*messages.Draft)
		want   error
	}{
		"stream":       {func(d *messages.Draft) { d.Stream = "" }, messages.ErrDraft},
		"data":         {func(d *messages.Draft) { d.Payload = append(d.Payload, 0) }, messages.ErrTooLarge},
		"key":          {func(d *messages.Draft) { d.Key += "k" }, messages.ErrDraft},
		"native_id":    {func(d *messages.Draft) { d.NativeID = "\xff" }, messages.ErrDraft},
		"content_type": {func(d *messages.Draft) { d.ContentType = strings.Repeat("t", 256) }, messages.ErrDraft},
		"time":         {func(d *messages.Draft) { d.Time = time.Date(2263, 1, 1, 0, 0, 0, 0, time.UTC) }, messages.ErrDraft},
	} {
		d := good
		c.change(&d)
		if err := d.Check(); !errors.Is(err, c.want) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-22T10:00:00.123Z": "2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00+01:00": "2026-11-22T09:00:00Z",
		"1700000000": "2023-11-14T22:13:20Z", "1700000000.5": "2023-11-14T22:13:20.5Z", "1700000000123": "2023-11-14T22:13:20.123Z",
		"1700000000123456": "2023-11-14T22:13:20.123456Z", "1700000000123456789": "2023-11-14T22:13:20.123456789Z",
		"0": "1970-01-01T00:00:00Z", "-1": "1969-12-31T23:59:59Z", "1.7e9": "2023-11-14T22:13:20Z",
	} {
		if got, err := messages.ParseTime(text); err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s: %s, %v, want %s", text, got.Format(time.RFC3339Nano), err, want)
		}
	}
	for _, text := range []string{"", "now", "2026-11-22", "2026-13-22T10:00:00Z", "0x10", "1_000", "Inf", "NaN", "1e400", "9999-01-01T00:00:00Z", "1e30", strings.Repeat("1", 65)} {
		if got, err := messages.ParseTime(text); err == nil {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// A number with a large exponent is a few bytes in a feed, and must stay so here.
func TestTimeWithALargeExponentTakesNoMemory(t *testing.T) {
	for _, text := range []string{"1e600000000", "-1e600000000", "1e-600000000"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		at, err := messages.ParseTime(text)
		runtime.ReadMemStats(&after)
		if strings.Contains(text, "e-") != (err == nil) {
			t.Errorf("%s: %s, %v", text, at, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
			t.Errorf("%s takes %d bytes", text, took)
		}
	}
}

func FuzzTime(f *testing.F) {
	for _, text := range []string{"1700000000", "1.7e9", "2026-11-22T10:00:00.123Z", "-5", "1e-400"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := messages.ParseTime(text)
		if err != nil {
			return
		}
		if again, err := messages.ParseTime(at.Format(time.RFC3339Nano)); !messages.TimeInRange(at) || err != nil || !again.Equal(at) {
			t.Fatalf("%q is %s, and again %s, %v", text, at, again, err)
		}
	})
}

func TestRecordJSON(t *testing.T) {
	record := func(change func(*messages.Record)) messages.Record {
		r := messages.Record{
			Position: messages.Position{Origin: "n1", Epoch: 5, Sequence: 7, Index: 2}, HLC: messages.HLCFromMillis(1_700_000_000_100),
			Draft: messages.Draft{Stream: "a.b", Payload: []byte(`{"x":1.10}`)},
		}
		change(&r)
		return r
	}
	const head = `{"id":"n1-5-7-2","stream":"a.b",`
	for name, c := range map[string]struct {
		r    messages.Record
		want string
	}{
		"the least": {record(func(*messages.Record) {}), head + `"time":"2023-11-14T22:13:20.1Z","received":"2023-11-14T22:13:20.1Z","data":{"x":1.10}}`},
		"all fields": {
			record(func(r *messages.Record) {
				r.Source, r.Key, r.NativeID, r.Time = "s", "k\"1", "n\n", time.Unix(1, 5).In(time.FixedZone("", 3600))
			}),
			head + `"source":"s","key":"k\"1","native_id":"n\n","time":"1970-01-01T00:00:01.000000005Z","received":"2023-11-14T22:13:20.1Z","data":{"x":1.10}}`,
		},
		"text": {
			record(func(r *messages.Record) { r.ContentType, r.Payload = "text/plain", []byte("a<b>\x01") }),
			head + `"time":"2023-11-14T22:13:20.1Z","received":"2023-11-14T22:13:20.1Z","content_type":"text/plain","text":"a<b>\u0001"}`,
		},
		"bytes": {
			record(func(r *messages.Record) { r.ContentType, r.Payload = "text/plain", []byte{0xff, 1} }),
			head + `"time":"2023-11-14T22:13:20.1Z","received":"2023-11-14T22:13:20.1Z","content_type":"text/plain","base64":"/wE="}`,
		},
	} {
		if got := string(c.r.AppendJSON(nil)); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", name, got, c.want)
		}
	}
	long := record(func(r *messages.Record) {
		r.ContentType, r.Payload = "text/plain", []byte(strings.Repeat("\x01", messages.MaxPayload))
	})
	if text := string(long.AppendJSON(nil)); !strings.Contains(text, `"base64":"`) || len(text) > 3<<19 {
		t.Errorf("a text whose JSON form is too long has %d bytes of JSON", len(text))
	}
}

func FuzzQuoted(f *testing.F) {
	f.Add("a\"b\\c\x00\n\xff\u2028é")
	f.Fuzz(func(t *testing.T, text string) {
		var got string
		if err := json.Unmarshal(messages.AppendQuoted(nil, text), &got); err != nil || got != string([]rune(text)) {
			t.Fatalf("%q became %q, %v", text, got, err)
		}
	})
}
