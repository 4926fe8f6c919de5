package api

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"anode/messages/command"
	"anode/testkit/documents"
)

// The document and the router know the same routes, with the same query parameters.
func TestRoutesAreDocumented(t *testing.T) {
	w := newWorld(t)
	s := &server{Config: w.config, bodies: &bodies{most: mostBodies}}
	served := map[string]route{}
	for _, r := range s.routes() {
		path := regexp.MustCompile(`:(\w+)`).ReplaceAllString(r.path, "{$1}")
		if strings.HasSuffix(path, "/events") {
			path = strings.Replace(path, "{stream}", "{pattern}", 1)
		}
		served[strings.ToLower(r.method)+" "+path] = r
	}
	paths := documents.Look(w.judge.OpenAPI, "paths")
	known := map[string]bool{}
	for path := range paths {
		for method := range documents.Look(paths, path) {
			if method == "parameters" {
				continue
			}
			name := method + " " + path
			known[name] = true
			r, ok := served[name]
			if !ok {
				t.Errorf("%s is documented and not served", name)
				continue
			}
			if got, want := queryParams(w.judge.OpenAPI, documents.Look(paths, path, method)), slices.Sorted(slices.Values(r.params)); !slices.Equal(got, want) {
				t.Errorf("%s: parameters %v are documented, %v are known", name, got, want)
			}
		}
	}
	for name := range maps.Keys(served) {
		if _, file := w.config.Page[strings.TrimPrefix(name, "get ")]; !known[name] && !file { // files are the page's own affair
			t.Errorf("%s is served and not documented", name)
		}
	}
}

// queryParams are the names of an operation's query parameters, sorted.
func queryParams(doc, op map[string]any) []string {
	list, _ := op["parameters"].([]any)
	var names []string
	for _, p := range list {
		ref := p.(map[string]any)["$ref"].(string)
		target := documents.Look(doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		if target["in"] == "query" {
			names = append(names, target["name"].(string))
		}
	}
	slices.Sort(names)
	return names
}

func TestNothingThere(t *testing.T) {
	w := newWorld(t)
	w.is(w.do("GET", "/nowhere", ""), 404, "not_found")
	w.is(w.do("GET", "/api/v1/", ""), 404, "not_found")
	w.is(w.do("GET", "/api/v1/status/", ""), 404, "not_found")
	w.is(w.do("GET", "/api/v1/tokens", ""), 404, "not_found")
	w.is(w.do("GET", "/debug/pprof/", ""), 404, "not_found")
	w.is(w.do("GET", "/assets/nothing.js", ""), 404, "not_found")
	w.is(w.do("GET", "/index.html", ""), 404, "not_found")
	w.is(w.do("GET", "/api/v1/sources/x/nothing", ""), 404, "not_found")
	w.is(w.do("HEAD", "/nowhere", ""), 404, "")
	w.is(w.do("GET", "/"+strings.Repeat("x", 5000), ""), 404, "not_found")
}

// Another method than a path has is 405, and Allow says which it has.
func TestMethods(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ method, path, allow string }{
		{"DELETE", "/api/v1/status", "GET HEAD OPTIONS"},
		{"PATCH", "/api/v1/sources/x", "DELETE GET HEAD OPTIONS PUT"},
		{"GET", "/api/v1/records", "OPTIONS POST"},
		{"POST", "/api/v1/sources/x", "DELETE GET HEAD OPTIONS PUT"},
		{"POST", "/healthz", "GET HEAD OPTIONS"},
		{"HEAD", "/api/v1/subscribe", "GET OPTIONS"},
		{"HEAD", "/api/v1/streams/x/events", "GET OPTIONS"},
		{"PURGE", "/", "GET HEAD OPTIONS"},
	} {
		a := w.do(c.method, c.path, "")
		code := "method_not_allowed"
		if c.method == "HEAD" {
			code = ""
		}
		w.is(a, 405, code)
		if got := allowed(a); got != c.allow {
			t.Errorf("%s %s: Allow %q, want %q", c.method, c.path, got, c.allow)
		}
	}
}

func allowed(a answered) string {
	list := strings.Split(a.header.Get("Allow"), ", ")
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestOptions(t *testing.T) {
	w := newWorld(t)
	a := w.do("OPTIONS", "/api/v1/sources", "")
	if a.status != 204 || allowed(a) != "GET HEAD OPTIONS POST" {
		t.Errorf("%d, Allow %q", a.status, a.header.Get("Allow"))
	}
}

func TestHead(t *testing.T) {
	w := newWorld(t)
	w.node.answer = says(command.StatusView{}, nil)
	w.is(w.do("HEAD", "/healthz", ""), 200, "")
	w.is(w.do("HEAD", "/", ""), 200, "")
	w.is(w.do("HEAD", "/metrics", ""), 200, "")
	w.is(w.do("HEAD", "/api/v1/openapi.json", ""), 200, "")
	w.is(w.do("HEAD", "/api/v1/status", ""), 200, "")
}

// A query parameter that a route does not know, or one that is given twice, is refused: it would
// do something else than was meant.
func TestQueries(t *testing.T) {
	w := newWorld(t)
	for _, target := range []string{
		"GET /healthz?x=1", "GET /api/v1/status?x=1", "GET /api/v1/sources?name=x", "POST /api/v1/records?key=1",
		"GET /api/v1/streams?limit=1&limit=2", "GET /api/v1/streams/x/records?form=1", "PUT /api/v1/sources/x?force=1",
		"GET /api/v1/subscribe?streams=x", "GET /api/v1/subscribe?start=latest&start=earliest", "GET /api/v1/streams/x/events?stream=y",
		"POST /api/v1/streams/x/records?native=1", "GET /?x", "GET /api/v1/openapi.json?v=1",
	} {
		method, path, _ := strings.Cut(target, " ")
		w.is(w.do(method, path, ""), 422, "invalid_parameter")
	}
	a := w.do("GET", "/api/v1/sources?x"+strings.Repeat("%C3%A4", 60), "")
	if w.is(a, 422, "invalid_parameter"); !strings.Contains(string(a.body), "ä…") {
		t.Errorf("a long name is cut within a character: %s", a.body)
	}
	w.is(w.do("GET", "/api/v1/subscribe?where=%zz", ""), 400, "bad_request")
	w.is(w.do("GET", "/api/v1/streams?match=a;limit=1", ""), 400, "bad_request")
	w.is(w.do("GET", "/metrics?name[]=x", ""), 200, "")
}

func TestDocuments(t *testing.T) {
	w := newWorld(t)
	for path, body := range w.config.Documents {
		a := w.do("GET", "/api/v1"+path, "")
		if a.status != 200 || string(a.body) != string(body) {
			t.Errorf("%s: %d, %d bytes", path, a.status, len(a.body))
		}
	}
	if a := w.do("GET", "/", ""); a.status != 200 || !strings.Contains(string(a.body), "aNode") {
		t.Errorf("/: %d", a.status)
	}
}

// Every route judges Host and Origin, also those of sockets, documents and metrics, and those that are none.
func TestGuardIsEverywhere(t *testing.T) {
	w := newWorld(t)
	paths := []string{
		"GET /nowhere", "OPTIONS /api/v1/sources", "GET /healthz", "GET /readyz", "GET /metrics", "GET /", "GET /api/v1/subscribe",
		"GET /api/v1/streams/x/events", "GET /api/v1/openapi.json", "POST /api/v1/sources", "DELETE /api/v1/sources/x", "PATCH /api/v1/status",
	}
	for _, p := range paths {
		method, path, _ := strings.Cut(p, " ")
		w.is(w.do(method, path, "", "Host: evil.example"), 403, "forbidden")
		a := w.do(method, path, "", "Origin: https://evil.example")
		w.is(a, 403, "forbidden")
		if a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: a foreign page may read why", p)
		}
		w.is(w.do(method, path, "", "Origin: null"), 403, "forbidden")
	}
	if len(w.node.asked) > 0 {
		t.Errorf("the node was asked %v", w.node.asked)
	}
}

func TestPreflight(t *testing.T) {
	w := newWorld(t)
	a := w.do("OPTIONS", "/api/v1/sources/x", "", "Origin: https://page.example", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: content-type, if-match")
	h := a.header
	if a.status != 204 || h.Get("Access-Control-Allow-Origin") != "https://page.example" ||
		!strings.Contains(h.Get("Access-Control-Allow-Methods"), "PUT") || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "If-Match") {
		t.Errorf("%d %v", a.status, h)
	}
	a = w.do("GET", "/healthz", "", "Origin: http://localhost:5173")
	if a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "http://localhost:5173" || a.header.Get("Vary") != "Origin" {
		t.Errorf("a loopback page: %d %v", a.status, a.header)
	}
	w.is(w.do("GET", "/nowhere", "", "Origin: https://page.example"), 404, "not_found")
}

// A pattern arrives as it was meant, however much of it was escaped.
func TestPatterns(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{"lab.%3E": "lab.>", "lab.*": "lab.*", "lab.%2A.%3E": "lab.*.>", "%24status.%3E": "$status.>", "$status.x": "$status.x", "lab.": "lab."} {
		if a := w.do("GET", "/api/v1/streams/"+path+"/events", ""); string(a.body) != "events "+want {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}

func TestCoded(t *testing.T) {
	w := newWorld(t)
	w.is(w.do("POST", "/api/v1/records", "x", "Content-Encoding: gzip", "Content-Type: application/json"), 415, "unsupported_media_type")
	w.is(w.do("POST", "/api/v1/streams/x/records", `1`, "Content-Encoding: identity", "Content-Type: application/json"), 201, "")
}

// A panic is the request's own: a problem, a line in the log, and the next one is answered.
func TestPanic(t *testing.T) {
	w := newWorld(t)
	w.node.answer = func(context.Context, any) (any, error) { panic("oh") }
	w.is(w.do("GET", "/api/v1/status", ""), 500, "internal")
	if !strings.Contains(w.log.String(), "oh") {
		t.Errorf("the log says %q", w.log)
	}
	w.is(w.do("GET", "/healthz", ""), 200, "")
}

func TestConfig(t *testing.T) {
	_, err := New(Config{})
	for _, name := range []string{"Node", "Intake", "Guard", "Subscribe", "Events", "Logger"} {
		if err == nil || !strings.Contains(err.Error(), name+" is required") {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}
