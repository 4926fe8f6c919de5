package source_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"anode/messages"
	"anode/testkit/feeds"
)

func TestOwnAuthoritiesAndIdentities(t *testing.T) {
	// A server that wants to see a certificate: its own does, as it is also for clients.
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/s" {
			upgrade(w, r, fmt.Sprintf(`{"certs":%d}`, len(r.TLS.PeerCertificates)))
			return
		}
		fmt.Fprintf(w, `{"certs":%d}`, len(r.TLS.PeerCertificates))
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	key := keyOf(t, server)
	b := newBench(t, secretsOf("KEY", key, "BAD", "nonsense"))
	at := server.Listener.Addr().String()
	fields := fmt.Sprintf("backoff: {min: 10ms, max: 20ms}\ntls: {ca: %q, cert: %q, key: '${secret:%%s}'}", ca, ca)
	b.put("name: r\nkind: rest\nurl: https://%s/\n"+fmt.Sprintf(fields, "key"), at)
	b.put("name: w\nkind: websocket\nurl: wss://%s/s\n"+fmt.Sprintf(fields, "key"), at)
	b.put("name: n\nkind: rest\nurl: https://%s/\nbackoff: {min: 10ms, max: 20ms}", at)
	b.put("name: x\nkind: rest\nurl: https://%s/\n"+fmt.Sprintf(fields, "bad"), at)
	for _, name := range []string{"r", "w"} {
		if got := b.awaitRecords(streamOf(name), 1)[0]; got != `{"certs":1}` {
			t.Errorf("%s: %s", name, got)
		}
	}
	b.awaitError("n", "certificate")
	b.awaitError("x", "tls.key: has no private key in PEM")
}

func TestAProxyIsUsedAndGuarded(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	proxy := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Method+" "+r.RequestURI+" "+r.Header.Get("Proxy-Authorization"))
		mu.Unlock()
		if r.Method == http.MethodConnect {
			http.Error(w, "no tunnels", http.StatusForbidden)
			return
		}
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
			return
		}
		fmt.Fprint(w, `{"by":"proxy"}`)
	})
	b := newBench(t, secretsOf("P", "pass word"))
	at := strings.TrimPrefix(b.serve(proxy).URL(""), "http://")
	rest := "\nkind: rest\nbackoff: {min: 1h, max: 1h}\nproxy: http://me:${secret:p}@" + at + "\nurl: "
	b.put("name: a%shttp://feed.example/x", rest)
	b.put("name: b%shttp://10.0.0.1/x", rest)
	b.put("name: c%shttp://2130706433:99/x", rest)
	b.put("name: d%shttp://feed.example/away", rest)
	b.put("name: e\nkind: websocket\nbackoff: {min: 1h, max: 1h}\nproxy: http://%s\nurl: ws://feed.example/x", at)
	b.put("name: f\nkind: rest\nbackoff: {min: 1h, max: 1h}\nproxy: http://10.1.1.1:3128\nurl: http://feed.example/x")
	if got := b.awaitRecords("a", 1)[0]; got != `{"by":"proxy"}` {
		t.Error(got)
	}
	b.awaitError("b", "10.0.0.1 is private")
	// 127.0.0.1 is allowed to the bench, so that this one reaches the proxy.
	b.awaitRecords("c", 1)
	b.awaitError("d", "a cloud's metadata")
	b.awaitError("e", "proxy: it answered CONNECT with 403 Forbidden")
	b.awaitError("f", "10.1.1.1 is private")
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(seen)
	want := []string{
		"CONNECT feed.example:80 ", "GET http://2130706433:99/x Basic bWU6cGFzcyB3b3Jk", "GET http://feed.example/away Basic bWU6cGFzcyB3b3Jk",
		"GET http://feed.example/x Basic bWU6cGFzcyB3b3Jk",
	}
	if !slices.Equal(seen, want) {
		t.Errorf("the proxy saw %q", seen)
	}
}

func TestBudgetsOfSourcesCountTogether(t *testing.T) {
	b := newBench(t, nil)
	api := feeds.NewREST(map[string][]http.Handler{"/x": {feeds.JSON("1")}})
	at := b.serve(api).URL("/x")
	b.put("name: slow\nkind: rest\nurl: %s\nbudget: {requests: 20/s}\nrest: {every: 10ms}", at)
	b.awaitRecords("slow", 1)
	for i := range 3 {
		b.put("name: p%d\nkind: rest\nurl: %s\nrest: {every: 10ms}", i, at)
	}
	if err := api.Await(t.Context(), 40); err != nil {
		t.Fatal(err)
	}
	times := api.Requests()
	slices.SortFunc(times, func(a, b feeds.Request) int { return a.At.Compare(b.At) })
	if took := times[39].At.Sub(times[0].At); took < 39*50*time.Millisecond-40*time.Millisecond {
		t.Errorf("40 requests took %s", took)
	}
	b.remove("slow")
	n := len(api.Requests())
	begun := time.Now()
	if err := api.Await(t.Context(), n+100); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("without a budget 100 requests took %s", took)
	}
}

// streamOf is the stream of a source that names none.
func streamOf(name string) messages.Stream { return messages.Stream(name) }

// keyOf is the private key of a test server, in PEM.
func keyOf(t *testing.T, s *httptest.Server) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
