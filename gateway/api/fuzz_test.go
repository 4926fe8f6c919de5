package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"anode/messages/command"
)

// bad tells what must never come of input, whatever it is.
func (w *world) bad(a answered, what string) {
	w.t.Helper()
	if a.status >= 500 || a.status < 200 {
		w.t.Errorf("%s was answered with %d: %s", what, a.status, a.body)
	}
	if a.status >= 400 && a.code() == "" {
		w.t.Errorf("%s: %d without a code: %s", what, a.status, a.body)
	}
}

// seed adds what a fuzzer begins with.
func seed(f *testing.F, seeds ...string) {
	for _, s := range seeds {
		f.Add(s)
	}
}

func FuzzQuery(f *testing.F) {
	seed(f, "", "limit=1", "limit=-1&page=x", "match=a.&match=b", "from=1e400", "after=self-1-2-3", "order=desc&unique=true", "page=b2Y9JTJG", "%zz", "a;b", "limit=%00", "to=2026-11-22T10:00:00Z")
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, raw string) {
		w.t = t
		w.walks(fakeWalk{n: 3})
		history := w.node.answer
		w.node.answer = func(ctx context.Context, q any) (any, error) {
			switch q.(type) {
			case command.History:
				return history(ctx, q)
			case command.Streams:
				return []command.StreamView{{Name: "a"}, {Name: "b"}}, nil
			}
			return nil, errors.New("who asked?")
		}
		for _, path := range []string{"/api/v1/streams", "/api/v1/streams/lab.a/records"} {
			r := request(http.MethodGet, path, "")
			r.URL.RawQuery = raw
			w.bad(w.serve(r), path+"?"+raw)
		}
	})
}

func FuzzPage(f *testing.F) {
	for _, s := range []url.Values{{"of": {"/api/v1/streams"}, "after": {"a"}, "limit": {"1"}}, {"of": {"/api/v1/streams/lab.a/records"}, "walk": {"x"}, "from": {"1"}}} {
		f.Add(s.Encode())
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, inside string) {
		w.t = t
		values, err := url.ParseQuery(inside)
		if err != nil {
			return
		}
		for _, path := range []string{"/api/v1/streams", "/api/v1/streams/lab.a/records"} {
			if path == "/api/v1/streams" {
				w.node.answer = says([]command.StreamView{{Name: "a"}, {Name: "b"}}, nil)
			} else {
				w.walks(fakeWalk{n: 3})
			}
			token := page{of: path}.next(values)
			w.bad(w.serve(request(http.MethodGet, path+"?page="+token, "")), inside)
		}
	})
}

func FuzzPublish(f *testing.F) {
	for _, kind := range []string{"application/json", typeNDJSON, typeEnvelope, "text/plain", "", "a/b;c", "application/json;charset=x"} {
		for _, body := range []string{`{"a":1}`, `{"records":[{"stream":"a","data":1},{"text":"x"}]}`, "1\n2", "\xff", `{"records":[null,{"base64":"AA==","time":5}]}`, ""} {
			f.Add(kind, "key=k&time=1", body)
		}
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, kind, raw, body string) {
		w.t = t
		w.intake.taken = nil
		for _, path := range []string{"/api/v1/streams/lab.a/records", "/api/v1/records"} {
			r := request(http.MethodPost, path, body)
			r.Header["Content-Type"] = []string{kind}
			r.URL.RawQuery = raw
			w.bad(w.serve(r), kind+" "+body)
		}
		for _, d := range w.intake.drafts() {
			if err := d.Check(); err != nil {
				t.Errorf("%q of %s became a draft that is none: %v", body, kind, err)
			}
		}
	})
}

func FuzzSpec(f *testing.F) {
	f.Add("application/json", `{"name":"x"}`)
	f.Add("application/yaml", "a: &a [*a]")
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, kind, body string) {
		w.t = t
		w.node.answer = says(command.SourcePut{Source: oneSource("x"), Created: true}, nil)
		r := request(http.MethodPost, "/api/v1/sources", body)
		r.Header["Content-Type"] = []string{kind}
		w.bad(w.serve(r), kind+" "+body)
	})
}

func FuzzGuard(f *testing.F) {
	f.Add("127.0.0.1:8080", "http://localhost")
	f.Add("[::1%25x]:1", "null")
	f.Add("", "https://a@b:c")
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, host, origin string) {
		w.t = t
		r := request(http.MethodGet, "/healthz", "")
		r.Host = host
		r.Header["Origin"] = []string{origin}
		w.bad(w.serve(r), host+" "+origin)
	})
}
