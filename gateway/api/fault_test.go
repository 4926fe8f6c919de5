package api

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// chromium is what a browser says that it takes where somebody opens an address.
const chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"

// Whoever opens what is not there in a browser gets a page, programs get a problem, wherever they ask.
func TestAFaultIsAPageForBrowsersAlone(t *testing.T) {
	w := newWorld(t)
	const page, document = "text/html; charset=utf-8", "application/problem+json"
	for _, c := range []struct {
		method, path, accept string
		status               int
		kind                 string
	}{
		{"GET", "/nowhere", chromium, 404, page},
		{"GET", "/a/b/", chromium, 404, page},
		{"HEAD", "/nowhere", chromium, 404, page},
		{"GET", "/apis", "text/html;q=0.5, application/json;q=0.1", 404, page},
		{"GET", "/?utm_source=letter", chromium, 422, page},
		{"POST", "/nowhere", chromium, 404, document},
		{"POST", "/", chromium, 405, document},
		{"GET", "/nowhere", "*/*", 404, document},
		{"GET", "/nowhere", "", 404, document},
		{"GET", "/nowhere", "text/html;q=0", 404, document},
		{"GET", "/nowhere", "text/html, application/json", 404, document},
		{"GET", "/nowhere", "text/html;q=0.5, application/problem+json", 404, document},
		{"GET", "/assets/nothing.css", "text/css,*/*;q=0.1", 404, document},
		{"GET", "/api/v1/nothing", chromium, 404, document},
		{"GET", "/api", chromium, 404, document},
		{"GET", "/debug/pprof/", chromium, 404, document},
		{"GET", "/healthz/x", chromium, 404, document},
		{"GET", "/metrics/x", chromium, 404, document},
	} {
		rec := httptest.NewRecorder()
		w.api.ServeHTTP(rec, request(c.method, c.path, "", "Accept: "+c.accept))
		if kind := rec.Header().Get("Content-Type"); rec.Code != c.status || kind != c.kind {
			t.Errorf("%s %s, Accept %q: %d %q, want %d %q", c.method, c.path, c.accept, rec.Code, kind, c.status, c.kind)
		}
	}
}

func TestThePageOfAFaultSaysWhatTheProblemSays(t *testing.T) {
	w := newWorld(t)
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, request("GET", "/nowhere", "", "Accept: "+chromium))
	for _, want := range []string{"Not Found", "nothing is at /nowhere", `href="/"`} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, rec.Body)
		}
	}
}

// Caches must not give one client's form to another.
func TestBothFormsOfAFaultVaryByAccept(t *testing.T) {
	w := newWorld(t)
	for _, accept := range []string{chromium, "*/*"} {
		rec := httptest.NewRecorder()
		w.api.ServeHTTP(rec, request("GET", "/nowhere", "", "Accept: "+accept))
		if vary := strings.Join(rec.Header().Values("Vary"), ", "); !strings.Contains(vary, "Accept") {
			t.Errorf("Accept %q: Vary is %q", accept, vary)
		}
	}
}

func TestWithoutPagesFaultsAreDocuments(t *testing.T) {
	w := newWorld(t)
	w.config.Fault = nil
	api, err := New(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.api = api
	w.is(w.do("GET", "/nowhere", "", "Accept: "+chromium), 404, "not_found")
}
