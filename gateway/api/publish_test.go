package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
)

const envelopeType = "Content-Type: " + typeEnvelope

type publishedList struct {
	Records []struct {
		ID        string
		Duplicate bool
		Error     *struct{ Code, Message string }
	}
}

// How a body is read is its media type's to say.
func TestPublishContent(t *testing.T) {
	for _, c := range []struct{ name, kind, body, contentType, payload string }{
		{"json", "application/json", ` {"b" : 1.50, "a":"\u0041"} `, "", `{"b":1.50,"a":"\u0041"}`},
		{"json with charset", "application/json; charset=utf-8", `1e400`, "", `1e400`},
		{"null", "application/json", `null`, "", `null`},
		{"form that is json", "application/x-www-form-urlencoded", `{"a": 1}`, "", `{"a":1}`},
		{"form that is text", "application/x-www-form-urlencoded", `a=1&b=2`, "text/plain", `a=1&b=2`},
		{"no type", "", `[1, 2]`, "", `[1,2]`},
		{"no type, bytes", "", "\xff\x00", "application/octet-stream", "\xff\x00"},
		{"text", "text/plain", "hello", "text/plain", "hello"},
		{"text in utf-8", "text/plain; charset=UTF-8", "hello", "text/plain", "hello"},
		{"text in another", "text/csv; charset=latin1", "\xe4", "text/csv; charset=latin1", "\xe4"},
		{"empty text", "text/plain", "", "text/plain", ""},
		{"image", "IMAGE/png", "\x89PNG", "image/png", "\x89PNG"},
		{"another json", "application/ld+json", "{", "application/ld+json", "{"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			var headers []string
			if c.kind != "" {
				headers = append(headers, "Content-Type: "+c.kind)
			}
			a := w.do("POST", "/api/v1/streams/lab.a/records?key=k&native_id=n&time=1795341600123", c.body, headers...)
			w.is(a, 201, "")
			got := w.intake.drafts()
			if len(got) != 1 {
				t.Fatalf("%d drafts", len(got))
			}
			d := got[0]
			if d.Stream != "lab.a" || d.Key != "k" || d.NativeID != "n" || d.Time.UnixMilli() != 1795341600123 || d.Source != "" {
				t.Errorf("%+v", d)
			}
			if d.ContentType != c.contentType || string(d.Payload) != c.payload {
				t.Errorf("%q %q, want %q %q", d.ContentType, d.Payload, c.contentType, c.payload)
			}
			if l := decode[publishedList](t, a.body); len(l.Records) != 1 || l.Records[0].ID != "self-1-1-0" {
				t.Errorf("%s", a.body)
			}
		})
	}
}

func TestPublishRefused(t *testing.T) {
	deep := strings.Repeat("[", 129) + strings.Repeat("]", 129)
	for _, c := range []struct {
		name, target, kind, body string
		status                   int
		code                     string
	}{
		{"broken json", "lab", "application/json", `{`, 400, "bad_json"},
		{"two values", "lab", "application/json", `1 2`, 400, "bad_json"},
		{"no body", "lab", "application/json", ``, 400, "bad_json"},
		{"nothing at all", "lab", "", ``, 422, "invalid_record"},
		{"too deep", "lab", "application/json", deep, 400, "bad_json"},
		{"not utf-8", "lab", "application/json", "\"\xff\"", 400, "bad_json"},
		{"own stream", "$status.x", "application/json", `1`, 403, "forbidden"},
		{"own stream, escaped", "%24status.x", "application/json", `1`, 403, "forbidden"},
		{"own stream of nobody", "$x", "text/plain", `1`, 403, "forbidden"},
		{"no stream name", "a..b", "application/json", `1`, 422, "invalid_stream"},
		{"pattern", "a.*", "application/json", `1`, 422, "invalid_stream"},
		{"space", "a%20b", "application/json", `1`, 422, "invalid_stream"},
		{"slash", "a%2Fb", "application/json", `1`, 422, "invalid_stream"},
		{"long stream", strings.Repeat("a", 256), "application/json", `1`, 422, "invalid_stream"},
		{"bad media type", "lab", "a/b/c", `1`, 415, "unsupported_media_type"},
		{"bad time", "lab?time=yesterday", "application/json", `1`, 422, "invalid_record"},
		{"far time", "lab?time=0001-01-01T00:00:00Z", "application/json", `1`, 422, "invalid_record"},
		{"long key", "lab?key=" + strings.Repeat("k", 257), "application/json", `1`, 422, "invalid_record"},
		{"key that is no text", "lab?key=%ff", "application/json", `1`, 422, "invalid_record"},
		{"long native id", "lab?native_id=" + strings.Repeat("k", 257), "application/json", `1`, 422, "invalid_record"},
		{"too large alone", "lab", "application/json", `"` + strings.Repeat("x", 1<<20) + `"`, 413, "too_large"},
		{"too large text alone", "lab", "text/plain", strings.Repeat("x", 1<<20+1), 413, "too_large"},
		{"body too large", "lab", "text/plain", strings.Repeat("x", MaxBody+1), 413, "too_large"},
		{"line that is not json", "lab", typeNDJSON, "1\n{\n3", 422, "invalid_record"},
		{"no lines", "lab", typeNDJSON, "\n \n", 422, "invalid_record"},
		{"lines with one native id", "lab?native_id=1", typeNDJSON, "1\n2", 422, "invalid_parameter"},
		{"too many lines", "lab", typeNDJSON, strings.Repeat("1\n", mostRecords+1), 413, "too_large"},
		{"lines too large", "lab", typeNDJSON, `"` + strings.Repeat("x", 1<<20) + `"`, 413, "too_large"},
		{"envelope with key beside", "lab?key=k", typeEnvelope, `{"records":[{"data":1}]}`, 422, "invalid_parameter"},
		{"envelope that is none", "lab", typeEnvelope, `[]`, 422, "invalid_record"},
		{"envelope of nothing", "lab", typeEnvelope, `{"records":[]}`, 422, "invalid_record"},
		{"envelope without", "lab", typeEnvelope, `{}`, 422, "invalid_record"},
		{"envelope null", "lab", typeEnvelope, `null`, 422, "invalid_record"},
		{"envelope with more", "lab", typeEnvelope, `{"records":[{"data":1}],"x":1}`, 422, "invalid_record"},
		{"envelope in capitals", "lab", typeEnvelope, `{"Records":[{"data":1}]}`, 422, "invalid_record"},
		{"broken envelope", "lab", typeEnvelope, `{"records":`, 400, "bad_json"},
		{"envelope not utf-8", "lab", typeEnvelope, "{\"records\":[{\"text\":\"\xff\"}]}", 400, "bad_json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			path, query, _ := strings.Cut(c.target, "?")
			target := "/api/v1/streams/" + path + "/records"
			if query != "" {
				target += "?" + query
			}
			var headers []string
			if c.kind != "" {
				headers = append(headers, "Content-Type: "+c.kind)
			}
			w.is(w.do("POST", target, c.body, headers...), c.status, c.code)
			if len(w.intake.drafts()) > 0 {
				t.Error("something was stored")
			}
		})
	}
}

// Each record of an envelope has an answer in its place.
func TestPublishEnvelope(t *testing.T) {
	w := newWorld(t)
	large, err := json.Marshal(strings.Repeat("x", 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	a := w.do("POST", "/api/v1/streams/lab.a/records", `{"records":[
		{"data":{"c":1.0},"key":"k","time":"2026-11-22T11:00:00+01:00"},
		{"data":`+string(large)+`},
		{"data":2,"native_id":"again"},
		{"text":"hi"}, {"base64":"AP8="}, {"base64":"eyJhIjogMX0=","content_type":"application/json"},
		{"text":"a,b","content_type":"text/csv"}, {"data":null}, {"stream":"lab.a","data":3},
		{"data":1,"text":"x"}, {}, {"base64":"?"}, {"data":1,"content_type":"text/plain"}, {"stream":"lab.b","data":1},
		{"data":1,"Key":"x"}, {"data":1,"key":5}, 7, {"text":"x","content_type":"nothing"}, {"text":"{","content_type":"application/json"},
		{"data":1,"time":"noon"}, {"data":1,"key":"`+strings.Repeat("k", 300)+`"}, null
	]}`, envelopeType)
	w.is(a, 201, "")
	var got []string
	for _, r := range decode[publishedList](t, a.body).Records {
		switch {
		case r.Error != nil:
			got = append(got, r.Error.Code)
			if r.Error.Message == "" {
				t.Errorf("an error without words: %+v", r.Error)
			}
		case r.Duplicate:
			got = append(got, "duplicate")
		default:
			got = append(got, r.ID)
		}
	}
	bad := "invalid_record"
	want := []string{"self-1-1-0", "too_large", "duplicate", "self-1-1-2", "self-1-1-3", "self-1-1-4", "self-1-1-5", "self-1-1-6", "self-1-1-7", bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	var stored []string
	for _, d := range w.intake.drafts() {
		stored = append(stored, fmt.Sprintf("%s|%s|%s", d.Key, d.ContentType, d.Payload))
	}
	if s := strings.Join(stored, "\n"); s != "k||{\"c\":1.0}\n||2\n|text/plain|hi\n|application/octet-stream|\x00\xff\n||{\"a\":1}\n|text/csv|a,b\n||null\n||3" {
		t.Errorf("%q", s)
	}
}

func TestPublishMany(t *testing.T) {
	w := newWorld(t)
	for _, kind := range []string{typeEnvelope, "application/json"} {
		a := w.do("POST", "/api/v1/records", `{"records":[{"stream":"a","data":1},{"stream":"b.c","text":"x"},{"data":1},{"stream":"$x","data":1},{"stream":"a..b","data":1}]}`, "Content-Type: "+kind)
		w.is(a, 201, "")
		l := decode[publishedList](t, a.body).Records
		if len(l) != 5 || l[2].Error.Code != "invalid_record" || l[3].Error.Code != "forbidden" || l[4].Error.Code != "invalid_stream" {
			t.Errorf("%s", a.body)
		}
	}
	for _, kind := range []string{"", "text/plain", typeNDJSON, "application/x-www-form-urlencoded"} {
		w.is(w.do("POST", "/api/v1/records", `{"records":[]}`, "Content-Type: "+kind), 415, "unsupported_media_type")
	}
	a := w.do("POST", "/api/v1/records", `{"records":[{"data":1},{"stream":"$x","data":1}]}`, envelopeType)
	if w.is(a, 422, "invalid_record"); !strings.Contains(string(a.body), `"/records/1"`) {
		t.Errorf("not all faults: %s", a.body)
	}
	w.is(w.do("POST", "/api/v1/records", `{"records":[{"stream":"$x","data":1}]}`, envelopeType), 403, "forbidden")
}

func TestPublishLines(t *testing.T) {
	w := newWorld(t)
	large := `"` + strings.Repeat("x", 1<<20) + `"`
	a := w.do("POST", "/api/v1/streams/lab/records?key=k", "{\"a\": 1}\r\n\n"+large+"\n 2 ", "Content-Type: "+typeNDJSON)
	w.is(a, 201, "")
	l := decode[publishedList](t, a.body).Records
	if len(l) != 3 || l[1].Error == nil || l[1].Error.Code != "too_large" || l[2].ID != "self-1-1-1" {
		t.Errorf("%.300s", a.body)
	}
	if d := w.intake.drafts(); len(d) != 2 || d[1].Key != "k" || string(d[0].Payload) != `{"a":1}` {
		t.Errorf("%+v", d)
	}
}

// A journal that can't take records is the node's trouble, with its own status.
func TestPublishFails(t *testing.T) {
	w := newWorld(t)
	post := func() answered {
		return w.do("POST", "/api/v1/streams/lab/records", `1`, jsonType)
	}
	w.intake.submitErr = fmt.Errorf("%w: the node is stopping", command.ErrUnavailable)
	w.is(post(), 503, "unavailable")
	w.intake.submitErr = nil
	w.intake.outcome = func(command.Submission) command.Outcome { return command.Outcome{Err: command.ErrStorageFull} }
	w.is(post(), 507, "storage_full")
	w.intake.outcome = func(command.Submission) command.Outcome {
		return command.Outcome{Err: fmt.Errorf("%w: stored, but not yet durable", command.ErrUnconfirmed)}
	}
	w.is(post(), 503, "unconfirmed")
	w.intake.outcome = func(command.Submission) command.Outcome { return command.Outcome{Err: errors.New("odd")} }
	w.is(post(), 500, "internal")
}

// A client that goes away waits for no journal.
func TestPublishGivesUp(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := &server{Config: w.config, bodies: &bodies{most: mostBodies}}
	s.Intake = deaf{cancel}
	b := &bundle{}
	if err := b.add(messages.Draft{Stream: "a", Payload: []byte("1"), Time: time.Time{}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.submit(ctx, b); !errors.Is(err, command.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

// deaf is a journal that takes and never answers.
type deaf struct{ taken func() }

func (d deaf) Submit(context.Context, command.Submission) error { d.taken(); return nil }
