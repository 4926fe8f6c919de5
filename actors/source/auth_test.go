package source_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"anode/actors/source"
	"anode/messages"
	"anode/messages/command"
	"anode/testkit/feeds"
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

// tokens gives tokens t1, t2, …
func tokens(life int) *asked {
	return &asked{next: func(n int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"bearer","expires_in":%d}`, n, life)
	}}
}

const oauthSpec = "auth: {oauth2: {token_url: '%s', client_id: me, client_secret: '${secret:s}', scopes: [a, b], params: {audience: 'x y'}}}"

func TestATokenIsFetchedOnceAndKept(t *testing.T) {
	b := newBench(t, secretsOf("S", "hush hush"))
	server := tokens(3600)
	api := &asked{next: answers(200, `{"a":1}`)}
	b.put("name: p\nkind: rest\nrest: {every: 10ms}\nurl: %s\n"+oauthSpec, b.serve(api).URL("/"), b.serve(server).URL("/token"))
	b.awaitRecords("p", 5)
	for _, r := range api.requests() {
		if got := r.Header.Get("Authorization"); got != "Bearer token-1" {
			t.Errorf("%q", got)
		}
	}
	all := server.requests()
	if len(all) != 1 {
		t.Fatalf("%d tokens were asked for", len(all))
	}
	user, password, _ := all[0].BasicAuth()
	form := all[0].PostForm
	if user != "me" || password != "hush+hush" || form.Get("grant_type") != "client_credentials" || form.Get("scope") != "a b" || form.Get("audience") != "x y" || all[0].Method != "POST" {
		t.Errorf("%s %s %v", user, password, form)
	}
}

func TestATokenIsReplacedBeforeItsEnd(t *testing.T) {
	b := newBench(t, secretsOf("S", "hush"))
	server := tokens(1) // used for 0.9 s
	api := &asked{next: answers(200, `{"a":1}`)}
	b.put("name: p\nkind: rest\nrest: {every: 20ms}\nurl: %s\n"+oauthSpec, b.serve(api).URL("/"), b.serve(server).URL("/token"))
	b.await("a second token", func() bool {
		all := api.requests()
		return len(all) > 0 && all[len(all)-1].Header.Get("Authorization") == "Bearer token-2"
	})
	if status, _ := b.Status("p"); status.Errors != 0 || status.Restarts != 0 {
		t.Errorf("%+v", status)
	}
}

func TestATokenThatIsRefusedIsFetchedOnceMore(t *testing.T) {
	for _, kind := range []string{"rest", "websocket", "sse"} {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t, secretsOf("S", "hush"))
			server := tokens(0)
			api := &asked{next: func(_ int, w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Header.Get("Authorization") != "Bearer token-2":
					http.Error(w, "expired", http.StatusUnauthorized)
				case kind == "websocket":
					upgrade(w, r, `{"a":1}`)
				case kind == "sse":
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
			b.put("name: p\nkind: %s\nurl: %s\n"+oauthSpec, kind, at, b.serve(server).URL("/token"))
			b.awaitRecords("p", 1)
			if n := len(server.requests()); n != 2 {
				t.Errorf("%d tokens were asked for", n)
			}
			if status, _ := b.Status("p"); kind != "sse" && (status.Errors != 0 || status.Restarts != 0) {
				t.Errorf("%+v", status)
			}
		})
	}
}

func TestAFeedThatRefusesAllTokensIsShown(t *testing.T) {
	b := newBench(t, secretsOf("S", "hush"))
	server := tokens(0)
	api := &asked{next: func(_ int, w http.ResponseWriter, r *http.Request) {
		http.Error(w, "bad "+r.Header.Get("Authorization"), http.StatusUnauthorized)
	}}
	b.put("name: p\nkind: rest\nbackoff: {min: 1h, max: 1h}\nurl: %s\n"+oauthSpec, b.serve(api).URL("/"), b.serve(server).URL("/token"))
	status := b.awaitState("p", command.SourceBackoff)
	if status.LastError != "the feed answered 401 Unauthorized: bad Bearer ***" {
		t.Error(status.LastError)
	}
	if a, b := len(api.requests()), len(server.requests()); a != 2 || b != 2 {
		t.Errorf("%d requests, %d tokens", a, b)
	}
}

func TestTokenServersThatMisbehave(t *testing.T) {
	for name, c := range map[string]struct {
		next func(int, http.ResponseWriter, *http.Request)
		want string
	}{
		"refusal": {func(_ int, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(400)
			_, p, _ := r.BasicAuth()
			fmt.Fprintf(w, `{"error":"invalid_client","error_description":"hush-hush%s is not it"}`, p)
		}, "auth: oauth2: the token server answered 400 Bad Request: invalid_client: ***"},
		"words":      {answers(503, "down for maintenance"), "the token server answered 503 Service Unavailable: down for maintenance"},
		"no token":   {answers(200, `{"token":"x"}`), "missing access_token"},
		"no JSON":    {answers(200, `<html>`), "the token server's answer has no token"},
		"error, 200": {answers(200, `{"error":"slow_down"}`), "slow_down"},
		"silence":    {func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, ""},
		"redirect": {func(_ int, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://10.0.0.1/", http.StatusTemporaryRedirect)
		}, "redirected with its body to another host"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, secretsOf("S", "hush-hush"))
			server, api := &asked{next: c.next}, &asked{next: answers(200, "1")}
			b.put("name: p\nkind: rest\nbackoff: {min: 10ms, max: 20ms}\nurl: %s\n"+oauthSpec, b.serve(api).URL("/"), b.serve(server).URL("/token"))
			if c.want == "" { // the source can be removed while it waits
				b.await("it is asked", func() bool { return len(server.requests()) > 0 })
				return
			}
			status := b.awaitError("p", c.want)
			if strings.Contains(status.LastError, "hush") || len(api.requests()) != 0 {
				t.Errorf("%s, the feed was asked %d times", status.LastError, len(api.requests()))
			}
		})
	}
}

func TestATokenThatIsAskedForTooOftenIsWaitedFor(t *testing.T) {
	b := newBench(t, secretsOf("S", "hush-hush"))
	server := &asked{next: func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "600")
		http.Error(w, "slow down", http.StatusTooManyRequests)
	}}
	b.put("name: p\nkind: rest\nbackoff: {min: 10ms, max: 20ms}\nurl: http://127.0.0.1:1/\n"+oauthSpec, b.serve(server).URL("/token"))
	status := b.awaitState("p", command.SourceBackoff)
	if status.NextAt == nil || time.Until(*status.NextAt) < 9*time.Minute {
		t.Errorf("%+v", status)
	}
}

func TestJSONWithoutItsTypeIsAToken(t *testing.T) {
	b := newBench(t, secretsOf("S", "hush-hush"))
	server := &asked{next: func(_ int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		if r.PostForm.Get("client_secret") != "hush-hush" { // one that takes no header
			w.WriteHeader(400)
			return
		}
		fmt.Fprint(w, `{"access_token":"abcdef"}`)
	}}
	api := &asked{next: answers(200, "1")}
	b.put("name: p\nkind: rest\nurl: %s\n"+oauthSpec, b.serve(api).URL("/"), b.serve(server).URL("/token"))
	b.awaitRecords("p", 1)
	if got := api.requests()[0].Header.Get("Authorization"); got != "Bearer abcdef" {
		t.Error(got)
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

func TestOwnAuthoritiesAndIdentities(t *testing.T) {
	// A server that wants to see a certificate: its own does, as it is also for clients.
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/s" {
			upgrade(w, r, fmt.Sprintf(`{"certs":%d}`, len(r.TLS.PeerCertificates)))
			return
		}
		fmt.Fprintf(w, `{"certs":%d}`, len(r.TLS.PeerCertificates))
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	key := keyOf(t, server)
	b := newBench(t, secretsOf("KEY", key, "BAD", "nonsense"))
	at := server.Listener.Addr().String()
	fields := fmt.Sprintf("backoff: {min: 10ms, max: 20ms}\ntls: {ca: %q, cert: %q, key: '${secret:%%s}'}", ca, ca)
	b.put("name: r\nkind: rest\nurl: https://%s/\n"+fmt.Sprintf(fields, "key"), at)
	b.put("name: w\nkind: websocket\nurl: wss://%s/s\n"+fmt.Sprintf(fields, "key"), at)
	b.put("name: n\nkind: rest\nurl: https://%s/\nbackoff: {min: 10ms, max: 20ms}", at)
	b.put("name: x\nkind: rest\nurl: https://%s/\n"+fmt.Sprintf(fields, "bad"), at)
	for _, name := range []string{"r", "w"} {
		if got := b.awaitRecords(streamOf(name), 1)[0]; got != `{"certs":1}` {
			t.Errorf("%s: %s", name, got)
		}
	}
	b.awaitError("n", "certificate")
	b.awaitError("x", "tls.key: has no private key in PEM")
}

func TestAProxyIsUsedAndGuarded(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	proxy := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Method+" "+r.RequestURI+" "+r.Header.Get("Proxy-Authorization"))
		mu.Unlock()
		if r.Method == http.MethodConnect {
			http.Error(w, "no tunnels", http.StatusForbidden)
			return
		}
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
			return
		}
		fmt.Fprint(w, `{"by":"proxy"}`)
	})
	b := newBench(t, secretsOf("P", "pass word"))
	at := strings.TrimPrefix(b.serve(proxy).URL(""), "http://")
	rest := "\nkind: rest\nbackoff: {min: 1h, max: 1h}\nproxy: http://me:${secret:p}@" + at + "\nurl: "
	b.put("name: a%shttp://feed.example/x", rest)
	b.put("name: b%shttp://10.0.0.1/x", rest)
	b.put("name: c%shttp://2130706433:99/x", rest)
	b.put("name: d%shttp://feed.example/away", rest)
	b.put("name: e\nkind: websocket\nbackoff: {min: 1h, max: 1h}\nproxy: http://%s\nurl: ws://feed.example/x", at)
	b.put("name: f\nkind: rest\nbackoff: {min: 1h, max: 1h}\nproxy: http://10.1.1.1:3128\nurl: http://feed.example/x")
	if got := b.awaitRecords("a", 1)[0]; got != `{"by":"proxy"}` {
		t.Error(got)
	}
	b.awaitError("b", "10.0.0.1 is private")
	// 127.0.0.1 is allowed to the bench, so that this one reaches the proxy.
	b.awaitRecords("c", 1)
	b.awaitError("d", "a cloud's metadata")
	b.awaitError("e", "proxy: it answered CONNECT with 403 Forbidden")
	b.awaitError("f", "10.1.1.1 is private")
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(seen)
	want := []string{
		"CONNECT feed.example:80 ", "GET http://2130706433:99/x Basic bWU6cGFzcyB3b3Jk", "GET http://feed.example/away Basic bWU6cGFzcyB3b3Jk",
		"GET http://feed.example/x Basic bWU6cGFzcyB3b3Jk",
	}
	if !slices.Equal(seen, want) {
		t.Errorf("the proxy saw %q", seen)
	}
}

func TestBudgetsOfSourcesCountTogether(t *testing.T) {
	b := newBench(t, nil)
	api := feeds.NewREST(map[string][]http.Handler{"/x": {feeds.JSON("1")}})
	at := b.serve(api).URL("/x")
	b.put("name: slow\nkind: rest\nurl: %s\nbudget: {requests: 20/s}\nrest: {every: 10ms}", at)
	b.awaitRecords("slow", 1)
	for i := range 3 {
		b.put("name: p%d\nkind: rest\nurl: %s\nrest: {every: 10ms}", i, at)
	}
	if err := api.Await(t.Context(), 40); err != nil {
		t.Fatal(err)
	}
	times := api.Requests()
	slices.SortFunc(times, func(a, b feeds.Request) int { return a.At.Compare(b.At) })
	if took := times[39].At.Sub(times[0].At); took < 39*50*time.Millisecond-40*time.Millisecond {
		t.Errorf("40 requests took %s", took)
	}
	b.remove("slow")
	n := len(api.Requests())
	begun := time.Now()
	if err := api.Await(t.Context(), n+100); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("without a budget 100 requests took %s", took)
	}
}

// streamOf is the stream of a source that names none.
func streamOf(name string) messages.Stream { return messages.Stream(name) }

// keyOf is the private key of a test server, in PEM.
func keyOf(t *testing.T, s *httptest.Server) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
