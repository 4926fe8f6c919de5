package source_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"
)

func TestBefore(t *testing.T) {
	b := newBench(t, secretsOf("K", "the key", "T", "a token"))
	calls := &asked{next: func(n int, w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"url":"ws://%s/feed?ticket=0123456789ab","list":["BTC-USDT-SWAP-241227"],"token":"very-secret-token-%d","n":1.10}`, r.Host, n)
	}}
	sockets := &asked{next: func(n int, w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/token") {
			calls.ServeHTTP(w, r)
			return
		}
		conn, err := (&gorilla.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		_, text, _ := conn.ReadMessage()
		_ = conn.WriteMessage(gorilla.TextMessage, text)
		if n < 4 {
			return // the next connection calls again
		}
		_, _, _ = conn.ReadMessage()
	}}
	at := b.serve(sockets)
	b.put(`name: p
kind: websocket
url: '${.before.url}&t=${.before.token}'
stream: p
transform: {map: '{n, u: $meta.url}'}
websocket:
  before: {method: POST, url: '%s', headers: {X: '${secret:k}'}, query: {a: [1, b]}, body: {k: '${secret:k}', n: 1.10}, auth: {bearer: '${secret:t}'}}
  open: [{token: '${.before.token}', n: '${.before.n}'}]
backoff: {min: 10ms, max: 20ms}`, at.URL("/token"))
	got := b.awaitRecords("p", 2)
	host := strings.TrimPrefix(at.URL(""), "http://")
	if want := fmt.Sprintf(`{"n":1.10,"u":"ws://%s/feed?ticket=***&t=***"}`, host); got[0] != want {
		t.Errorf("%s, want %s", got[0], want)
	}
	all := sockets.requests()
	if r := all[0]; r.Method != "POST" || r.URL.String() != "/token?a=1&a=b" || r.Header.Get("X") != "the key" || r.Header.Get("Authorization") != "Bearer a token" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	}
	if all[1].URL.String() != "/feed?ticket=0123456789ab&t=very-secret-token-1" || all[3].URL.String() != "/feed?ticket=0123456789ab&t=very-secret-token-2" {
		t.Errorf("%s %s", all[1].URL, all[3].URL)
	}
	if all := b.log.String() + b.intake.everything(); strings.Contains(all, "very-secret") {
		t.Error("the token is shown")
	}
}

func TestRESTHasTheCallBeforeToo(t *testing.T) {
	b := newBench(t, nil)
	api := &asked{next: func(n int, w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/login":
			fmt.Fprintf(w, `session-%d`, n)
		case n == 4:
			http.Error(w, "your session is over", http.StatusUnauthorized)
		default:
			fmt.Fprint(w, `{"a":1}`)
		}
	}}
	b.put("name: p\nkind: rest\nbackoff: {min: 10ms, max: 20ms}\nurl: %s\nheaders: {X: '${.before}'}\nrest: {every: 10ms, before: {url: '%s'}}", b.serve(api).URL("/"), b.serve(api).URL("/login"))
	b.await("a second session", func() bool {
		all := api.requests()
		return len(all) > 0 && all[len(all)-1].Header.Get("X") == "session-5"
	})
}

func TestCallsBeforeThatFail(t *testing.T) {
	for name, c := range map[string]struct {
		next   func(int, http.ResponseWriter, *http.Request)
		fields string
		want   string
	}{
		"refusal":  {answers(403, "not you"), "", "before: the server answered 403 Forbidden: not you"},
		"too long": {answers(200, strings.Repeat("x", 1<<20+1)), "", "before: the server sent more than 1048576 bytes"},
		"silence":  {func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, ", timeout: 50ms", "before: the server did not answer within 50ms"},
		"private redirect": {func(_ int, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://10.0.0.1/", http.StatusFound)
		}, "", "before: connect to 10.0.0.1: 10.0.0.1 is private"},
		"wrong host":   {answers(200, `{"host":"10.0.0.1"}`), "", "connect to 10.0.0.1: 10.0.0.1 is private"},
		"wrong scheme": {answers(200, `{"u":"http://127.0.0.1:1/"}`), "", "url: must begin with wss:// or ws://"},
		"nothing":      {answers(200, ``), "", "url: what the template makes is no URL"},
		"cut": {func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "x")
		}, "", "before: unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			calls := &asked{next: c.next}
			b.put("name: p\nkind: websocket\nbackoff: {min: 10ms, max: 20ms}\nliveness: {transport: 10s}\n"+
				"url: '${if .before.host then \"ws://\\(.before.host)/\" else .before.u end}'\nwebsocket: {before: {url: '%s'%s}}", b.serve(calls).URL("/"), c.fields)
			b.awaitError("p", c.want)
		})
	}
}
