package source_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"anode/messages/command"
)

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
