package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// file is one file of the build. It is immutable.
type file struct {
	body       []byte
	kind, keep string
	// tag is that of the plain form; that of the compressed one differs, as its bytes do.
	tag string
	// zipped is the compressed form; nil where it is hardly smaller.
	zipped func() []byte
}

func newFile(name string, body []byte) (*file, error) {
	sum := sha256.Sum256(body)
	f := &file{body: body, keep: "no-cache", tag: hex.EncodeToString(sum[:12])}
	if hashed(name) {
		f.keep = "public, max-age=31536000, immutable"
	}
	var err error
	f.kind, err = kind(name)
	f.zipped = sync.OnceValue(func() []byte { return zip(body) })
	return f, err
}

// zip compresses; it gives nil where that saves less than a tenth.
func zip(body []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil { // the level is one
		return nil
	}
	_, _ = w.Write(body) // into memory
	_ = w.Close()
	if b.Len() > len(body)*9/10 {
		return nil
	}
	return b.Bytes()
}

func (f *file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	harden(h)
	h.Set("Cache-Control", f.keep)
	h.Add("Vary", "Accept-Encoding")
	body, tag := f.body, `"`+f.tag+`"`
	if takesGzip(r) {
		if z := f.zipped(); z != nil {
			body, tag = z, `"`+f.tag+`-gzip"`
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", tag)
	if has(r.Header.Values("If-None-Match"), tag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", f.kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client may be gone
	}
}

// harden tells a browser how to treat whatever comes from here.
func harden(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// has tells whether a list of tags holds one, or is "*". Weak ones are as good: caches may have made them so.
func has(lines []string, tag string) bool {
	for _, line := range lines {
		for given := range strings.SplitSeq(line, ",") {
			given = strings.TrimPrefix(strings.TrimSpace(given), "W/")
			if given == tag || given == "*" {
				return true
			}
		}
	}
	return false
}

// takesGzip tells whether a client takes gzip.
func takesGzip(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(line, ",") {
			name, weight, _ := strings.Cut(coding, ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") {
				return !none(weight)
			}
		}
	}
	return false
}

// none tells whether a weight, as "q=0.000", is nothing.
func none(weight string) bool {
	_, text, found := strings.Cut(weight, "=")
	q, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return found && err == nil && q == 0
}
