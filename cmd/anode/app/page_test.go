package app

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The page that a node served may go on with another one of its mesh, while the first is there and when it is gone.
func TestThePageOfOneNodeGoesOnWithAnother(t *testing.T) {
	const home = "http://one.example:8080"
	quiet := Options{Stdout: io.Discard, Stderr: io.Discard}
	one := newRunning(testSettings(t, nil, "--advertise-http", home), quiet)
	oneEnded, stopOne := begin(t, one)
	two := newRunning(testSettings(t, nil, "--join", one.mesh.Addr()), quiet)
	twoEnded, stopTwo := begin(t, two)
	defer func() {
		stopTwo()
		if err := <-twoEnded; err != nil {
			t.Error(err)
		}
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(path, origin string) (status int, h http.Header) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, two.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", origin)
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		return answer.StatusCode, answer.Header
	}
	eventually(t, "the other node's page is let in", func() bool {
		status, h := ask("/api/v1/cluster", home)
		return status == http.StatusOK && h.Get("Access-Control-Allow-Origin") == home && h.Get("Access-Control-Allow-Credentials") == ""
	})
	if _, h := ask("/", home); !strings.Contains(h.Get("Content-Security-Policy"), " "+home+" ws://one.example:8080") {
		t.Errorf("the page of this node may not connect to the other one: %s", h.Get("Content-Security-Policy"))
	}
	stopOne()
	if err := <-oneEnded; err != nil {
		t.Error(err)
	}
	eventually(t, "the other node is known to be gone", func() bool { return len(two.node.Pages()) == 1 && !there(t, client, two.url, "one.example") })
	if status, _ := ask("/api/v1/cluster", home); status != http.StatusOK {
		t.Errorf("the page of a node that is gone: %d", status)
	}
	for _, origin := range []string{"http://one.example", "http://one.example:8081", "https://one.example:8080", "http://evil.example", "null"} {
		if status, _ := ask("/api/v1/cluster", origin); status != http.StatusForbidden {
			t.Errorf("%s: %d", origin, status)
		}
	}
}

// there tells whether the nodes that live have one at a host.
func there(t *testing.T, client *http.Client, url, host string) bool {
	t.Helper()
	answer, err := client.Get(url + "/api/v1/cluster")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), `"state":"alive"`) > 1 && strings.Contains(string(text), host)
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
		<-time.After(20 * time.Millisecond)
	}
}
