package api_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"anode/actors/node"
	"anode/messages/command"
	"anode/testkit/documents"
	"anode/testkit/onenode"
	"anode/testkit/racing"
)

func (c *talk) register(document string) {
	c.t.Helper()
	if _, err := command.Ask(c.t.Context(), c.node, command.PutSource{Document: []byte(document), YAML: true, Replace: true}); err != nil {
		c.t.Fatal(err)
	}
}

// records are the payloads of a stream.
func (c *talk) records(stream string) string {
	c.t.Helper()
	var page struct {
		Items []struct{ Data json.RawMessage }
	}
	if err := json.Unmarshal(c.is(200, "GET", "/api/v1/streams/"+stream+"/records?limit=10000", "", ""), &page); err != nil {
		c.t.Fatal(err)
	}
	var all []string
	for _, r := range page.Items {
		all = append(all, string(r.Data))
	}
	return strings.Join(all, " ")
}

func coded(t *testing.T, text string, coder func(io.Writer) io.WriteCloser) string {
	t.Helper()
	var b bytes.Buffer
	w := coder(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipper(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }

func TestPushOverHTTP(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hook"), []byte("open-sesame"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := onenode.Start(t, onenode.Options{Sources: node.Sources{Secrets: dir}})
	c := &talk{t, n, documents.New(t)}
	c.register("name: p\nkind: push\nnative_id: .n?\ntransform: {where: '. != 0'}\n" +
		"on: [{when: '.type? == \"url_verification\"', send: '${.frame.challenge}'}, {when: '.ping?', send: {pong: '${.frame.ping}'}}, {when: '.bad?', fail: 'no ${.frame.bad}'}]")
	const push = "/api/v1/sources/p/push"
	if got := string(c.is(202, "POST", push, jsonType, ` {"n": 1.10} `)); got != `{"accepted":1,"dropped":{"filtered":0,"duplicate":0,"limited":0,"failed":0}}`+"\n" {
		t.Errorf("%s", got)
	}
	if got := string(c.is(202, "POST", push+"?any=1&any=2&x", "image/svg+xml", `{"n":1.10}`)); got != `{"accepted":0,"dropped":{"filtered":0,"duplicate":1,"limited":0,"failed":0}}`+"\n" {
		t.Errorf("%s", got)
	}
	c.is(202, "POST", push, "", "0")
	c.is(202, "POST", push, "not a type", "")
	c.is(202, "POST", push, "application/x-www-form-urlencoded", "n=2&v=a+b")
	c.is(202, "POST", push, jsonType, coded(t, `{"n":3}`, gzipper), "Content-Encoding: gzip")
	c.is(202, "POST", push, jsonType, coded(t, `{"n":4}`, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }), "Content-Encoding: Deflate")
	if got := c.records("p"); got != `{"n":1.10} {"n":"2","v":"a b"} {"n":3} {"n":4}` {
		t.Errorf("%s", got)
	}
	if got := string(c.is(200, "POST", push, jsonType, `{"type":"url_verification","challenge":"3eZ"}`)); got != "3eZ" {
		t.Errorf("%s", got)
	}
	if got := string(c.is(200, "POST", push, jsonType, `{"ping":[1]}`)); got != `{"pong":[1]}` {
		t.Errorf("%s", got)
	}
	c.is(422, "POST", push, jsonType, `{"bad":"thing"}`)
	c.is(400, "POST", push, jsonType, "{}", "Content-Encoding: gzip")
	c.is(400, "POST", push, jsonType, coded(t, strings.Repeat("x", 5000), gzipper)[:30], "Content-Encoding: gzip")
	c.is(415, "POST", push, jsonType, "{}", "Content-Encoding: br")
	c.is(415, "POST", "/api/v1/sources", jsonType, "{}", "Content-Encoding: gzip")
	c.is(413, "POST", push, jsonType, strings.Repeat("x", 8<<20+1))
	c.is(413, "POST", push, jsonType, coded(t, strings.Repeat("x", 100<<20), gzipper), "Content-Encoding: gzip")
	c.is(404, "POST", "/api/v1/sources/nobody/push", jsonType, "1")
	c.is(405, "PUT", push, jsonType, "1")
	c.is(403, "POST", push, jsonType, "1", "Origin: https://evil.example")
	c.register("name: r\nkind: rest\nurl: http://192.0.2.1/")
	c.is(409, "POST", "/api/v1/sources/r/push", jsonType, "1")
	if got := c.is(503, "POST", "/api/v1/sources/paused/push", jsonType, "1", c.paused()); !strings.Contains(string(got), "source paused is paused") {
		t.Errorf("%s", got)
	}

	c.register("name: t\nkind: push\npush: {token: '${secret:hook}'}")
	const guarded = "/api/v1/sources/t/push"
	c.is(401, "POST", guarded, jsonType, "1")
	c.is(401, "POST", guarded, jsonType, strings.Repeat("x", 1<<20), "Authorization: Bearer x")
	c.is(401, "POST", guarded+"?token=x", jsonType, "1")
	c.is(202, "POST", guarded, jsonType, "1", "Authorization: Bearer open-sesame")
	c.is(202, "POST", guarded+"?token=open-sesame", jsonType, "1")
	c.is(202, "POST", guarded, jsonType, "1", "Authorization: Basic eDpvcGVuLXNlc2FtZQ==")

	c.register("name: s\nkind: push\npush: {verify: {alg: sha256, header: X-Hub-Signature-256, secret: '${secret:hook}'}}")
	const signed = "/api/v1/sources/s/push"
	sum := func(text string) string {
		mac := hmac.New(sha256.New, []byte("open-sesame"))
		mac.Write([]byte(text))
		return "X-Hub-Signature-256: sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	packed := coded(t, `{"n":1}`, gzipper)
	c.is(401, "POST", signed, jsonType, `{"n":1}`)
	c.is(401, "POST", signed, jsonType, `{"n":1} `, sum(`{"n":1}`))
	c.is(202, "POST", signed, jsonType, `{"n":1}`, sum(`{"n":1}`))
	c.is(202, "POST", signed, jsonType, packed, sum(`{"n":1}`), "Content-Encoding: gzip")
	c.is(202, "POST", signed, jsonType, packed, sum(packed), "Content-Encoding: gzip")
	if got := c.records("s") + c.records("t"); got != `{"n":1} {"n":1} {"n":1}1 1 1` {
		t.Errorf("%s", got)
	}
}

// paused registers a paused source; it gives a header, so that it can stand among the arguments.
func (c *talk) paused() string {
	c.register("name: paused\nkind: push\npaused: true")
	return "X-A: b"
}

// Thousands push at once, with bodies small and large, and some do not end them: all that is answered with 202
// is stored, the others are told to come again, and memory stays within its bounds.
func TestAStormOfPushes(t *testing.T) {
	n := onenode.Start(t, onenode.Options{ReadTimeout: 30 * time.Second})
	c := &talk{t, n, documents.New(t)}
	c.register("name: p\nkind: push\nnative_id: .n\ntransform: {map: '{n}'}")
	c.is(202, "POST", "/api/v1/sources/p/push", jsonType, `{"n":"first"}`)
	stuck := make([]net.Conn, 0, 200)
	for range 200 { // an eighth of what they promise
		conn, err := net.Dial("tcp", strings.TrimPrefix(n.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		stuck = append(stuck, conn)
		fmt.Fprintf(conn, "POST /api/v1/sources/p/push HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4000000\r\n\r\n%s", strings.Repeat("x", 3<<10))
	}
	var most atomic.Uint64
	watched, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		var m runtime.MemStats
		for {
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapInuse))
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 500}}
	defer client.CloseIdleConnections()
	filler := strings.Repeat("x", 1<<20)
	var all sync.WaitGroup
	var accepted, later atomic.Int64
	gate := make(chan struct{}, 1500)
	for i := range 2000 {
		all.Add(1)
		gate <- struct{}{}
		go func() {
			defer all.Done()
			defer func() { <-gate }()
			size := 10
			if i%20 == 0 {
				size = len(filler)
			}
			body := io.MultiReader(strings.NewReader(fmt.Sprintf(`{"n":%d,"x":"`, i)), strings.NewReader(filler[:size]), strings.NewReader(`"}`))
			r, err := http.NewRequestWithContext(context.Background(), "POST", n.URL+"/api/v1/sources/p/push", body)
			if err != nil {
				t.Error(err)
				return
			}
			answer, err := client.Do(r)
			if err != nil {
				return // a body that was refused may cut the connection
			}
			defer answer.Body.Close()
			text, _ := io.ReadAll(answer.Body)
			switch answer.StatusCode {
			case 202:
				if bytes.Contains(text, []byte(`"accepted":1`)) {
					accepted.Add(1)
				} else {
					t.Errorf("%s", text)
				}
			case 429, 503:
				later.Add(1)
				if answer.Header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			default:
				t.Errorf("%d %s", answer.StatusCode, text)
			}
		}()
	}
	all.Wait()
	close(stop)
	<-watched
	count := 0
	walk, err := command.Ask(t.Context(), n, command.ListSources{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range walk {
		count += int(s.Status.Records)
	}
	grew := int64(most.Load()) - int64(before.HeapInuse)
	t.Logf("%d accepted, %d told to come later, of 2000; the heap grew by %d MiB at most", accepted.Load(), later.Load(), grew>>20)
	if int64(count) < accepted.Load()+1 || accepted.Load() < 1900 {
		t.Errorf("%d stored, %d accepted", count, accepted.Load())
	}
	if grew > 400<<20 && !racing.Enabled { // two sides of 1500 connections, 100 bodies of 1 MiB among them, and garbage
		t.Errorf("the heap grew by %d MiB", grew>>20)
	}
	for _, conn := range stuck {
		conn.Close()
	}
	c.is(202, "POST", "/api/v1/sources/p/push", jsonType, `{"n":"last"}`)
}
