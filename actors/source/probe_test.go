package source_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"anode/messages/spec"
	"anode/testkit/feeds"
)

func TestAProbeFindsWhetherTheFeedWorksHere(t *testing.T) {
	b := newBench(t, nil)
	socket := b.serve(feeds.NewSocket(feeds.Play(feeds.Silence()))).SocketURL("/")
	answer := func(status int, body string) string {
		return b.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		})).URL("/")
	}
	for name, c := range map[string]struct{ document, want string }{
		"records":             {"kind: rest\nurl: " + answer(200, `{"a":1}`), ""},
		"nothing new":         {"kind: rest\nurl: " + answer(200, `[]`) + "\ntransform: {split: '.[]'}\nrest: {every: 1h}", ""},
		"refused":             {"kind: rest\nurl: " + answer(403, `{"error":"no"}`), "403"},
		"no secret":           {"kind: rest\nurl: " + answer(200, `{}`) + "?k=${secret:none}", "none"},
		"a silent connection": {"kind: websocket\nurl: " + socket, ""},
		"no connection":       {"kind: websocket\nurl: ws://127.0.0.1:1/", "127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := spec.ParseWith([]byte("name: a\n"+c.document), true, b.Compile)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := b.Probe(t.Context(), s, 500*time.Millisecond); err != nil {
				got = err.Error()
			}
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	if n := len(b.intake.submissions()); n != 0 {
		t.Errorf("%d submissions to the journal", n)
	}
}
