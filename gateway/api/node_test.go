package api_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anode/testkit/documents"
	"anode/testkit/onenode"
)

// talk asks a whole node, and holds its answers to the document.
type talk struct {
	t     *testing.T
	node  *onenode.Node
	judge *documents.Judge
}

func (c *talk) do(method, path, kind, body string, headers ...string) (int, http.Header, []byte) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.node.URL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	answer, err := c.node.Client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.judge.Answer(method, r.URL.EscapedPath(), answer.StatusCode, answer.Header, text); err != nil {
		c.t.Errorf("%s %s: %v", method, path, err)
	}
	return answer.StatusCode, answer.Header, text
}

// is asks and wants a status.
func (c *talk) is(status int, method, path, kind, body string, headers ...string) []byte {
	c.t.Helper()
	got, _, text := c.do(method, path, kind, body, headers...)
	if got != status {
		c.t.Errorf("%s %s: %d, want %d: %.300s", method, path, got, status, text)
	}
	return text
}

const yamlType, jsonType = "application/yaml", "application/json"

const paused = "name: lab-feed\nkind: rest\nurl: https://feed.example.com/x\npaused: true\nrest: {every: 1h}\n"

// Every route of a whole node answers as the document says.
func TestWholeNode(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	c := &talk{t, n, documents.New(t)}
	for _, path := range []string{
		"/", "/healthz", "/readyz", "/metrics", "/api/v1/openapi.json", "/api/v1/asyncapi.json", "/api/v1/schemas/source.json",
		"/api/v1/status", "/api/v1/archive", "/api/v1/cluster", "/api/v1/cluster/bans", "/api/v1/alarms", "/api/v1/actors", "/api/v1/subscribers", "/api/v1/events", "/api/v1/sources", "/api/v1/streams",
	} {
		c.is(200, "GET", path, "", "")
		c.is(200, "HEAD", path, "", "")
	}

	_, h, body := c.do("POST", "/api/v1/sources", yamlType, paused)
	if h.Get("Location") != "/api/v1/sources/lab-feed" {
		t.Errorf("%v %s", h, body)
	}
	version := h.Get("ETag")
	c.is(409, "POST", "/api/v1/sources", yamlType, paused)
	c.is(422, "POST", "/api/v1/sources", yamlType, "name: NO\nkind: rest\nspeed: 5\n")
	c.is(400, "POST", "/api/v1/sources", jsonType, "{")
	c.is(415, "POST", "/api/v1/sources", "text/plain", paused)
	c.is(412, "PUT", "/api/v1/sources/lab-feed", yamlType, paused, "If-Match: 99-nobody")
	c.is(422, "PUT", "/api/v1/sources/other", yamlType, paused)
	c.is(200, "PUT", "/api/v1/sources/lab-feed", yamlType, paused+"labels: {a: b}\n", "If-Match: "+version)
	c.is(412, "DELETE", "/api/v1/sources/lab-feed", "", "", "If-Match: "+version)
	c.is(200, "GET", "/api/v1/sources/lab-feed", "", "")
	c.is(404, "GET", "/api/v1/sources/nobody", "", "")
	c.is(200, "POST", "/api/v1/sources/lab-feed/pause", "", "")
	c.is(409, "POST", "/api/v1/sources/lab-feed/restart", "", "")
	c.is(404, "POST", "/api/v1/sources/nobody/resume", "", "")
	c.is(200, "GET", "/api/v1/sources", "", "")
	c.is(200, "GET", "/api/v1/events", "", "")
	c.is(204, "DELETE", "/api/v1/sources/lab-feed", "", "")
	c.is(404, "DELETE", "/api/v1/sources/lab-feed", "", "")
	c.is(201, "PUT", "/api/v1/sources/lab-feed", yamlType, paused)
	c.is(404, "GET", "/api/v1/nothing", "", "")
	c.is(405, "PATCH", "/api/v1/status", "", "")
}

// Records that were published come back from history as they were sent, page by page and as lines.
func TestWholeHistory(t *testing.T) {
	c := &talk{t, onenode.Start(t, onenode.Options{}), documents.New(t)}
	var lines strings.Builder
	for i := range 250 {
		fmt.Fprintf(&lines, "{\"n\":%d.0}\n", i)
	}
	c.is(201, "POST", "/api/v1/streams/lab.a/records?key=k", "application/x-ndjson", lines.String())
	c.is(201, "POST", "/api/v1/records", "application/vnd.anode.records+json", `{"records":[{"stream":"lab.b","native_id":"1","data":1},{"stream":"lab.b","native_id":"1","data":2},{"stream":"lab.c","text":"x"},{"stream":"$x","data":1}]}`)
	if got := c.is(200, "GET", "/api/v1/streams/lab.b/records", "", ""); bytes.Count(got, []byte(`"native_id":"1"`)) != 1 {
		t.Errorf("a duplicate was stored: %s", got)
	}
	path, seen := "/api/v1/streams/lab.a/records?limit=60&order=desc", []string{}
	for path != "" {
		var l struct {
			Items []struct{ Data json.RawMessage }
			Next  string
		}
		if err := json.Unmarshal(c.is(200, "GET", path, "", ""), &l); err != nil {
			t.Fatal(err)
		}
		for _, i := range l.Items {
			seen = append(seen, string(i.Data))
		}
		if path = ""; l.Next != "" {
			path = "/api/v1/streams/lab.a/records?page=" + l.Next
		}
	}
	slices.Reverse(seen)
	if got := strings.Join(seen, "\n") + "\n"; got != lines.String() {
		t.Errorf("%d records came back: %.200s", len(seen), got)
	}
	text := c.is(200, "GET", "/api/v1/streams/lab.a/records", "", "", "Accept: application/x-ndjson")
	if bytes.Count(text, []byte{'\n'}) != 250 {
		t.Errorf("%d lines", bytes.Count(text, []byte{'\n'}))
	}
	if got := c.is(200, "GET", "/api/v1/streams/unknown/records", "", ""); !bytes.Contains(got, []byte(`"items":[]`)) {
		t.Errorf("%s", got)
	}
	if got := c.is(200, "GET", "/api/v1/streams?match=lab.&limit=2", "", ""); !bytes.Contains(got, []byte(`"next"`)) {
		t.Errorf("%s", got)
	}
	for _, page := range []string{"x", "b2Y9JTJGYXBp", strings.Repeat("A", 100)} {
		c.is(422, "GET", "/api/v1/streams/lab.a/records?page="+page, "", "")
	}
	c.is(413, "POST", "/api/v1/streams/lab.a/records", "text/plain", strings.Repeat("x", 1<<20+1))
	c.is(413, "POST", "/api/v1/streams/lab.a/records", "text/plain", strings.Repeat("x", 8<<20+1))
	c.is(403, "POST", "/api/v1/streams/$status.self/records", jsonType, "1")
}

// A page's own token with something else inside is the client's fault, never the node's.
func FuzzWalkToken(f *testing.F) {
	f.Add("of=%2Fapi%2Fv1%2Fstreams%2Flab.a%2Frecords&walk=AAAA")
	f.Add("of=%2Fapi%2Fv1%2Fstreams%2Flab.a%2Frecords&walk=&limit=-1")
	n := onenode.Start(f, onenode.Options{})
	f.Fuzz(func(t *testing.T, inside string) {
		page := base64URL(inside)
		answer, err := n.Client.Get(n.URL + "/api/v1/streams/lab.a/records?page=" + page)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode >= 500 {
			t.Errorf("%q: %s", inside, answer.Status)
		}
	})
}

// The metrics that dashboards rely on are there, by exactly these names and labels.
func TestMetrics(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	c := &talk{t, n, documents.New(t)}
	conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(n.URL, "http")+"/api/v1/subscribe?stream=lab.", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	hear := func(op string) {
		for {
			_, text, err := conn.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			if bytes.HasPrefix(text, []byte(`{"op":"`+op+`"`)) {
				return
			}
		}
	}
	hear("live")
	c.is(201, "POST", "/api/v1/streams/lab.a/records", jsonType, "1")
	hear("records")
	c.is(201, "POST", "/api/v1/sources", yamlType, paused)
	for until := time.Now().Add(10 * time.Second); !bytes.Contains(c.is(200, "GET", "/metrics", "", ""), []byte(`state="paused"} 1`)) && time.Now().Before(until); {
		time.Sleep(time.Millisecond) // a source is told of what it is to be, and does it
	}

	series := map[string]bool{}
	values := map[string]string{}
	label := regexp.MustCompile(`([a-z_]+)="([^"]*)"`)
	scan := bufio.NewScanner(bytes.NewReader(c.is(200, "GET", "/metrics", "", "")))
	for scan.Scan() {
		line := scan.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, _ := strings.Cut(line, " ")
		values[name] = value
		base, labels, _ := strings.Cut(name, "{")
		var names []string
		for _, m := range label.FindAllStringSubmatch(labels, -1) {
			if m[1] != "le" {
				names = append(names, m[1])
			}
		}
		series[base+"{"+strings.Join(names, ",")+"}"] = true
	}
	for _, want := range []string{
		"anode_records_total{dir}", "anode_subscribers{}", "anode_queue_depth{queue}", "anode_queue_dropped_total{queue}",
		"anode_journal_append_seconds_bucket{}", "anode_journal_sync_seconds_bucket{}", "anode_journal_bytes{}",
		"anode_delivery_seconds_bucket{}", "anode_source_records_total{source}", "anode_source_state{source,state}",
		"anode_subscriber_dropped_total{policy}", "anode_actor_restarts_total{actor}", "anode_peers{state}",
	} {
		if !series[want] {
			t.Errorf("%s is missing", want)
		}
	}
	for name, want := range map[string]string{
		`anode_records_total{dir="out"}`: "1", `anode_subscribers`: "1",
		`anode_source_state{source="lab-feed",state="paused"}`: "1", `anode_delivery_seconds_count`: "1",
	} {
		if values[name] != want {
			t.Errorf("%s is %q, want %s", name, values[name], want)
		}
	}
	if t.Failed() {
		for name := range values {
			if strings.HasPrefix(name, "anode_") && !strings.Contains(name, "_bucket") {
				t.Log(name, values[name])
			}
		}
	}
}

func base64URL(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
