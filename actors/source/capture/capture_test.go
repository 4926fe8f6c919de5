package capture_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anode/actors/source/capture"
	"anode/messages/command"
	"anode/messages/spec"
)

func replay(t *testing.T, document string, frames ...string) []string {
	t.Helper()
	s, err := spec.Parse([]byte(document), true)
	if err != nil {
		t.Fatal(err)
	}
	r, err := capture.New(s)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, text := range frames {
		var f command.Frame
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			t.Fatal(err)
		}
		step, err := r.Feed(context.Background(), &f)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range step.Lines() {
			all = append(all, string(line))
		}
		for _, failure := range step.Failures {
			all = append(all, failure.Reason)
		}
	}
	end := r.End()
	for _, line := range end.Lines() {
		all = append(all, string(line))
	}
	return all
}

func frame(at, meta, text string) string {
	quoted, _ := json.Marshal(text)
	return `{"received":"2026-11-22T10:` + at + `Z","dir":"in","meta":{` + meta + `},"text":` + string(quoted) + `}`
}

func TestAReplayHasTheClockAndTheBoundsOfItsFrames(t *testing.T) {
	const rules = "name: a\nkind: websocket\nurl: wss://a.example/\non: [{when: .set, set: '{s: .set}'}, {when: .ping, send: '${.frame.ping} ${secret:x}'}]\n"
	for name, c := range map[string]struct {
		document string
		frames   []string
		want     []string
	}{
		"now, received and an id by chance are the same each time": {
			"name: a\nkind: rest\nurl: https://a.example/\ntransform: {map: '{now: now, id: (uuid | length), at: $meta.received}'}",
			[]string{frame("00:00.123456", `"status":200`, "{}")},
			[]string{`{"stream":"a","source":"a","time":"2026-11-22T10:00:00.123Z","received":"2026-11-22T10:00:00.123Z","data":{"at":"2026-11-22T10:00:00.123456Z","id":36,"now":1795341600123}}`},
		},
		"what is no message is passed over": {
			"name: a\nkind: rest\nurl: https://a.example/",
			[]string{
				`{"skipped":3}`, `{"received":"2026-11-22T10:00:00Z","dir":"out","text":"1"}`, frame("00:00", `"status":401`, "2"), frame("00:00", `"status":200`, " "),
				frame("00:00", `"status":304`, ""), frame("00:01", "", "3"),
			},
			[]string{`{"stream":"a","source":"a","time":"2026-11-22T10:00:01Z","received":"2026-11-22T10:00:01Z","data":3}`},
		},
		"the window is of the frames' time": {
			"name: a\nkind: rest\nurl: https://a.example/\ndedupe: {by: payload, window: 1m}",
			[]string{frame("00:00", "", "1"), frame("00:59", "", "1"), frame("03:00", "", "1")},
			[]string{
				`{"stream":"a","source":"a","time":"2026-11-22T10:00:00Z","received":"2026-11-22T10:00:00Z","data":1}`,
				`{"stream":"a","source":"a","time":"2026-11-22T10:03:00Z","received":"2026-11-22T10:03:00Z","data":1}`,
			},
		},
		"the state is of a connection": {
			rules + "transform: {where: '.v', map: '[.v, $state.s]'}",
			[]string{
				frame("00:00", `"connection":1`, `{"set":"x","ping":1}`), frame("00:01", `"connection":1`, `{"v":1}`), frame("00:02", `"connection":2`, `{"v":2}`),
			},
			[]string{
				`{"stream":"a","source":"a","time":"2026-11-22T10:00:01Z","received":"2026-11-22T10:00:01Z","data":[1,"x"]}`,
				`{"stream":"a","source":"a","time":"2026-11-22T10:00:02Z","received":"2026-11-22T10:00:02Z","data":[2,null]}`,
			},
		},
		"what limit holds comes in time, and at the end": {
			"name: a\nkind: rest\nurl: https://a.example/\nlimit: {policy: conflate, every: 1s}",
			[]string{frame("00:00", "", "1"), frame("00:00.1", "", "2"), frame("00:00.2", "", "3"), frame("00:05", "", "4"), frame("00:05.1", "", "5")},
			[]string{
				`{"stream":"a","source":"a","time":"2026-11-22T10:00:00Z","received":"2026-11-22T10:00:00Z","data":1}`,
				`{"stream":"a","source":"a","time":"2026-11-22T10:00:01.005Z","received":"2026-11-22T10:00:01.005Z","data":3}`,
				`{"stream":"a","source":"a","time":"2026-11-22T10:00:05Z","received":"2026-11-22T10:00:05Z","data":4}`,
				`{"stream":"a","source":"a","time":"2026-11-22T10:00:05.1Z","received":"2026-11-22T10:00:05.1Z","data":5}`,
			},
		},
		"sockets that overlap have states of their own": {
			rules + "transform: {where: '.v', map: '[.v, $state.s]'}",
			[]string{
				frame("00:00", `"connection":1`, `{"set":"x"}`), frame("00:01", `"connection":1,"socket":1`, `{"set":"y"}`), frame("00:02", `"connection":1`, `{"v":1}`), frame("00:03", `"connection":1,"socket":1`, `{"v":2}`),
			},
			[]string{
				`{"stream":"a","source":"a","time":"2026-11-22T10:00:02Z","received":"2026-11-22T10:00:02Z","data":[1,"x"]}`,
				`{"stream":"a","source":"a","time":"2026-11-22T10:00:03Z","received":"2026-11-22T10:00:03Z","data":[2,"y"]}`,
			},
		},
		"what fails says why": {
			"name: a\nkind: rest\nurl: https://a.example/\nparse: json",
			[]string{frame("00:00", "", "{")},
			[]string{"parse: at byte 1: the text ends too early"},
		},
	} {
		got := replay(t, c.document, c.frames...)
		if again := replay(t, c.document, c.frames...); !reflect.DeepEqual(got, again) {
			t.Errorf("%s: another time it gives %q", name, again)
		}
		if strings.HasPrefix(c.want[0], "parse: ") && len(got) == 1 && strings.HasPrefix(got[0], "parse: ") {
			continue
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestAllFaultsOfASpecAreTold(t *testing.T) {
	s, err := spec.Parse([]byte("name: a\nkind: websocket\nurl: 'wss://a.example/${.a +}'\nwebsocket: {open: ['${now +}']}\ntransform: {map: '.a['}"), true)
	if err != nil {
		t.Fatal(err)
	}
	_, err = capture.New(s)
	var faults spec.Faults
	if !errors.As(err, &faults) || len(faults) != 3 {
		t.Errorf("%v", err)
	}
}

func TestACutFrameIsNoFrame(t *testing.T) {
	s, _ := spec.Parse([]byte("name: a\nkind: rest\nurl: https://a.example/"), true)
	r, err := capture.New(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Feed(t.Context(), &command.Frame{Dir: command.FrameIn, Meta: command.FrameMeta{Size: 10}, Data: []byte("1")}); err == nil {
		t.Error("a part passes for the whole")
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCases(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", "name: a\nkind: rest\nurl: https://a.example/\ntransform: {split: '.[]'}\nnative_id: .id")
	write(t, dir, "a.frames.ndjson", frame("00:00", "", `[{"id":1},{"id":2},{"id":1}]`)+"\n\n"+`{"received":"1795341600","base64":"`+base64.StdEncoding.EncodeToString([]byte(`[{"id":3}]`))+`"}`)
	write(t, dir, "below/b.json", `{"name":"b","kind":"rest","url":"https://b.example/"}`)
	write(t, dir, ".git/c.yaml", "no")
	cases, bare, err := capture.Find(dir)
	if err != nil || len(cases) != 1 || len(bare) != 1 || cases[0].Name != filepath.Join(dir, "a") {
		t.Fatalf("%v %v %v", cases, bare, err)
	}
	c := cases[0]
	if _, err := c.Golden(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no golden file gives %v", err)
	}
	o, err := c.Run(t.Context())
	if err != nil || len(o.Lines) != 3 || o.Duplicate != 1 || o.Messages != 2 || !reflect.DeepEqual(o.Frame, []int{1, 1, 3}) {
		t.Fatalf("%+v, %v", o, err)
	}
	if err := c.Write(o); err != nil {
		t.Fatal(err)
	}
	golden, err := c.Golden()
	if err != nil || len(capture.Diff(golden, o.Lines)) != 0 {
		t.Errorf("%s, %v", golden, err)
	}
	write(t, dir, "a.frames.ndjson", "{}")
	if _, err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "a.frames.ndjson: line 1 is no frame: received is missing") {
		t.Errorf("%v", err)
	}
}

func lines(texts ...string) (all [][]byte) {
	for _, text := range texts {
		all = append(all, []byte(text))
	}
	return all
}

func TestDifferences(t *testing.T) {
	rec := func(n string) string {
		return `{"stream":"a","source":"s","received":"2026-11-22T10:00:00Z","data":{"n":` + n + `}}`
	}
	for name, c := range map[string]struct {
		golden, made [][]byte
		want         []capture.Difference
	}{
		"the same":                          {lines(rec("1")), lines(rec("1")), nil},
		"members in another order, no time": {lines(`{"data":{"n":1},"stream":"a"}`), lines(rec("1")), nil},
		"another text of a number":          {lines(rec("1.10")), lines(rec("1.1")), []capture.Difference{{Line: 1, Record: 0, Fields: []string{".data.n: want 1.10, got 1.1"}}}},
		"one is missing":                    {lines(rec("1"), rec("2"), rec("3")), lines(rec("1"), rec("3")), []capture.Difference{{Line: 2, Record: -1}}},
		"one is too many":                   {lines(rec("1"), rec("3")), lines(rec("1"), rec("2"), rec("3")), []capture.Difference{{Record: 1}}},
		"another member":                    {lines(`{"key":"k","x":1}`), lines(`{"key":"k","y":[1]}`), []capture.Difference{{Line: 1, Record: 0, Fields: []string{".x: want 1, got nothing", ".y: want nothing, got [1]"}}}},
		"a member that was given":           {lines(`{"source":"t"}`), lines(`{"source":"s"}`), []capture.Difference{{Line: 1, Record: 0, Fields: []string{`.source: want "t", got "s"`}}}},
	} {
		if got := capture.Diff(c.golden, c.made); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Differences are exactly what must be taken out and put in.
func TestDifferencesAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.SampledFrom([]string{"1", "2", "3"}), 0, 12)
		golden, made := lines(list.Draw(t, "golden")...), lines(list.Draw(t, "made")...)
		lost, extra := map[int]bool{}, map[int]bool{}
		for _, d := range capture.Diff(golden, made) {
			if d.Line > 0 {
				lost[d.Line-1] = true
			}
			if d.Record >= 0 {
				extra[d.Record] = true
			}
		}
		var a, b []string
		for i := range golden {
			if !lost[i] {
				a = append(a, string(golden[i]))
			}
		}
		for i := range made {
			if !extra[i] {
				b = append(b, string(made[i]))
			}
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("what is left differs: %v and %v", a, b)
		}
	})
}
