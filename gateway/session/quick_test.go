package session

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// sameRequest checks that what quick reads is what split and parse read, and that its answers are written alike; it
// tells whether quick read it.
func sameRequest(t *testing.T, message []byte) bool {
	t.Helper()
	given := bytes.Clone(message)
	got, ok := quick(message)
	if !bytes.Equal(given, message) {
		t.Fatalf("%q was changed", given)
	}
	if !ok {
		return false
	}
	list, err := split(message)
	if err != nil || len(list) != 1 {
		t.Fatalf("%q: quick reads %+v, split gives %d and %v", message, got, len(list), err)
	}
	want, err := parse(list[0])
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: quick reads %+v, parse %+v, %v", message, got, want, err)
	}
	for _, r := range []reply{{Op: "pong", ID: got.ID}, {Op: "published", ID: got.ID, Record: "self-1-2-3"}, {Op: "published", ID: got.ID, Duplicate: true}} {
		if got, want := r.encode(), r.encodeAny(); !bytes.Equal(got, want) {
			t.Fatalf("%q: the answer is %q, want %q", message, got, want)
		}
	}
	return true
}

func TestQuickReadsWhatIsCommon(t *testing.T) {
	for message, common := range map[string]bool{
		`{"op":"ping"}`: true,
		" {\t\"op\" : \"ping\" ,\r\n\"id\":[1, 2] } \n": true,
		`{"op":"publish","id":{"a":[1.0,"<&>"]},"stream":"lab.a","key":"k","native_id":"7","time":"2026-11-22T10:00:00Z","data":{"c": 21.50}}`: true,
		`{"stream":"a","text":"x\n\u00e4\ud83d\ude00\ud800","op":"publish"}`:                                                                   true,
		`{"op":"publish","base64":"AA==","content_type":"a/b","id":null}`:                                                                      true,
		`{"op":"publish","data":null}`:       true,
		`{"op":"publish","data":1,"data":2}`: false,
		`{"op":"publish","Data":1}`:          false,
		`{"op":"publish","d\u0061ta":1}`:     false,
		`{"op":"publish","key":null}`:        false,
		`{"op":"publish","key":7}`:           false,
		`{"op":"publish","sub":"1"}`:         false,
		`{"op":"ping","data":1}`:             false,
		`{"op":"subscribe","sub":"1"}`:       false,
		`{"id":1}`:                           false,
		`{}`:                                 false,
		`{"op":"ping"`:                       false,
		`{"op":"ping",}`:                     false,
		`{"op":"ping"}}`:                     false,
		`{"op":"ping"}{"op":"ping"}`:         false,
		"{\"op\":\"ping\",\"id\":\"\xff\"}":  false,
		`{"op":"ping","id":01}`:              false,
		`{"op":"ping","id":"` + strings.Repeat("i", mostID-1) + `"}`:                            false,
		`{"op":"ping","id":"` + strings.Repeat("i", mostID-2) + `"}`:                            true,
		`{"op":"ping","id":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`:        true,
		`{"op":"publish","data":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`: false,
		``: false, `[]`: false, `null`: false,
	} {
		if got := sameRequest(t, []byte(message)); got != common {
			t.Errorf("%.100q: quick reads it: %v, want %v", message, got, common)
		}
	}
}

var publishMessage = []byte(`{"op":"publish","id":12,"stream":"bench.mesh.n1.s2","data":{"n":1234567,"at":"2026-11-22T10:00:00.123Z","text":"` + strings.Repeat("x", 180) + `"}}`)

func BenchmarkRead(b *testing.B) {
	for _, x := range []struct {
		name string
		read func() (request, error)
	}{
		{"quick", func() (request, error) {
			r, ok := quick(publishMessage)
			if !ok {
				return r, fmt.Errorf("not read")
			}
			return r, nil
		}},
		{"any", func() (request, error) {
			list, err := split(publishMessage)
			if err != nil {
				return request{}, err
			}
			return parse(list[0])
		}},
	} {
		b.Run(x.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := x.read()
				if err != nil {
					b.Fatal(err)
				}
				if _, err = r.Draft(""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAnswer(b *testing.B) {
	b.ReportAllocs()
	r := reply{Op: "published", ID: json.RawMessage("12"), Record: "mfrggzdfmztwq2lk-1764450000000-123456-12"}
	for b.Loop() {
		r.encode()
	}
}
