package feeds_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"anode/testkit/feeds"
)

// get asks once, on a connection of its own.
func get(t *testing.T, url string, header http.Header) (int, http.Header, string, error) {
	t.Helper()
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(within(t), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	answer, err := client.Do(request)
	if err != nil {
		return 0, nil, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, string(body), err
}

func TestAnswersComeInOrderAndTheLastIsRepeated(t *testing.T) {
	c := capture(t, "https://a/x?b=2&a=1 -> 1.0: {\"n\":1}\nhttps://a/y -> 1.0: [] header: {\"X-Poll-Interval\":\"60\"}\nhttps://a/x?a=1&b=2 -> 2.0: {\"n\":2}\n")
	answers, err := feeds.Answers(c)
	if err != nil {
		t.Fatal(err)
	}
	rest := feeds.NewREST(answers)
	s := start(t, rest)
	for i, want := range []string{`{"n":1}`, `{"n":2}`, `{"n":2}`} {
		status, header, body, err := get(t, s.URL("/x?a=1&b=2"), nil)
		if err != nil || status != 200 || body != want || header.Get("Content-Type") != "application/json" {
			t.Fatalf("answer %d: %d %q %v", i, status, body, err)
		}
	}
	if _, header, body, _ := get(t, s.URL("/y"), nil); body != "[]" || header.Get("X-Poll-Interval") != "60" {
		t.Fatalf("%q %v", body, header)
	}
	if status, _, _, _ := get(t, s.URL("/z"), nil); status != http.StatusNotFound {
		t.Fatalf("unknown: %d", status)
	}
	if err := rest.Await(within(t), 5); err != nil {
		t.Fatal(err)
	}
	if r := rest.Requests(); len(r) != 5 || r[0].Target != "/x?a=1&b=2" || r[0].Method != http.MethodGet {
		t.Fatalf("requests %+v", r)
	}
}

func TestFaultsOfAnswers(t *testing.T) {
	const body = `{"some":"body"}`
	for name, c := range map[string]struct {
		answer http.Handler
		status int
		body   string
		failed bool
		header [2]string
	}{
		"429 has Retry-After":           {feeds.TooMany(3 * time.Second), 429, `{"error":"too many requests"}`, false, [2]string{"Retry-After", "3"}},
		"a page instead of data":        {feeds.HTML(), 200, "", false, [2]string{"Content-Type", "text/html"}},
		"a status":                      {feeds.Status(503, "later"), 503, "later", false, [2]string{}},
		"a redirect":                    {feeds.Redirect("http://127.0.0.1:1/"), 302, "", false, [2]string{"Location", "http://127.0.0.1:1/"}},
		"a slow body is whole":          {feeds.Dribble(body, time.Millisecond), 200, body, false, [2]string{}},
		"a big body":                    {feeds.Big(20), 200, `"` + strings.Repeat("x", 18) + `"`, false, [2]string{}},
		"a cut body ends early":         {feeds.CutBody(body, 5), 200, body[:5], true, [2]string{}},
		"a dropped request is an error": {feeds.Drop(), 0, "", true, [2]string{}},
		"a tag":                         {feeds.Tagged(`"v1"`, body), 200, body, false, [2]string{"ETag", `"v1"`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, feeds.NewREST(map[string][]http.Handler{"/": {c.answer}}))
			status, header, got, err := get(t, s.URL("/"), nil)
			if status != c.status || c.body != "" && got != c.body || (err != nil) != c.failed {
				t.Fatalf("%d %q %v", status, got, err)
			}
			if c.header[0] != "" && header.Get(c.header[0]) != c.header[1] {
				t.Fatalf("%s is %q", c.header[0], header.Get(c.header[0]))
			}
		})
	}
	s := start(t, feeds.NewREST(map[string][]http.Handler{"/": {feeds.Tagged(`"v1"`, body)}}))
	if status, _, got, err := get(t, s.URL("/"), http.Header{"If-None-Match": {`"v1"`}}); status != 304 || got != "" || err != nil {
		t.Fatalf("%d %q %v", status, got, err)
	}
}

func TestHangAnswersNothing(t *testing.T) {
	s := start(t, feeds.NewREST(map[string][]http.Handler{"/": {feeds.Hang()}}))
	client := &http.Client{Timeout: 30 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(s.URL("/"))
	var timeout interface{ Timeout() bool }
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("%v %v", answer, err)
	}
}

func TestRewriteLeadsHere(t *testing.T) {
	s := start(t, feeds.NewSocket())
	for from, want := range map[string]string{
		"wss://ws.example.com:8443/v5/public?x=1": s.SocketURL("/v5/public?x=1"),
		"https://api.example.com/a/b":             s.URL("/a/b"),
		"ws://h":                                  s.SocketURL(""),
	} {
		if got, err := s.Rewrite(from); err != nil || got != want {
			t.Errorf("%s: %q, %v", from, got, err)
		}
	}
	for _, bad := range []string{"ftp://a/", "nothing", "http://"} {
		if got, err := s.Rewrite(bad); err == nil {
			t.Errorf("%s became %s", bad, got)
		}
	}
}
