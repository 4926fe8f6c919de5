package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// small is a build like the real one.
var small = fstest.MapFS{
	"index.html":           {Data: []byte("<!doctype html><title>x</title>" + strings.Repeat("<p>text</p>", 100))},
	"icon.svg":             {Data: []byte("<svg/>")},
	"assets/index-a1b2.js": {Data: []byte(strings.Repeat("export const a = 1;\n", 200))},
	"sources.sha256":       {Data: []byte("secret of the build")},
}

func serve(t *testing.T, all map[string]http.Handler, method, path string, headers ...string) *http.Response {
	t.Helper()
	h := all[path]
	if h == nil {
		t.Fatalf("nothing is at %s", path)
	}
	r := httptest.NewRequest(method, path, nil)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if r.Header.Add(name, value); name == "Host" {
			r.Host = value
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func smallFiles(t *testing.T, nodes ...string) map[string]http.Handler {
	t.Helper()
	all, err := files(Config{Nodes: func() []string { return nodes }}, small)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 || all["/sources.sha256"] != nil || all["/index.html"] != nil {
		t.Errorf("served are %v", all)
	}
	return all
}

func body(t *testing.T, a *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFilesKeepByName(t *testing.T) {
	all := smallFiles(t)
	for path, want := range map[string][2]string{
		"/":                     {"text/html; charset=utf-8", "no-cache"},
		"/icon.svg":             {"image/svg+xml", "no-cache"},
		"/assets/index-a1b2.js": {"text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
	} {
		a := serve(t, all, "GET", path)
		if a.StatusCode != 200 || a.Header.Get("Content-Type") != want[0] || a.Header.Get("Cache-Control") != want[1] {
			t.Errorf("%s: %d %v", path, a.StatusCode, a.Header)
		}
		if a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("Referrer-Policy") != "no-referrer" || a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", path, a.Header)
		}
	}
}

// A client that takes gzip gets it, with a tag of its own; a small file is not worth it.
func TestCompressed(t *testing.T) {
	all := smallFiles(t)
	const script = "/assets/index-a1b2.js"
	plain := serve(t, all, "GET", script)
	for _, accepts := range []string{"gzip", "br, GZIP;q=0.5", "deflate , gzip ; q=1"} {
		a := serve(t, all, "GET", script, "Accept-Encoding: "+accepts)
		z, err := gzip.NewReader(a.Body)
		if err != nil {
			t.Fatalf("%s: %v", accepts, err)
		}
		text, err := io.ReadAll(z)
		if err != nil || string(text) != string(small["assets/index-a1b2.js"].Data) || a.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: %v, %v", accepts, err, a.Header)
		}
		if a.Header.Get("ETag") == plain.Header.Get("ETag") || a.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %v", accepts, a.Header)
		}
	}
	for _, accepts := range []string{"", "br", "gzip;q=0", "gzip; q=0.000", "xgzip"} {
		a := serve(t, all, "GET", script, "Accept-Encoding: "+accepts)
		if a.Header.Get("Content-Encoding") != "" || body(t, a) != string(small["assets/index-a1b2.js"].Data) {
			t.Errorf("%q: %v", accepts, a.Header)
		}
	}
	if a := serve(t, all, "GET", "/icon.svg", "Accept-Encoding: gzip"); a.Header.Get("Content-Encoding") != "" {
		t.Errorf("a small file: %v", a.Header)
	}
}

func TestTheSameIsNotSentAgain(t *testing.T) {
	all := smallFiles(t)
	for _, accepts := range []string{"gzip", "identity"} {
		tag := serve(t, all, "GET", "/", "Accept-Encoding: "+accepts).Header.Get("ETag")
		for given, status := range map[string]int{tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304, `"x"`: 200, "": 200} {
			a := serve(t, all, "GET", "/", "Accept-Encoding: "+accepts, "If-None-Match: "+given)
			text := body(t, a)
			if a.StatusCode != status || (text == "") != (status == 304) || a.Header.Get("ETag") != tag || a.Header.Get("Content-Security-Policy") == "" {
				t.Errorf("%s, %s: %d, %d bytes, %v", accepts, given, a.StatusCode, len(text), a.Header)
			}
		}
	}
}

func TestHead(t *testing.T) {
	all := smallFiles(t)
	for _, path := range []string{"/", "/assets/index-a1b2.js"} {
		get, head := serve(t, all, "GET", path), serve(t, all, "HEAD", path)
		if fmt.Sprint(get.Header) != fmt.Sprint(head.Header) || head.StatusCode != 200 || body(t, head) != "" || head.Header.Get("Content-Length") == "" {
			t.Errorf("%s: %v, and with HEAD %v", path, get.Header, head.Header)
		}
	}
}

// The page may run nothing that stands in it, and connect to the mesh's nodes and nobody else.
func TestPolicy(t *testing.T) {
	all := smallFiles(t, "http://two.example:8080", "https://Three.example", "http://two.example:8080/", "javascript:x", "http://a b/", "http://x;script-src *:80",
		"http://[2001:db8::1]:8080", "http://'self'", "")
	a := serve(t, all, "GET", "/", "Host: one.example:8080")
	want := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" +
		"; connect-src 'self' ws://one.example:8080 wss://one.example:8080 http://two.example:8080 ws://two.example:8080 https://three.example wss://three.example"
	if got := a.Header.Get("Content-Security-Policy"); got != want {
		t.Errorf("the policy is\n%s\nwant\n%s", got, want)
	}
	if a.Header.Get("X-Frame-Options") != "DENY" || a.Header.Get("Cross-Origin-Opener-Policy") != "same-origin" {
		t.Errorf("%v", a.Header)
	}
	for _, host := range []string{"[::1]:8080", "a;b", "a b", "", "x\ty", "*", "*.example", "a,b"} {
		if got := policy(host, nil); !strings.HasSuffix(got, "connect-src 'self'") {
			t.Errorf("Host %q: %s", host, got)
		}
	}
}

func TestAPolicyIsBounded(t *testing.T) {
	var nodes []string
	for i := range 1000 {
		nodes = append(nodes, fmt.Sprintf("http://node-%d.example:8080", i))
	}
	if got := policy("one:8080", nodes); strings.Count(got, "http://") != mostNodes || strings.Contains(got, "node-100.") {
		t.Errorf("%d bytes, %d nodes", len(got), strings.Count(got, "http://"))
	}
}

func TestABuildThatIsNone(t *testing.T) {
	for name, dist := range map[string]fstest.MapFS{
		"no page":        {"a.js": {}},
		"a type unknown": {"index.html": {}, "a.xyz": {}},
	} {
		if _, err := files(Config{}, dist); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The build that the program carries is that of the sources beside it.
func TestTheBuildIsNotStale(t *testing.T) {
	want, err := os.ReadFile("dist/" + stamp)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	err = filepath.WalkDir("web", func(name string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.IsDir() && entry.Name() == "node_modules" {
			return fs.SkipDir
		}
		if err == nil && !entry.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	var got bytes.Buffer
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "%x  %s\n", sha256.Sum256(text), strings.TrimPrefix(filepath.ToSlash(name), "web/"))
	}
	if is, was := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n"); !slices.Equal(is, was) {
		for _, line := range is {
			if !slices.Contains(was, line) {
				t.Logf("is, and was not built: %s", line)
			}
		}
		for _, line := range was {
			if !slices.Contains(is, line) {
				t.Logf("was built, and is not: %s", line)
			}
		}
		t.Error("dist is not what web would give: run `make web` and commit what it changes")
	}
}

// mostBytes is how much a browser loads at most, compressed.
const mostBytes = 150_000

// The page is small, loads only what is served, and asks no other host.
func TestTheBuild(t *testing.T) {
	all, err := Files(Config{})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for path := range all {
		a := serve(t, all, "GET", path, "Accept-Encoding: gzip")
		n := len(body(t, a))
		sum += n
		t.Logf("%7d %s", n, path)
		if strings.HasPrefix(path, "/assets/") && !regexp.MustCompile(`-[A-Za-z0-9_-]{8,}\.\w+$`).MatchString(path) {
			t.Errorf("%s is kept for ever, and has no hash in its name", path)
		}
	}
	t.Logf("%7d in all", sum)
	if sum > mostBytes {
		t.Errorf("the page is %d bytes compressed, above %d", sum, mostBytes)
	}
	html := body(t, serve(t, all, "GET", "/"))
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		if strings.HasPrefix(m[1], "#") {
			continue
		}
		if path := "/" + strings.TrimPrefix(strings.TrimPrefix(m[1], "./"), "/"); all[path] == nil {
			t.Errorf("the page loads %s, which is not served", m[1])
		}
	}
	if inline := regexp.MustCompile(`<style|<script>|<[^>]* (?:on\w+|style)=`).FindString(html); inline != "" {
		t.Errorf("the page has %q inline, which its policy forbids", inline)
	}
}
