package push

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"anode/messages/spec"
)

// eventHeaders name the kind of an event, idHeaders its identity, as widespread senders do; the first that is there
// counts.
func eventHeaders() []string {
	return []string{
		"x-github-event", "x-gitea-event", "x-gitlab-event", "x-event-key", "x-shopify-topic", "ce-type", "x-event-type", "x-event",
	}
}

func idHeaders() []string {
	return []string{
		"x-github-delivery", "x-gitea-delivery", "x-gitlab-event-uuid", "x-shopify-webhook-id", "webhook-id", "svix-id", "ce-id",
		"idempotency-key", "x-event-id", "x-request-uuid", "x-request-id",
	}
}

func first(headers map[string]string, names []string) string {
	for _, name := range names {
		if text := headers[name]; text != "" {
			return text
		}
	}
	return ""
}

// headersOf are all headers: names in lower case, several values joined.
func headersOf(h http.Header) map[string]string {
	headers := make(map[string]string, len(h))
	for name, values := range h {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return headers
}

// secretWords are in the names of headers that hold credentials.
func secretWords() []string {
	return []string{"authorization", "cookie", "token", "secret", "password", "signature", "apikey", "api-key", "auth-key", "access-key"}
}

// shown are the headers that expressions and people may see: without credentials, and what is the connection's own.
func (d *door) shown(all map[string]string) map[string]string {
	headers := make(map[string]string, len(all))
	for name, text := range all {
		if d.spec.Verify != nil && strings.EqualFold(name, d.spec.Verify.Header) || hiddenHeader(name) {
			continue
		}
		headers[name] = strings.ToValidUTF8(text, "�")
	}
	return headers
}

func hiddenHeader(name string) bool {
	if name == "connection" || name == "upgrade" || strings.HasPrefix(name, "sec-websocket-") {
		return true
	}
	for _, word := range secretWords() {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// Message is what a push source feeds of a body: under parse auto a form is a JSON object.
func Message(s *spec.Spec, contentType string, body []byte) []byte {
	if s.Parse == spec.ParseAuto {
		if object, ok := formOf(contentType, body); ok {
			return object
		}
	}
	return body
}

// formOf is a form as a JSON object: a text a field, or a list of texts where it is given more than once.
func formOf(contentType string, body []byte) ([]byte, bool) {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "application/x-www-form-urlencoded" || !utf8.Valid(body) {
		return nil, false
	}
	values, err := url.ParseQuery(string(bytes.TrimSpace(body)))
	if err != nil || len(values) == 0 {
		return nil, false
	}
	if json.Valid(body) { // some send JSON under this type
		return nil, false
	}
	object := make(map[string]any, len(values))
	for name, list := range values {
		name = strings.ToValidUTF8(name, "�")
		if len(list) == 1 {
			object[name] = strings.ToValidUTF8(list[0], "�")
			continue
		}
		for i := range list {
			list[i] = strings.ToValidUTF8(list[i], "�")
		}
		object[name] = list
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(object); err != nil { // texts always pass
		return nil, false
	}
	return out.Bytes(), true
}
