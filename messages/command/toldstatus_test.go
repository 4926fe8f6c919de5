package command

import (
	"encoding/json"
	"strings"
	"testing"
)

const toldGood = `{"stream":"$status.n2","time":"2026-11-22T10:00:00Z","received":"2026-11-22T10:00:00Z","later":1,"data":{"node":{"id":"n2","name":"two",
"state":"alive","started":"2026-11-22T11:00:00+02:00","labels":{"a":"b"},"sources":2,"links":[{"peer":"n1","state":"live","new":[]}],
"journal":{"records":5,"bytes":6},"rates":{"in":1.5,"out":2},"more":{}},"components":"another version's","alarms":3}}`

func TestReadStatus(t *testing.T) {
	got, err := ReadStatus("n2", []byte(toldGood))
	if err != nil || got.Alarms != 3 || got.Node.Name != "two" || got.Node.Sources != 2 || len(got.Node.Links) != 1 || got.Node.Started.Hour() != 9 {
		t.Errorf("%+v, %v", got, err)
	}
	replace := func(old, by string) string {
		if !strings.Contains(toldGood, old) {
			t.Fatalf("%q is not there", old)
		}
		return strings.Replace(toldGood, old, by, 1)
	}
	for says, text := range map[string]string{
		"can't be read":          toldGood[1:],
		"at most 2048":           replace(`"two"`, `"`+strings.Repeat("x", 2048)+`"`),
		`the stream "$status.n"`: replace(`$status.n2`, `$status.n`),
		`names the node "n3"`:    replace(`"id":"n2"`, `"id":"n3"`),
		"counts below zero":      replace(`"sources":2`, `"sources":-2`),
		"link 1: node id":        replace(`"peer":"n1"`, `"peer":"N 1"`),
		"link 1 has numbers":     replace(`"new":[]`, `"rtt_ms":-1`),
		"times are none":         replace(`"time":"2026-11-22T10:00:00Z"`, `"time":"9999-12-31T23:59:59-12:00"`),
		"can't be read: json":    replace(`"sources":2`, `"sources":"2"`),
		"times are none ":        replace(`"started":"2026-11-22T11:00:00+02:00"`, `"started":"0000-01-01T00:00:00+12:00"`),
	} {
		if _, err := ReadStatus("n2", []byte(text)); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(says)) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

func TestReadAlarms(t *testing.T) {
	const good = `[{"severity":"grave","node":"n2","since":"2026-11-22T10:00:00Z","reason":"r","hint":"h","later":1},{"severity":"critical","node":"n2","since":"2026-11-22T10:00:00Z","reason":"s"}]`
	got, err := ReadAlarms("n2", []byte(good))
	if err != nil || len(got) != 2 || got[0].Severity != SeverityWarning || got[1].Severity != SeverityCritical {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ReadAlarms("n2", []byte(`[]`)); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	for says, text := range map[string]string{
		"can't be read":         `{}`,
		"at most 2048":          `["` + strings.Repeat("x", 2048) + `"]`,
		`of the node "n3"`:      strings.Replace(good, `"n2"`, `"n3"`, 1),
		"alarm 2 says nothing":  strings.Replace(good, `"s"`, `""`, 1),
		"alarm 1 is of no time": strings.Replace(good, `2026-11-22T10:00:00Z`, `9999-12-31T23:59:59-12:00`, 1),
	} {
		if _, err := ReadAlarms("n2", []byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

// What passes can be shown: whatever a peer sends.
func FuzzReadTold(f *testing.F) {
	f.Add([]byte(toldGood))
	f.Add([]byte(`[{"severity":"warning","node":"n2","since":"2026-11-22T10:00:00-23:59","reason":"r","hint":"h"}]`))
	f.Add([]byte(`{"stream":"$status.n2","time":"9999-12-31T23:59:59.999999999-23:59","data":{"node":{"id":"n2","started":"0000-01-01T00:00:00+23:59"}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := ReadStatus("n2", text); err == nil {
			if s.Node.ID != "n2" || len(text) > MostOfTold || s.Time.IsZero() {
				t.Errorf("%+v", s)
			}
			if _, err := json.Marshal(s); err != nil {
				t.Error(err)
			}
		}
		if list, err := ReadAlarms("n2", text); err == nil {
			for _, a := range list {
				if a.Node != "n2" || a.Reason == "" || (a.Severity != SeverityWarning && a.Severity != SeverityCritical) {
					t.Errorf("%+v", a)
				}
			}
			if _, err := json.Marshal(list); err != nil {
				t.Error(err)
			}
		}
	})
}
