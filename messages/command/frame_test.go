package command_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"anode/messages/command"
)

func TestAFrameComesBackAsItWas(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 301_000_001, time.UTC)
	for name, f := range map[string]command.Frame{
		"text":     {Received: at, Dir: command.FrameIn, Meta: command.FrameMeta{Connection: 2, URL: "wss://a/?k=***"}, Data: []byte("{\"a\":\"\\u0000é\"}\n")},
		"no text":  {Received: at, Dir: command.FrameOut, Data: []byte("\xff\x00")},
		"binary":   {Received: at, Dir: command.FrameIn, Meta: command.FrameMeta{Binary: true}, Data: []byte("a")},
		"nothing":  {Received: at, Dir: command.FrameIn, Meta: command.FrameMeta{Status: 204, Headers: map[string]string{"etag": "x"}}, Data: []byte{}},
		"an event": {Received: at, Dir: command.FrameIn, Meta: command.FrameMeta{Event: "e", ID: "1", Item: "BTC"}, Data: []byte("1")},
		"skipped":  {Skipped: 3},
	} {
		text, err := json.Marshal(f)
		var back command.Frame
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if err != nil || !reflect.DeepEqual(f, back) || bytes.ContainsRune(text, '\n') {
			t.Errorf("%s: %s became %+v, %v", name, text, back, err)
		}
	}
	if text, _ := json.Marshal(command.Frame{Received: at, Dir: command.FrameOut}); !strings.HasSuffix(string(text), `"meta":{},"text":""}`) {
		t.Errorf("%s", text)
	}
}

func TestWhatIsNoFrameIsRefused(t *testing.T) {
	for _, text := range []string{
		`1`, `{}`, `{"received":"2026-11-22T10:00:00Z"}`, `{"text":"x"}`, `{"received":"soon","text":"x"}`, `{"received":"2026-11-22T10:00:00Z","dir":"up","text":"x"}`,
		`{"received":"2026-11-22T10:00:00Z","text":"x","base64":""}`, `{"received":"2026-11-22T10:00:00Z","base64":"?"}`, `{"skipped":-1}`,
	} {
		var f command.Frame
		if err := json.Unmarshal([]byte(text), &f); err == nil {
			t.Errorf("%s became %+v", text, f)
		}
	}
}
