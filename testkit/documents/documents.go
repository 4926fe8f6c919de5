package documents

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"anode/gateway/document"
	"anode/messages/spec"
)

// Judge knows both documents. It is not safe for concurrent use.
type Judge struct {
	compiler *jsonschema.Compiler
	// OpenAPI and AsyncAPI are the documents as JSON values.
	OpenAPI, AsyncAPI map[string]any
}

// Where the documents stand for references.
const (
	base     = "http://anode.test/api/v1/"
	openAPI  = base + "openapi.json"
	asyncAPI = base + "asyncapi.json"
)

// New makes a judge, or ends the test.
func New(t testing.TB) *Judge {
	t.Helper()
	j := &Judge{compiler: jsonschema.NewCompiler()}
	j.compiler.AssertFormat()
	j.OpenAPI = j.add(t, openAPI, document.OpenAPI())
	j.AsyncAPI = j.add(t, asyncAPI, document.AsyncAPI())
	j.add(t, base+"schemas/source.json", spec.Schema())
	return j
}

func (j *Judge) add(t testing.TB, url string, text []byte) map[string]any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	if err := j.compiler.AddResource(url, value); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		t.Fatalf("%s is no object", url)
	}
	return object
}

// Body judges a value by what stands at a place in the OpenAPI document.
func (j *Judge) Body(place []string, value any) error { return j.by(openAPI, place, value) }

// Message judges a message by a schema of the AsyncAPI document.
func (j *Judge) Message(schema string, value any) error {
	return j.by(asyncAPI, []string{"components", "schemas", schema}, value)
}

func (j *Judge) by(url string, place []string, value any) error {
	pointer := "#"
	for _, token := range place {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1", "%", "%25", "{", "%7B", "}", "%7D").Replace(token)
	}
	schema, err := j.compiler.Compile(url + pointer)
	if err != nil {
		return fmt.Errorf("%s%s: %w", url, pointer, err)
	}
	return schema.Validate(value)
}

// Parse reads JSON as a judge takes it.
func Parse(t testing.TB, text []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%q is not JSON: %v", text, err)
	}
	return value
}

// Look gives what stands at a place of a document, following references; nil is nothing.
func Look(document map[string]any, place ...string) map[string]any {
	return Find(document, document, place...)
}

// Find is Look from a part of a document.
func Find(document, at map[string]any, place ...string) map[string]any {
	for _, token := range place {
		at, _ = at[token].(map[string]any)
		for at != nil {
			ref, ok := at["$ref"].(string)
			if !ok || !strings.HasPrefix(ref, "#/") {
				break
			}
			at = Look(document, strings.Split(ref[2:], "/")...)
		}
	}
	return at
}
