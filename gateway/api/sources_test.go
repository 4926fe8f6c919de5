package api

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"anode/messages/command"
	"anode/messages/spec"
)

const jsonType, yamlType = "Content-Type: application/json", "Content-Type: application/yaml"

func TestRegister(t *testing.T) {
	w := newWorld(t)
	w.node.answer = says(command.SourcePut{Source: oneSource("a.b"), Created: true}, nil)
	a := w.do("POST", "/api/v1/sources", `{"name":"a.b"}`, jsonType)
	w.is(a, 201, "")
	if a.header.Get("Location") != "/api/v1/sources/a.b" || a.header.Get("ETag") != `"1-self"` {
		t.Errorf("%v", a.header)
	}
	w.is(w.do("POST", "/api/v1/sources", "name: a.b", "Content-Type: application/yaml; charset=utf-8"), 201, "")
	if q := w.node.last().(command.PutSource); !q.YAML || q.Replace || q.Name != "" || string(q.Document) != "name: a.b" {
		t.Errorf("%+v", q)
	}
}

func TestCheck(t *testing.T) {
	w := newWorld(t)
	w.node.answer = says(command.SourceChecked{Name: "a", Spec: []byte(`{"name":"a"}`), Exists: true}, nil)
	a := w.do("POST", "/api/v1/sources/check", "name: a", yamlType)
	w.is(a, 200, "")
	if q := w.node.last().(command.CheckSource); !q.YAML || string(q.Document) != "name: a" || string(a.body) != `{"valid":true,"name":"a","spec":{"name":"a"},"exists":true,"errors":[]}`+"\n" {
		t.Errorf("%+v %s", q, a.body)
	}
	w.is(w.do("POST", "/api/v1/sources/check", "name: a"), 415, "unsupported_media_type")
	a = w.do("POST", "/api/v1/sources/check", "{", jsonType)
	w.is(a, 200, "")
	if got := string(a.body); !strings.HasPrefix(got, `{"valid":false,"errors":[{"path":"","message":"the body is not JSON: `) {
		t.Errorf("%s", got)
	}
	w.node.answer = says(nil, spec.Faults{{Path: "/kind", Message: "is missing"}})
	a = w.do("POST", "/api/v1/sources/check", "{}", jsonType)
	w.is(a, 200, "")
	if got := string(a.body); got != `{"valid":false,"errors":[{"path":"/kind","message":"is missing"}]}`+"\n" {
		t.Errorf("%s", got)
	}
}

func TestRegisterRefused(t *testing.T) {
	w := newWorld(t)
	for _, kind := range []string{"", "Content-Type: text/plain", "Content-Type: application/x-www-form-urlencoded", "Content-Type: application/x-ndjson", "Content-Type: ;", "Content-Type: application"} {
		headers := []string{}
		if kind != "" {
			headers = append(headers, kind)
		}
		w.is(w.do("POST", "/api/v1/sources", `{"name":"x"}`, headers...), 415, "unsupported_media_type")
		w.is(w.do("PUT", "/api/v1/sources/x", `{"name":"x"}`, headers...), 415, "unsupported_media_type")
	}
	for _, body := range []string{"", "{", `{"a":1}{}`, "\xff", "name: x", `{"a":` + strings.Repeat("[", 20000) + "1"} {
		w.is(w.do("POST", "/api/v1/sources", body, jsonType), 400, "bad_json")
	}
	w.is(w.do("POST", "/api/v1/sources", `"`+strings.Repeat("x", spec.MaxDocument)+`"`, jsonType), 413, "too_large")
	if len(w.node.asked) > 0 {
		t.Errorf("the node was asked %v", w.node.asked)
	}
	w.node.answer = says(nil, spec.Faults{{Path: "/rest/every", Message: "must be a duration"}, {Path: "/kind", Message: "is missing"}})
	a := w.do("POST", "/api/v1/sources", `{}`, jsonType)
	w.is(a, 422, "invalid_spec")
	if got := string(a.body); !strings.Contains(got, "/rest/every") || !strings.Contains(got, "/kind") {
		t.Errorf("not all faults: %s", got)
	}
	w.node.answer = says(nil, fmt.Errorf("%w: source x", command.ErrExists))
	w.is(w.do("POST", "/api/v1/sources", `{}`, jsonType), 409, "exists")
}

func TestPut(t *testing.T) {
	w := newWorld(t)
	for header, want := range map[string]string{"": "", `If-Match: "3-kq"`: "3-kq", "If-Match: 3-kq": "3-kq", `If-Match: W/"3-kq"`: "3-kq", "If-Match: *": "*", `If-Match: "`: `"`, `If-Match: "3-kq", W/"4-b",5-c`: "3-kq,4-b,5-c", `If-Match: "1-a", *`: "*", `If-Match: ,`: ""} {
		w.node.answer = says(command.SourcePut{Source: oneSource("x")}, nil)
		headers := []string{yamlType}
		if header != "" {
			headers = append(headers, header)
		}
		a := w.do("PUT", "/api/v1/sources/x", "name: x", headers...)
		w.is(a, 200, "")
		if q := w.node.last().(command.PutSource); q.IfMatch != want || q.Name != "x" || !q.Replace {
			t.Errorf("%s: %+v", header, q)
		}
		if a.header.Get("Location") != "" {
			t.Error("nothing was created")
		}
		w.node.answer = says(struct{}{}, nil)
		w.is(w.do("DELETE", "/api/v1/sources/x", "", headers...), 204, "")
		if q := w.node.last().(command.RemoveSource); q.IfMatch != want {
			t.Errorf("%s: %+v", header, q)
		}
	}
	w.node.answer = says(nil, fmt.Errorf("%w: 4-kq stands", command.ErrConflict))
	w.is(w.do("PUT", "/api/v1/sources/x", "name: x", yamlType), 412, "conflict")
	w.is(w.do("DELETE", "/api/v1/sources/x", ""), 412, "conflict")
}

func TestSourceOperations(t *testing.T) {
	w := newWorld(t)
	w.node.answer = says(oneSource("x"), nil)
	for target, want := range map[string]any{
		"GET /api/v1/sources/x":          command.GetSource{Name: "x"},
		"HEAD /api/v1/sources/x":         command.GetSource{Name: "x"},
		"POST /api/v1/sources/x/pause":   command.PauseSource{Name: "x"},
		"POST /api/v1/sources/x/resume":  command.PauseSource{Name: "x", Resume: true},
		"POST /api/v1/sources/x/restart": command.RestartSource{Name: "x"},
		"GET /api/v1/sources/a%2Fb":      command.GetSource{Name: "a/b"},
	} {
		method, path, _ := strings.Cut(target, " ")
		a := w.do(method, path, "")
		w.is(a, 200, "")
		if w.node.last() != want || a.header.Get("ETag") != `"1-self"` {
			t.Errorf("%s: asked %+v, ETag %s", target, w.node.last(), a.header.Get("ETag"))
		}
	}
	w.node.answer = says(nil, fmt.Errorf("%w: source x", command.ErrNotFound))
	for _, target := range []string{"GET /api/v1/sources/x", "DELETE /api/v1/sources/x", "POST /api/v1/sources/x/pause", "POST /api/v1/sources/x/restart"} {
		method, path, _ := strings.Cut(target, " ")
		w.is(w.do(method, path, ""), 404, "not_found")
	}
}

// What the node answers becomes the status that the contract names.
func TestErrors(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		err    error
		status int
		code   string
		// change is the code where a change was asked for: it may have been made.
		change string
	}{
		{command.ErrUnavailable, 503, "unavailable", "unavailable"},
		{context.DeadlineExceeded, 503, "unavailable", "unconfirmed"},
		{command.ErrUnconfirmed, 503, "unavailable", "unconfirmed"},
		{command.ErrForbidden, 403, "forbidden", "forbidden"},
		{command.ErrInvalid, 422, "invalid", "invalid"},
		{fmt.Errorf("a secret of the disk"), 500, "internal", "internal"},
	} {
		w.node.answer = says(nil, fmt.Errorf("wrapped: %w", c.err))
		a := w.do("GET", "/api/v1/sources", "")
		w.is(a, c.status, c.code)
		w.is(w.do("DELETE", "/api/v1/sources/x", ""), c.status, c.change)
		if strings.Contains(string(a.body), "secret") {
			t.Error("what is the node's own stays in its log")
		}
		if (c.status == 503) != (a.header.Get("Retry-After") != "") {
			t.Errorf("%d: Retry-After %q", c.status, a.header.Get("Retry-After"))
		}
	}
	if !strings.Contains(w.log.String(), "a secret of the disk") {
		t.Errorf("the log says %q", w.log)
	}
	w.node.answer = says("something else", nil)
	w.is(w.do("GET", "/api/v1/sources", ""), 500, "internal")
}
