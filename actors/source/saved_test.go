package source

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"anode/messages"
)

func TestAStateIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := func(name string) *time.Time {
			if rapid.Bool().Draw(t, "has "+name) {
				v := time.Unix(0, rapid.Int64Range(0, 4e18).Draw(t, name)).UTC()
				return &v
			}
			return nil
		}
		raw := func(name string) json.RawMessage {
			return rapid.SampledFrom([]json.RawMessage{nil, json.RawMessage("0"), json.RawMessage(`{"a":[1.10,"\u0000<"]}`)}).Draw(t, name)
		}
		s := saved{
			Version: savedVersion, Turn: rapid.Uint64().Draw(t, "turn"), Of: rapid.StringMatching("([0-9]-[a-z]+)?").Draw(t, "of"),
			Item: raw("item"), Since: raw("since"), From: rapid.StringMatching("([0-9a-f]{8})?").Draw(t, "from"),
			Cursor: rapid.String().Draw(t, "cursor"), Walk: at("walk"), Horizon: at("horizon"),
			Seen: rapid.SampledFrom([][]byte{nil, {0, 255, 7}}).Draw(t, "seen"),
		}
		payload := s.encode()
		got, err := decodeSaved(payload)
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Fatalf("%s: %v\nis  %+v\nwas %+v", payload, err, got, s)
		}
	})
}

func TestNoTwoStatesShareAStream(t *testing.T) {
	names := []string{"a", "a.b", "a.i", "a_b", "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x", "x_x_x_x_x_x_x_x_x_x_x_x_x_x_x_x", "a.b.c.d.e.f.g.h.i.j.k.l.m.n"}
	seen := make(map[messages.Stream]string)
	for _, name := range names {
		for _, item := range []string{"", `"A"`, `"B"`, `{"a":1}`} {
			var text []byte
			if item != "" {
				text = []byte(item)
			}
			stream := stateStream(name, text)
			if _, err := messages.ParseStream(string(stream)); err != nil {
				t.Errorf("%s %s: %v", name, item, err)
			}
			if other, twice := seen[stream]; twice {
				t.Errorf("%s %s is on the stream of %s", name, item, other)
			}
			seen[stream] = name + " " + item
			if sourceOf(stream) != stateStream(name, nil) || sourceOf(windowStream(name)) != stateStream(name, nil) {
				t.Errorf("%s is of %s", stream, sourceOf(stream))
			}
		}
	}
}

// FuzzState gives what may stand on $state to the decoder.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"v":1,"turn":7,"since":{"a":1},"horizon":"2026-11-22T10:00:00Z"}`))
	f.Add([]byte(`{"v":2}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		s, err := decodeSaved(payload)
		if err == nil && s.Version != savedVersion {
			t.Errorf("version %d is read", s.Version)
		}
	})
}
