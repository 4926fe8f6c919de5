package document_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"anode/testkit/documents"
)

// operations calls f for each operation of the OpenAPI document.
func operations(doc map[string]any, f func(path, method string, op map[string]any)) {
	paths := documents.Look(doc, "paths")
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := documents.Look(paths, path)
		for _, method := range []string{"get", "put", "post", "delete"} {
			if op := documents.Look(item, method); op != nil {
				f(path, method, op)
			}
		}
	}
}

// Every example is what its schema says.
func TestOpenAPIExamples(t *testing.T) {
	j := documents.New(t)
	checked := 0
	media := func(place []string, content map[string]any) {
		for kind, raw := range content {
			m := raw.(map[string]any)
			values := map[string]any{}
			if v, ok := m["example"]; ok {
				values["example"] = v
			}
			for name := range documents.Look(m, "examples") {
				values[name] = documents.Look(m, "examples", name)["value"]
			}
			at := append(slices.Clone(place), "content", kind, "schema")
			for name, value := range values {
				checked++
				if err := j.Body(at, value); err != nil {
					t.Errorf("%s: %s: %v", strings.Join(at, " "), name, err)
				}
			}
		}
	}
	for name := range documents.Look(j.OpenAPI, "components", "responses") {
		media([]string{"components", "responses", name}, documents.Look(j.OpenAPI, "components", "responses", name, "content"))
	}
	operations(j.OpenAPI, func(path, method string, op map[string]any) {
		place := []string{"paths", path, method}
		if body := documents.Look(op, "requestBody"); body != nil {
			media(append(slices.Clone(place), "requestBody"), documents.Look(body, "content"))
		}
		for status, raw := range documents.Look(op, "responses") {
			r := raw.(map[string]any)
			if _, shared := r["$ref"]; !shared {
				media(append(slices.Clone(place), "responses", status), documents.Look(r, "content"))
			}
		}
	})
	for name, raw := range documents.Look(j.OpenAPI, "components", "parameters") {
		p := raw.(map[string]any)
		checked++
		if err := j.Body([]string{"components", "parameters", name, "schema"}, p["example"]); err != nil {
			t.Errorf("parameter %s: %v", name, err)
		}
	}
	if checked < 60 {
		t.Errorf("only %d examples were found", checked)
	}
}

// Every operation says what it is, under a name of its own.
func TestOpenAPIOperations(t *testing.T) {
	j := documents.New(t)
	seen := map[string]string{}
	operations(j.OpenAPI, func(path, method string, op map[string]any) {
		where := method + " " + path
		id, _ := op["operationId"].(string)
		if id == "" || seen[id] != "" {
			t.Errorf("%s: operationId %q is empty or taken by %s", where, id, seen[id])
		}
		seen[id] = where
		if op["summary"] == "" || len(documents.Look(op, "responses")) == 0 {
			t.Errorf("%s: has no summary or no responses", where)
		}
		declared := map[string]bool{}
		for _, list := range []any{op["parameters"], documents.Look(j.OpenAPI, "paths", path)["parameters"]} {
			params, _ := list.([]any)
			for _, p := range params {
				ref := p.(map[string]any)["$ref"].(string)
				target := documents.Look(j.OpenAPI, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
				if target == nil {
					t.Fatalf("%s: %s leads nowhere", where, ref)
				}
				if target["in"] == "path" {
					declared[target["name"].(string)] = true
				}
			}
		}
		for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
			if !declared[m[1]] {
				t.Errorf("%s: {%s} is not declared", where, m[1])
			}
			delete(declared, m[1])
		}
		if len(declared) > 0 {
			t.Errorf("%s: declares %v, which the path has not", where, declared)
		}
	})
}

// References of both documents lead somewhere.
func TestReferences(t *testing.T) {
	j := documents.New(t)
	for name, doc := range map[string]map[string]any{"openapi": j.OpenAPI, "asyncapi": j.AsyncAPI} {
		count := 0
		var walk func(v any)
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				if ref, ok := v["$ref"].(string); ok && strings.HasPrefix(ref, "#/") {
					count++
					if documents.Look(doc, strings.Split(ref[2:], "/")...) == nil {
						t.Errorf("%s: %s leads nowhere", name, ref)
					}
				}
				for _, inner := range v {
					walk(inner)
				}
			case []any:
				for _, inner := range v {
					walk(inner)
				}
			}
		}
		walk(doc)
		if count < 20 {
			t.Errorf("%s: only %d references were found", name, count)
		}
	}
}

func TestAsyncAPIExamples(t *testing.T) {
	j := documents.New(t)
	all := documents.Look(j.AsyncAPI, "components", "messages")
	for name := range all {
		m := documents.Look(all, name)
		payload, _ := m["payload"].(map[string]any)
		schema := strings.TrimPrefix(fmt.Sprint(payload["$ref"]), "#/components/schemas/")
		examples, _ := m["examples"].([]any)
		if len(examples) == 0 {
			t.Errorf("%s has no example", name)
		}
		for _, e := range examples {
			if err := j.Message(schema, e.(map[string]any)["payload"]); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if len(all) != 16 {
		t.Errorf("%d messages, the protocols have 13 and 3", len(all))
	}
}
