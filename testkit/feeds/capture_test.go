package feeds_test

import (
	"strings"
	"testing"
	"time"

	"anode/testkit/feeds"
)

const sample = `wss://feed.example.com/ws <-> 1618677816.84
wss://feed.example.com/ws <- 1618677817.020616: {"type":"subscribe"}

1618677817.11: {"type":"a: b -> c"}
1618677817.1100001: plain text
https://api.example.com/v1/book?b=2&a=1 -> 1633998512.32: {"x":" header: {"}
https://api.example.com/v1/book?b=2&a=1 -> 1633998513: [1] header: {"Retry-After":"7"}
`

func TestCaptureHasEveryKindOfLine(t *testing.T) {
	c, err := feeds.ReadCapture(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	want := []feeds.Entry{
		{Event: feeds.Connected, URL: "wss://feed.example.com/ws", At: time.Unix(1618677816, 840_000_000), Line: 1},
		{Event: feeds.Sent, URL: "wss://feed.example.com/ws", At: time.Unix(1618677817, 20_616_000), Body: []byte(`{"type":"subscribe"}`), Line: 2},
		{Event: feeds.Frame, At: time.Unix(1618677817, 110_000_000), Body: []byte(`{"type":"a: b -> c"}`), Line: 4},
		{Event: feeds.Frame, At: time.Unix(1618677817, 110_000_100), Body: []byte(`plain text`), Line: 5},
		{Event: feeds.Answered, URL: "https://api.example.com/v1/book?b=2&a=1", At: time.Unix(1633998512, 320_000_000), Body: []byte(`{"x":" header: {"}`), Line: 6},
		{Event: feeds.Answered, URL: "https://api.example.com/v1/book?b=2&a=1", At: time.Unix(1633998513, 0), Body: []byte(`[1]`), Header: map[string]string{"Retry-After": "7"}, Line: 7},
	}
	if len(c.Entries) != len(want) {
		t.Fatalf("%d entries, want %d", len(c.Entries), len(want))
	}
	for i, w := range want {
		got := c.Entries[i]
		if got.Event != w.Event || got.URL != w.URL || !got.At.Equal(w.At) || string(got.Body) != string(w.Body) || got.Line != w.Line || got.Header["Retry-After"] != w.Header["Retry-After"] {
			t.Errorf("entry %d is %+v, want %+v", i, got, w)
		}
	}
	if c.URL() != "wss://feed.example.com/ws" || len(c.Of(feeds.Frame)) != 2 {
		t.Errorf("URL %q, %d frames", c.URL(), len(c.Of(feeds.Frame)))
	}
}

func TestBrokenLinesAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"hello":                                  "neither a time nor a URL",
		"wss://a/ => 1.0: x":                     "neither a time nor a URL",
		"1618677817.11":                          `no ": "`,
		"16x: {}":                                "no time in Unix seconds",
		"1.0123456789: {}":                       "no time in Unix seconds",
		"1.-5: {}":                               "no time in Unix seconds",
		"nohost <-> 1.0":                         "is no URL",
		"wss://a/ <-> then":                      "no time in Unix seconds",
		`https://a/ -> 1.0: [1] header: {"a":1}`: "header is no object of texts",
	} {
		_, err := feeds.ReadCapture(strings.NewReader("\n1.0: ok\n" + text + "\n"))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "line 3: ") {
			t.Errorf("%q: %v, want line 3 and %q", text, err, want)
		}
	}
	if _, err := feeds.OpenCapture("no-such-file"); err == nil {
		t.Error("a missing file was read")
	}
}

func FuzzReadCapture(f *testing.F) {
	f.Add(sample)
	f.Add("1.: \r\n\r")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := feeds.ReadCapture(strings.NewReader(text))
		if err != nil {
			return
		}
		line := 0
		for _, e := range c.Entries {
			if e.Line <= line || e.Event == 0 || e.At.Before(time.Unix(0, 0)) || (e.URL == "") != (e.Event == feeds.Frame) {
				t.Fatalf("entry %+v after line %d", e, line)
			}
			line = e.Line
		}
	})
}
