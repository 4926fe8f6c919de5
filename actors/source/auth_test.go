package source_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	gorilla "github.com/gorilla/websocket"

	"anode/actors/source"
)

// secretsOf gives secrets by the names of their variables.
func secretsOf(pairs ...string) func(*source.Config) {
	return func(c *source.Config) {
		c.Secrets = source.Secrets{Getenv: func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if "ANODE_SECRET_"+pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}}
	}
}

// asked is a handler that notes what it is asked.
type asked struct {
	mu   sync.Mutex
	all  []*http.Request
	next func(n int, w http.ResponseWriter, r *http.Request)
}

func (a *asked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	a.all = append(a.all, r)
	n := len(a.all)
	a.mu.Unlock()
	a.next(n, w, r)
}

func (a *asked) requests() []*http.Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.all)
}

func answers(status int, body string) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// upgrade takes a handshake and sends a message.
func upgrade(w http.ResponseWriter, r *http.Request, message string) {
	conn, err := (&gorilla.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.WriteMessage(gorilla.TextMessage, []byte(message))
	_, _, _ = conn.ReadMessage()
}

func TestBearerAndBasic(t *testing.T) {
	for auth, want := range map[string]string{
		"{bearer: '${secret:t}'}":                      "Bearer hush-hush",
		"{basic: {user: me, password: '${secret:t}'}}": "Basic bWU6aHVzaC1odXNo",
	} {
		for _, kind := range []string{"rest", "websocket", "sse"} {
			b := newBench(t, secretsOf("T", "hush-hush"))
			api := &asked{next: func(_ int, w http.ResponseWriter, r *http.Request) {
				switch kind {
				case "websocket":
					upgrade(w, r, `{"a":1}`)
				case "sse":
					w.Header().Set("Content-Type", "text/event-stream")
					fmt.Fprint(w, "data: {\"a\":1}\n\n")
				default:
					fmt.Fprint(w, `{"a":1}`)
				}
			}}
			at := b.serve(api).URL("/")
			if kind == "websocket" {
				at = "ws" + strings.TrimPrefix(at, "http")
			}
			b.put("name: p\nkind: %s\nurl: %s\nauth: %s", kind, at, auth)
			b.awaitRecords("p", 1)
			if got := api.requests()[0].Header.Get("Authorization"); got != want {
				t.Errorf("%s %s: %q", kind, auth, got)
			}
		}
	}
}

func TestWhatAuthorisesIsNotShown(t *testing.T) {
	b := newBench(t, secretsOf("T", "hush-hush"))
	api := &asked{next: func(_ int, w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no: "+r.Header.Get("Authorization"), http.StatusForbidden)
	}}
	b.put("name: p\nkind: rest\nurl: %s\nauth: {basic: {user: me, password: '${secret:t}'}}", b.serve(api).URL("/"))
	b.put("name: q\nkind: rest\nurl: %s\nheaders: {Authorization: 'Token ${\"x${secret:t}\" | @base64}'}", b.serve(api).URL("/"))
	for _, name := range []string{"p", "q"} {
		status := b.awaitError(name, "403 Forbidden: no: ")
		if !strings.HasSuffix(status.LastError, " ***") {
			t.Errorf("%s", status.LastError)
		}
	}
	if all := b.log.String() + b.intake.everything(); strings.Contains(all, "bWU6") || strings.Contains(all, "hush") || strings.Contains(all, "eGh1c2gtaHVzaA") {
		t.Error("it is in a log or a record")
	}
}

func mac(key, text string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

func TestSignatures(t *testing.T) {
	b := newBench(t, secretsOf("S", "the key", "K", "an id"))
	api := &asked{next: answers(200, `{"a":1}`)}
	at := b.serve(api).URL("/v1/x")
	host := strings.TrimSuffix(strings.TrimPrefix(at, "http://"), "/v1/x")
	b.put(`name: query
kind: rest
url: %s?b=${secret:k}
headers: {X-Time: '${.request.time}'}
auth: {sign: {in: query, name: sig, value: '${hmac("sha256"; $secret; .request.query)}', secret: '${secret:s}'}}
rest: {query: {ts: '${.request.time}'}}`, at)
	b.put(`name: header
kind: rest
url: %s?b=1
headers: {X-Time: '${.request.time}', X-Key: '${secret:k}'}
auth: {bearer: '${secret:k}', sign: {in: header, name: X-Sign, value: '${.request | "\(.method)\(.url)\(.host)\(.path)\(.query)\(.headers["x-time"])\(.headers.authorization)\(.body)\(.time)" | hmac("sha256"; "${secret:s}"; .)}'}}
rest: {method: POST, body: {a: 1.10}}`, at)
	b.awaitRecords("query", 1)
	b.awaitRecords("header", 1)
	for _, r := range api.requests() {
		time := r.Header.Get("X-Time")
		if r.Method == "GET" {
			rest, sig, _ := strings.Cut(r.URL.RawQuery, "&sig=")
			if rest != "b=an%20id&ts="+time || sig != mac("the key", rest) {
				t.Errorf("%s", r.URL.RawQuery)
			}
			continue
		}
		text := "POST" + at + "?b=1" + host + "/v1/xb=1" + time + "Bearer an id" + `{"a":1.10}` + time
		if got := r.Header.Get("X-Sign"); got != mac("the key", text) {
			t.Errorf("%s is not of %s", got, text)
		}
	}
	if status, _ := b.Status("query"); status.Errors != 0 {
		t.Errorf("%+v", status)
	}
}

func TestASignatureIsNotShown(t *testing.T) {
	b := newBench(t, secretsOf("S", "the key"))
	api := &asked{next: answers(200, `{"a":1}`)}
	b.put(`name: p
kind: rest
url: %s?sig=old&a=1
transform: {map: '{u: $meta.url}'}
auth: {sign: {in: query, name: sig, value: '${hmac("sha256"; $secret; .request.query)}', secret: '${secret:s}'}}`, b.serve(api).URL("/"))
	if got := b.awaitRecords("p", 1)[0]; !strings.HasSuffix(got, `/?a=1&sig=***"}`) {
		t.Error(got)
	}
	if got := api.requests()[0].URL.RawQuery; got != "a=1&sig="+mac("the key", "a=1") {
		t.Error(got)
	}
}

func TestHandshakesAreSigned(t *testing.T) {
	b := newBench(t, secretsOf("S", "the key"))
	api := &asked{next: func(_ int, w http.ResponseWriter, r *http.Request) { upgrade(w, r, `{"a":1}`) }}
	at := "ws" + strings.TrimPrefix(b.serve(api).URL("/s"), "http")
	b.put(`name: p
kind: websocket
url: %s
auth: {sign: {in: header, name: X-Sign, value: '${.request | hmac("sha256"; $secret; "\(.method) \(.url) \(.body)")}', secret: '${secret:s}'}}`, at)
	b.awaitRecords("p", 1)
	if got := api.requests()[0].Header.Get("X-Sign"); got != mac("the key", "GET "+at+" ") {
		t.Error(got)
	}
}

func TestFaultsOfAuth(t *testing.T) {
	b := newBench(t, nil)
	for document, want := range map[string]string{
		`auth: {sign: {in: query, name: s, value: '${$secret}'}}`: "/auth/sign/value: uses $secret, which needs the field secret",
		`headers: {X: '${$secret}'}`:                              "/headers/X: $secret is known to auth.sign.value only",
		`auth: {bearer: '${foo}'}`:                                "/auth/bearer: the function foo is not known",
		`auth: {oauth2: {token_url: 'http://x/${foo}', client_id: a, client_secret: '${secret:b}'}}`: "/auth/oauth2/token_url: the function foo",
		`tls: {ca: nothing}`: "/tls/ca: has no certificate in PEM",
		`rest: {before: {url: 'http://x/', query: {a: '${foo}'}}}`: "/rest/before/query/a: the function foo",
		`rest: {before: {url: 'http://x/', body: ['${foo}']}}`:     "/rest/before/body/0: the function foo",
	} {
		faults := b.Check(parse(t, "name: p\nkind: rest\nurl: http://x/\n"+document))
		if len(faults) != 1 || !strings.HasPrefix(faults.Error(), want) {
			t.Errorf("%s gives %v", document, faults)
		}
	}
}
