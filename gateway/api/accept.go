package api

import (
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"anode/gateway/problem"
)

// wants tells whether the client asks for a media type by name.
func wants(r *http.Request, kind string) bool { return weight(r, kind) > 0 }

// weight is how much a client wants one of some media types, from 0 to 1; a type that it does not name, it does not want.
func weight(r *http.Request, kinds ...string) float64 {
	most := 0.0
	for _, line := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(line, ",") {
			kind, params, err := mime.ParseMediaType(part)
			if err != nil || !slices.Contains(kinds, kind) {
				continue
			}
			q, err := strconv.ParseFloat(params["q"], 64)
			if err != nil { // most clients leave it out
				q = 1
			}
			most = max(most, q)
		}
	}
	return most
}

// machines are the first parts of the paths that programs ask, whatever they say that they take.
var machines = []string{"api", "debug", "healthz", "metrics", "readyz"}

// forPeople tells whether a path is one that people open in a browser.
func forPeople(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return !slices.Contains(machines, first)
}

// prefersPage tells whether a client would rather have a page than a document: browsers name HTML, programs don't.
func prefersPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		weight(r, "text/html") > weight(r, "application/json", problem.ContentType)
}
