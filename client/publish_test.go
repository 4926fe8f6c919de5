package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"anode/client"
)

func TestPublishKeepsTheDatumsText(t *testing.T) {
	var body []byte
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		if got := r.Header.Get("Content-Type"); got != "application/vnd.anode.records+json" {
			t.Errorf("Content-Type %q", got)
		}
		fmt.Fprint(w, `{"records":[{"id":"a-1-1-0"},{"duplicate":true},{"error":{"code":"too_large","message":"is big"}},{"id":"a-1-1-1"}]}`)
	})
	at := time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.FixedZone("", 3600))
	answers, err := newClient(t, server).PublishAll(within(t), []client.Draft{
		{Stream: "s", Key: `k"1`, NativeID: "7", Time: at, Payload: []byte(`{"a": 1.10, "b":"<&\u0041>"}`)},
		{Stream: "s", ContentType: "text/plain", Payload: []byte("a \"b\"\n")},
		{Stream: "s", Payload: []byte(`{"open":`)},
		{Stream: "s", ContentType: "application/json", Payload: []byte(`12345678901234567890`)},
		{Stream: "s", ContentType: "image/png", Payload: []byte{0x89, 'P', 0xff}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"records":[{"stream":"s","key":"k\"1","native_id":"7","time":"2026-11-22T09:00:00.123456789Z","data":{"a": 1.10, "b":"<&\u0041>"}},` +
		`{"stream":"s","content_type":"text/plain","text":"a \"b\"\n"},{"stream":"s","data":12345678901234567890},` +
		`{"stream":"s","content_type":"image/png","base64":"iVD/"}]}`
	if string(body) != want {
		t.Errorf("sent\n%s\nwant\n%s", body, want)
	}
	text, err := json.Marshal(answers)
	if err != nil {
		t.Fatal(err)
	}
	const places = `[{"id":"a-1-1-0"},{"duplicate":true},` +
		`{"error":{"status":422,"code":"invalid_record","detail":"the data is not JSON: mend it, or give a content type such as text/plain"}},` +
		`{"error":{"status":422,"code":"too_large","detail":"is big"}},{"id":"a-1-1-1"}]`
	if string(text) != places {
		t.Errorf("answers\n%s\nwant\n%s", text, places)
	}
}

func TestAllRefusedIsToldInEachPlace(t *testing.T) {
	server, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, 422, `{"code":"invalid_record","detail":"none","errors":[{"path":"/records/0","message":"one"},{"path":"/records/1","message":"two"}]}`)
	})
	c := newClient(t, server)
	answers, err := c.PublishAll(within(t), []client.Draft{{Stream: "a", Payload: []byte("1")}, {Stream: "b", Payload: []byte("2")}})
	if err != nil || answers[0].Error == nil || answers[0].Error.Detail != "one" || answers[1].Error == nil || answers[1].Error.Detail != "two" {
		t.Errorf("got %+v, %v", answers, err)
	}
	_, err = c.Publish(within(t), client.Draft{Stream: "a", Payload: []byte("1")})
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 422 {
		t.Errorf("one alone gives %v, want the problem", err)
	}
}
