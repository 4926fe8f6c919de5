package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// invoke runs one command line in this process.
func invoke(t *testing.T, out io.Writer, environment map[string]string, args ...string) (code int, errs string) {
	t.Helper()
	var text strings.Builder
	code = run(args, &shell{
		in: strings.NewReader(""), out: out, errs: &text, now: time.Now,
		getenv:  func(name string) string { return environment[name] },
		environ: func() []string { return nil },
	})
	return code, text.String()
}

// node answers paths with bodies.
func node(t *testing.T, answers map[string]string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.URL.Path]
		if date := answers["Date"]; date != "" {
			w.Header().Set("Date", date)
		}
		switch {
		case !ok:
			http.NotFound(w, r)
		case strings.HasPrefix(body, "503 "):
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, body[4:])
		default:
			fmt.Fprint(w, body)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

const oneAlarm = `[{"severity":"critical","node":"n1","source":"feed","since":"2026-01-01T00:00:00Z","reason":"it fails","hint":"mend it","later":1}]`

func sick(change map[string]string) map[string]string {
	answers := map[string]string{
		"/healthz":        `{"status":"ok"}`,
		"/readyz":         `{"ready":true,"checks":{"journal":"ok"}}`,
		"/api/v1/status":  `{"node":{"id":"n1","name":"one","state":"alive"},"components":[{"name":"journal","state":"ok","figures":{"free_disk_bytes":1024}}]}`,
		"/api/v1/cluster": `{"cluster":"c","nodes":[{"id":"n1","name":"one","state":"alive","version":"v1"}]}`,
		"/api/v1/alarms":  `[]`,
	}
	for path, body := range change {
		answers[path] = body
	}
	return answers
}

func TestStatusFailsWhereThereAreAlarms(t *testing.T) {
	server := node(t, sick(map[string]string{"/api/v1/alarms": oneAlarm}))
	var out strings.Builder
	code, errs := invoke(t, &out, map[string]string{"ANODE_SERVER": server}, "status")
	if code != exitFailed || errs != "" {
		t.Errorf("exit code %d, stderr %q, want 1 and nothing", code, errs)
	}
	for _, part := range []string{"critical  it fails  source feed on node one", "mend it, since "} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%q is not in\n%s", part, &out)
		}
	}
}

func TestJSONIsTheAPIsOwn(t *testing.T) {
	server := node(t, sick(map[string]string{"/api/v1/alarms": oneAlarm}))
	var out strings.Builder
	code, _ := invoke(t, &out, nil, "alarms", "-o", "json", "--server", server)
	if code != exitDone || out.String() != strings.Trim(oneAlarm, "[]")+"\n" {
		t.Errorf("exit code %d, got %s", code, &out)
	}
}

func TestDoctorSaysWhatIsWrong(t *testing.T) {
	for name, of := range map[string]struct {
		change map[string]string
		says   string
	}{
		"nothing":      {nil, ""},
		"clock ahead":  {map[string]string{"Date": time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}, "clock      the node's clock is 1h0m0s ahead of this machine's"},
		"clock behind": {map[string]string{"Date": time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat)}, "clock      the node's clock is 1m"},
		"not ready":    {map[string]string{"/readyz": `503 {"ready":false,"checks":{"journal":"can't sync","hub":"ok","mesh":"alone: 2 peers are known and none is linked"}}`}, "ready      can't take and deliver records now: journal: can't sync\n"},
		"component": {
			map[string]string{"/api/v1/status": `{"components":[{"name":"registry","state":"degraded","detail":"2 damaged"}]}`},
			"registry   degraded: 2 damaged",
		},
		"versions": {
			map[string]string{"/api/v1/cluster": `{"nodes":[{"name":"one","state":"alive","version":"v1"},{"name":"two","state":"alive","version":"v2"}]}`},
			"versions   nodes differ",
		},
		"dead node": {map[string]string{"/api/v1/cluster": `{"nodes":[{"id":"n2","name":"two","state":"dead","version":"v1"}]}`}, "mesh       node two (n2) is dead"},
		"alarm":     {map[string]string{"/api/v1/alarms": oneAlarm}, "alarm      it fails: mend it"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			code, errs := invoke(t, &out, nil, "doctor", "--server", node(t, sick(of.change)))
			if errs != "" {
				t.Errorf("stderr %q", errs)
			}
			if of.says == "" {
				if code != exitDone || strings.Contains(out.String(), "WRONG") {
					t.Errorf("exit code %d\n%s", code, &out)
				}
				return
			}
			if code != exitFailed || !strings.Contains(out.String(), "WRONG  "+of.says) || strings.Count(out.String(), "WRONG") != 1 {
				t.Errorf("exit code %d, want 1 and only %q wrong in\n%s", code, of.says, &out)
			}
		})
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"status":401,"code":"unauthorized","detail":"token %s is unknown"}`, r.Header.Get("Authorization"))
	}))
	defer refusing.Close()
	code, errs := invoke(t, io.Discard, map[string]string{"ANODE_TOKEN": "t1"}, "streams", "--server", refusing.URL)
	const want = "anode: unauthorized: token Bearer t1 is unknown (give a token with --token or ANODE_TOKEN)\n"
	if code != exitFailed || errs != want {
		t.Errorf("exit code %d, %q, want 1, %q", code, errs, want)
	}
}

// closedPipe is what a write to a pipe gives whose reader left, where SIGPIPE is ignored.
type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}
}

func TestOutputThatIsClosedEarlyEndsQuietly(t *testing.T) {
	for _, args := range [][]string{{"alarms"}, {"status"}, {"doctor"}, {"status", "-o", "json"}, {"version"}} {
		code, errs := invoke(t, closedPipe{}, map[string]string{"ANODE_SERVER": node(t, sick(nil))}, args...)
		if code != exitDone || errs != "" {
			t.Errorf("%v: exit code %d, stderr %q", args, code, errs)
		}
	}
}
