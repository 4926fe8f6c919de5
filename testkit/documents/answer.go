package documents

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Answer judges an answer by what the OpenAPI document says of the operation: its status, its media
// type and its body must stand there. A path or method that the document has not must be refused.
func (j *Judge) Answer(method, path string, status int, header http.Header, body []byte) error {
	template, item := j.find(path)
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	op := Look(item, strings.ToLower(method))
	if method == http.MethodHead {
		if len(body) > 0 {
			return fmt.Errorf("HEAD was answered with a body")
		}
		if op = Look(item, "get"); status == http.StatusMethodNotAllowed {
			op = nil // sockets have no HEAD
		}
	}
	switch {
	case method == http.MethodOptions && status == http.StatusNoContent:
		return nil
	case op == nil:
		return j.refused(method, path, item, status, header, body)
	}
	key := fmt.Sprint(status)
	response := Find(j.OpenAPI, op, "responses", key)
	if response == nil {
		return fmt.Errorf("%s %s: status %d is not documented: %s", method, template, status, body)
	}
	content := Find(j.OpenAPI, response, "content")
	if len(content) == 0 || method == http.MethodHead {
		if len(body) > 0 {
			return fmt.Errorf("%s %s: %d has a body, %q, and none is documented", method, template, status, body)
		}
		return nil
	}
	if _, ok := content[kind]; !ok {
		return fmt.Errorf("%s %s: %d came as %q, which is not documented: %s", method, template, status, kind, body)
	}
	return j.content(template, op, key, kind, strings.ToLower(method), body)
}

func (j *Judge) content(template string, op map[string]any, status, kind, method string, body []byte) error {
	values, place := [][]byte{body}, []string{"paths", template, method, "responses", status, "content", kind, "schema"}
	if ref, shared := op["responses"].(map[string]any)[status].(map[string]any)["$ref"].(string); shared {
		place = append(strings.Split(strings.TrimPrefix(ref, "#/"), "/"), "content", kind, "schema")
	}
	switch {
	case kind == "application/x-ndjson":
		line, named := Find(j.OpenAPI, op, "responses", status, "content", kind)["x-line"].(string)
		if !named {
			line = "Record"
		}
		values, place = bytes.Split(bytes.TrimSuffix(body, []byte{'\n'}), []byte{'\n'}), []string{"components", "schemas", line}
		if len(body) == 0 {
			values = nil
		}
	case !strings.HasSuffix(kind, "json"):
		return nil
	}
	for _, text := range values {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return fmt.Errorf("%s %s: %s: %q is not JSON: %w", method, template, status, text, err)
		}
		if err := j.Body(place, value); err != nil {
			return fmt.Errorf("%s %s: %s: %s: %w", method, template, status, text, err)
		}
	}
	return nil
}

// refused judges the answer to what the document has not.
func (j *Judge) refused(method, path string, item map[string]any, status int, header http.Header, body []byte) error {
	want := []int{http.StatusNotFound, http.StatusForbidden, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}
	if item != nil {
		want[0] = http.StatusMethodNotAllowed
	}
	if !slices.Contains(want, status) {
		return fmt.Errorf("%s %s is not documented, and answers %d: %s", method, path, status, body)
	}
	if status == http.StatusMethodNotAllowed && header.Get("Allow") == "" {
		return fmt.Errorf("%s %s: 405 without Allow", method, path)
	}
	if method == http.MethodHead {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s %s: %d: %q is no problem: %w", method, path, status, body, err)
	}
	return j.Body([]string{"components", "schemas", "Problem"}, value)
}

// find gives the path of the document that a path is, and what it says of it.
func (j *Judge) find(path string) (template string, item map[string]any) {
	path, _, _ = strings.Cut(path, "?")
	paths := Look(j.OpenAPI, "paths")
	if item = Look(paths, path); item != nil {
		return path, item
	}
	parts := strings.Split(path, "/")
	for template := range paths {
		names := strings.Split(template, "/")
		same := slices.EqualFunc(names, parts, func(name, part string) bool {
			return name == part || strings.HasPrefix(name, "{") && part != ""
		})
		if same {
			return template, Look(paths, template)
		}
	}
	return path, nil
}
