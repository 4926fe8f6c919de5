package document

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strconv"
)

//go:embed openapi.json
var openAPI []byte

//go:embed asyncapi.json
var asyncAPI []byte

//go:embed root.html
var root []byte

// OpenAPI is the OpenAPI 3.1 document of every route.
func OpenAPI() []byte { return bytes.Clone(openAPI) }

// AsyncAPI is the AsyncAPI 3 document of the WebSocket protocol.
func AsyncAPI() []byte { return bytes.Clone(asyncAPI) }

// Root serves the page at "/". It asks nothing of other hosts, and is not let to.
func Root() http.Handler {
	policy := "default-src 'none'; connect-src 'self' ws: wss:; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" +
		"; style-src " + hash("style") + "; script-src " + hash("script")
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Length", strconv.Itoa(len(root)))
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		_, _ = w.Write(root) // the client may be gone
	})
}

// hash names the page's one element of a tag, as Content-Security-Policy wants it.
func hash(tag string) string {
	sum := sha256.Sum256(inline(tag))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// inline is what stands in the page's one element of a tag.
func inline(tag string) []byte {
	_, rest, _ := bytes.Cut(root, []byte("<"+tag+">"))
	body, _, _ := bytes.Cut(rest, []byte("</"+tag+">"))
	return body
}
