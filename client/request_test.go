package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"anode/client"
)

// serve makes a server that counts its requests.
func serve(t testing.TB, handler http.HandlerFunc) (server string, requests *atomic.Int64) {
	requests = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, requests
}

// refuse answers with a problem document.
func refuse(w http.ResponseWriter, status int, document string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprint(w, document)
}

func unavailable(w http.ResponseWriter, _ *http.Request) {
	refuse(w, http.StatusServiceUnavailable, `{"status":503,"code":"unavailable","detail":"shutting down"}`)
}

func unavailableServer(t testing.TB) string {
	server, _ := serve(t, unavailable)
	return server
}

func TestCallsGoToTheNextServerAndStayThere(t *testing.T) {
	down, asked := serve(t, unavailable)
	up, answered := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[]`) })
	c := newClient(t, deadServer(t), down, up)
	for range 3 {
		if _, err := c.Alarms(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	if asked.Load() != 1 || answered.Load() != 3 {
		t.Errorf("the one that is down was asked %d times, the other %d, want 1 and 3", asked.Load(), answered.Load())
	}
}

func TestAllServersDownNamesEach(t *testing.T) {
	down, _ := serve(t, unavailable)
	dead := deadServer(t)
	_, err := newClient(t, dead, down).Status(within(t))
	for _, part := range []string{dead, down, "refused", "shutting down"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %q", err, part)
		}
	}
	var p *client.Problem
	if !errors.As(err, &p) || p.Code != "unavailable" {
		t.Errorf("%v is not the problem that the one said", err)
	}
}

func TestProblems(t *testing.T) {
	for name, of := range map[string]struct {
		status     int
		body, want string
	}{
		"faults of a document": {
			422, `{"status":422,"code":"invalid_spec","detail":"the spec has 2 faults","errors":[{"path":"/url","message":"is missing"},{"path":"","message":"is odd"}]}`,
			"invalid_spec: the spec has 2 faults: /url: is missing; is odd",
		},
		"words of the code":   {404, `{"code":"not_found","detail":"not found: not found: no source \"x\""}`, `not_found: no source "x"`},
		"a proxy's page":      {502, `<html>`, "bad_gateway: the server answers 502 Bad Gateway"},
		"a redirect":          {302, ``, "found: the server answers 302 Found"},
		"JSON without a code": {400, `{"error":"x"}`, "bad_request: the server answers 400 Bad Request"},
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, of.status, of.body) })
			_, err := newClient(t, server).Source(within(t), "x")
			var p *client.Problem
			if !errors.As(err, &p) || p.Status != of.status || p.Error() != of.want {
				t.Errorf("got %v, want %s", err, of.want)
			}
		})
	}
}

func TestReadinessIsAnAnswerNotAFailure(t *testing.T) {
	server, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, `{"ready":false,"checks":{"journal":"can't write","hub":""}}`)
	})
	view, err := newClient(t, server).Ready(within(t))
	if err != nil || view.Ready || view.Checks["journal"] != "can't write" {
		t.Errorf("got %+v, %v", view, err)
	}
}

// breaking is a server that takes a request and cuts the connection.
func breaking(t testing.TB) (server string, requests *atomic.Int64) {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	})
}

func TestWhatMayBeDoneIsNotDoneTwice(t *testing.T) {
	broken, _ := breaking(t)
	up, published := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"records":[{"id":"a-1-1-0"}]}`) })

	_, err := newClient(t, broken, up).Publish(within(t), client.Draft{Stream: "s", Payload: []byte("1")})
	if !errors.Is(err, client.ErrUnknown) || published.Load() != 0 {
		t.Errorf("without a native id: %v, published %d times elsewhere; want ErrUnknown and 0", err, published.Load())
	}
	answer, err := newClient(t, broken, up).Publish(within(t), client.Draft{Stream: "s", NativeID: "1", Payload: []byte("1")})
	if err != nil || answer.ID != "a-1-1-0" || published.Load() != 1 {
		t.Errorf("with a native id: %+v, %v, want it published at the other", answer, err)
	}
	for name, says := range map[string]func(http.ResponseWriter){
		"a node that has it, and can't sync": func(w http.ResponseWriter) {
			refuse(w, http.StatusServiceUnavailable, `{"status":503,"code":"unconfirmed","detail":"stored, but not yet durable"}`)
		},
		"a proxy that lost its node":   func(w http.ResponseWriter) { refuse(w, http.StatusBadGateway, `<html>`) },
		"a proxy that waits no longer": func(w http.ResponseWriter) { refuse(w, http.StatusGatewayTimeout, `<html>`) },
	} {
		unsure, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { says(w) })
		before := published.Load()
		_, err = newClient(t, unsure, up).Publish(within(t), client.Draft{Stream: "s", Payload: []byte("1")})
		if !errors.Is(err, client.ErrUnknown) || published.Load() != before {
			t.Errorf("%s: %v, published %d times elsewhere; want ErrUnknown and 0", name, err, published.Load()-before)
		}
		answer, err = newClient(t, unsure, up).Publish(within(t), client.Draft{Stream: "s", NativeID: "1", Payload: []byte("1")})
		if err != nil || answer.ID != "a-1-1-0" || published.Load() != before+1 {
			t.Errorf("%s, with a native id: %+v, %v, want it published at the other", name, answer, err)
		}
		if _, err = newClient(t, unsure).Publish(within(t), client.Draft{Stream: "s", NativeID: "1", Payload: []byte("1")}); !errors.Is(err, client.ErrUnknown) {
			t.Errorf("%s, and no other: %v, want ErrUnknown", name, err)
		}
	}
	published.Store(0)
	answer, err = newClient(t, unavailableServer(t), up).Publish(within(t), client.Draft{Stream: "s", Payload: []byte("1")})
	if err != nil || published.Load() != 1 {
		t.Errorf("a node that has nothing of it: %+v, %v, want it published at the other", answer, err)
	}
	answer, err = newClient(t, deadServer(t), up).Publish(within(t), client.Draft{Stream: "s", Payload: []byte("1")})
	if err != nil || answer.ID != "a-1-1-0" {
		t.Errorf("after a refused connection: %+v, %v, want it published at the other", answer, err)
	}
}

func TestAnAnswerThatBreaksOffIsAskedForElsewhere(t *testing.T) {
	broken, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, `[{"severity":`)
	})
	up, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, oneAlarm) })
	alarms, err := newClient(t, broken, up).Alarms(within(t))
	if err != nil || len(alarms) != 1 {
		t.Errorf("got %v, %v", alarms, err)
	}
	_, err = newClient(t, broken, up).Publish(within(t), client.Draft{Stream: "s", Payload: []byte("1")})
	if !errors.Is(err, client.ErrUnknown) {
		t.Errorf("a publication gives %v, want ErrUnknown", err)
	}
}

const oneAlarm = `[{"severity":"warning","node":"n","since":"2026-01-01T00:00:00Z","reason":"r","hint":"h"}]`

func TestListsWalkPages(t *testing.T) {
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("page") {
		case "":
			if got := r.URL.Query().Get("match"); got != "lab.>" {
				t.Errorf("match %q", got)
			}
			fmt.Fprint(w, `{"items":[{"name":"a"},{"name":"b"}],"next":"2"}`)
		default:
			fmt.Fprint(w, `{"items":[{"name":"c"}]}`)
		}
	})
	streams, err := newClient(t, server).Streams(within(t), "lab.>")
	if err != nil || len(streams) != 3 || streams[2].Name != "c" {
		t.Errorf("got %v, %v", streams, err)
	}
}

func TestSources(t *testing.T) {
	var got []string
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", r.Method, r.URL.EscapedPath(), r.Header.Get("Content-Type"), r.Header.Get("If-Match"), body)))
		switch {
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		case r.Method == http.MethodPut && r.Header.Get("If-Match") == "":
			w.WriteHeader(http.StatusCreated)
			fallthrough
		default:
			fmt.Fprint(w, `{"name":"a/b","version":"1-n","spec":{},"status":{"state":"running"}}`)
		}
	})
	c, ctx := newClient(t, server), within(t)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	_, created, err := c.PutSource(ctx, "a/b", client.Document{Text: []byte("name: a"), YAML: true}, "")
	if check(err); !created {
		t.Error("201 is not told as created")
	}
	_, created, err = c.PutSource(ctx, "a", client.Document{Text: []byte(`{}`)}, "1-n")
	if check(err); created {
		t.Error("200 is told as created")
	}
	_, err = c.CreateSource(ctx, client.Document{Text: []byte(`{}`)})
	check(err)
	for _, act := range []func(context.Context, string) error{
		func(ctx context.Context, name string) error { _, err := c.PauseSource(ctx, name); return err },
		func(ctx context.Context, name string) error { _, err := c.ResumeSource(ctx, name); return err },
		func(ctx context.Context, name string) error { _, err := c.RestartSource(ctx, name); return err },
		func(ctx context.Context, name string) error { return c.RemoveSource(ctx, name, "*") },
	} {
		check(act(ctx, "a"))
	}
	want := []string{
		"PUT /api/v1/sources/a%2Fb application/yaml  name: a", `PUT /api/v1/sources/a application/json "1-n" {}`,
		"POST /api/v1/sources application/json  {}",
		"POST /api/v1/sources/a/pause", "POST /api/v1/sources/a/resume", "POST /api/v1/sources/a/restart", "DELETE /api/v1/sources/a  *",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("asked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestConfigNamesAllFaults(t *testing.T) {
	_, err := client.New(client.Config{Servers: []string{"ftp://x", "http://", "http://u:p@h", "h:8080", "http://h/?q=1"}, Token: "a\nb", Silence: -1})
	for _, part := range []string{`"ftp://x"`, `"http://"`, `u:xxxxx@h`, `?q=1`, "token", "Silence"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %s", err, part)
		}
	}
	if err != nil && strings.Contains(err.Error(), "h:8080") {
		t.Errorf("%v names a good server", err)
	}
}
