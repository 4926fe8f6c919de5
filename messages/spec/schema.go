package spec

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"anode/messages/jsontext"
)

// Schema is the JSON Schema (2020-12) of the documents that Parse takes. It says all that a
// schema can say; what jq and templates must be, only Parse knows.
func Schema() []byte {
	schema := describe(language(), "")
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "aNode source"
	schema["allOf"] = kindRules()
	out, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("the rules make no JSON: %v", err))
	}
	return out
}

func describe(r *rule, path string) map[string]any {
	schema := make(map[string]any, len(r.schema)+4)
	for k, v := range r.schema {
		schema[k] = v
	}
	if len(r.fields) > 0 {
		describeFields(schema, r, path)
	}
	if r.each == nil {
		return schema
	}
	least, most := "minProperties", "maxProperties"
	if r.kinds[len(r.kinds)-1] == jsontext.Array {
		least, most = "minItems", "maxItems"
		schema["items"] = describe(r.each, path+"/-")
	} else {
		describeTable(schema, r, path)
	}
	if r.min > 0 {
		schema[least] = r.min
	}
	if r.max > 0 {
		schema[most] = r.max
	}
	return schema
}

func describeFields(schema map[string]any, r *rule, path string) {
	properties := make(map[string]any, len(r.fields))
	for _, f := range r.fields {
		at := pointer(path, f.name)
		properties[f.name] = describe(f.rule, at)
	}
	schema["properties"] = properties
	schema["additionalProperties"] = false
	if len(r.need) > 0 {
		schema["required"] = r.need
	}
	var options []any
	for _, name := range r.any {
		options = append(options, map[string]any{"required": []string{name}})
	}
	if options != nil {
		schema["anyOf"] = options
	}
}

func describeTable(schema map[string]any, r *rule, path string) {
	schema["additionalProperties"] = describe(r.each, path+"/-")
	if r.names != "" {
		schema["propertyNames"] = map[string]any{"pattern": r.names}
	}
	if r.value == nil { // these are headers, the only values whose names matter
		return
	}
	schema["propertyNames"] = map[string]any{"pattern": r.names, "not": map[string]any{"pattern": anyCase(ownHeaders)}}
	schema["patternProperties"] = map[string]any{
		anyCase(credentialHeaders): map[string]any{"type": "string", "pattern": `^$|\$\{`},
	}
}

// anyCase is a pattern for whole words in any case, for expression dialects without a flag for it.
func anyCase(words []string) string {
	var b strings.Builder
	b.WriteString("^(")
	for i, word := range words {
		if i > 0 {
			b.WriteByte('|')
		}
		for _, r := range word {
			if unicode.IsLetter(r) {
				b.WriteString("[" + string(unicode.ToUpper(r)) + string(unicode.ToLower(r)) + "]")
				continue
			}
			b.WriteRune(r)
		}
	}
	return b.String() + ")$"
}

func kindRule(kind string, then map[string]any) map[string]any {
	return map[string]any{
		"if":   map[string]any{"properties": map[string]any{"kind": map[string]any{"const": kind}}, "required": []string{"kind"}},
		"then": then,
	}
}

// kindRules say which fields belong to which kind.
func kindRules() []any {
	var rules []any
	for _, k := range []struct{ kind, scheme string }{{KindREST, `^(https?://|\$\{)`}, {KindWebSocket, `^(wss?://|\$\{)`}, {KindSSE, `^(https?://|\$\{)`}} {
		then := map[string]any{}
		for _, section := range []string{KindREST, KindWebSocket, KindSSE, KindPush} {
			if section != k.kind {
				then[section] = false
			}
		}
		then["url"] = map[string]any{"pattern": k.scheme}
		rules = append(rules, kindRule(k.kind, map[string]any{"properties": then, "required": []string{"url"}}))
	}
	then := map[string]any{"url": false, "exclusive": map[string]any{"const": false}}
	for _, name := range append([]string{KindREST, KindWebSocket, KindSSE}, outward...) {
		then[name] = false
	}
	then["redundancy"] = map[string]any{"const": 1}
	rules = append(rules, kindRule(KindPush, map[string]any{"properties": then}))
	rules = append(rules, map[string]any{
		"if": map[string]any{
			"properties": map[string]any{"redundancy": map[string]any{"minimum": 2}}, "required": []string{"redundancy"},
		},
		"then": map[string]any{"required": []string{"native_id"}, "properties": map[string]any{"exclusive": map[string]any{"const": false}}},
	})
	return append(rules, map[string]any{
		"if": map[string]any{
			"properties": map[string]any{"dedupe": map[string]any{"properties": map[string]any{"by": map[string]any{"const": DedupeNativeID}}, "required": []string{"by"}}},
			"required":   []string{"dedupe"},
		},
		"then": map[string]any{"required": []string{"native_id"}},
	})
}
