package transform

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"anode/messages/spec"
)

func TestSchema(t *testing.T) {
	for _, c := range []struct {
		name, schema string
		fits         []string
		fails        map[string]string // what the reason has
	}{
		{
			"objects", `{"type":"object","required":["p","s"],"properties":{"p":{"type":"number","exclusiveMinimum":0},"s":{"enum":["buy","sell"]}},"additionalProperties":false}`,
			[]string{`{"p":1.5,"s":"buy"}`},
			map[string]string{
				`{"p":0,"s":"buy"}`:          "schema: /p: exclusiveMinimum: got 0, want 0",
				`{"p":"x","s":"hold"}`:       "schema: /p: got string, want number; /s: value must be one of 'buy', 'sell'",
				`[]`:                         "schema: the value: got array, want object",
				`{}`:                         "schema: the value: missing properties 'p', 's'",
				`{"p":1,"s":"sell","x/y":1}`: "schema: the value: additional properties 'x/y' not allowed",
			},
		},
		{
			"the first reasons are told", `{"items":{"type":"string"}}`,
			[]string{`[]`, `["a"]`, `7`},
			map[string]string{`[1,2,3,"x",5,6]`: "schema: /0: got number, want string; /1: got number, want string; /2: got number, want string; and 2 more"},
		},
		{"patterns", `{"properties":{"a":{"pattern":"^[A-Z]+-USD$"}}}`, []string{`{"a":"BTC-USD"}`}, map[string]string{`{"a":"btc-usd"}`: "schema: /a: 'btc-usd' does not match pattern"}},
		{"formats", `{"properties":{"t":{"format":"date-time"}}}`, []string{`{"t":"2026-11-22T10:00:00Z"}`}, map[string]string{`{"t":"yesterday"}`: "schema: /t: 'yesterday' is not valid date-time"}},
		{
			"references", `{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://example.com/trade","$defs":{"level":{"type":"array","prefixItems":[{"$ref":"#/$defs/price"},{"$ref":"#p"}],"minItems":2},"price":{"$anchor":"p","type":"string","pattern":"^[0-9.]+$"}},"properties":{"bids":{"items":{"$ref":"https://example.com/trade#/$defs/level"}},"asks":{"$ref":"#/properties/bids"}}}`,
			[]string{`{"bids":[["1","2"]],"asks":[["1","2"]]}`},
			map[string]string{`{"bids":[["1","x"]]}`: "schema: /bids/0/1: 'x' does not match", `{"asks":[["1"]]}`: "schema: /asks/0: minItems: got 1, want 2"},
		},
		{"draft 7 with its $ref alone", `{"$schema":"http://json-schema.org/draft-07/schema#","$ref":"#/definitions/A","definitions":{"A":{"required":["a"]}}}`, []string{`{"a":1}`}, map[string]string{`{}`: "missing property 'a'"}},
		{"draft 4", `{"$schema":"http://json-schema.org/draft-04/schema#","id":"http://x.example/y","properties":{"a":{"$ref":"#/definitions/n"}},"definitions":{"n":{"minimum":1,"exclusiveMinimum":true}}}`, []string{`{"a":2}`}, map[string]string{`{"a":1}`: "exclusiveMinimum"}},
		{"a recursive one", `{"properties":{"next":{"$ref":"#"}},"required":["n"]}`, []string{`{"n":1,"next":{"n":2}}`}, map[string]string{`{"n":1,"next":{"n":2,"next":{}}}`: "schema: /next/next: missing property 'n'"}},
		{"if and unevaluated", `{"properties":{"k":{}},"if":{"properties":{"k":{"const":1}}},"then":{"properties":{"a":{}}},"else":{"properties":{"b":{}}},"unevaluatedProperties":false}`, []string{`{"k":1,"a":1}`, `{"k":2,"b":1}`}, map[string]string{`{"k":1,"b":1}`: "schema: /b: false schema"}},
		{"what is no pattern of ours", `{"patternProperties":{"^\\${x":{"type":"string"}},"default":{"$ref":"nowhere","pattern":"("}}`, []string{`{"a":1}`}, nil},
		{"large numbers", `{"items":{"type":"integer","multipleOf":1}}`, []string{`[9007199254740993,1e400]`}, map[string]string{`[1e-999999999]`: "want integer", `[1.5]`: "want integer"}},
		{"endless numbers", `{"items":{"type":"number","maximum":1}}`, []string{`[-1e999999999,0e999999999,1e-999999999]`}, map[string]string{`[1e999999999]`: "schema: /0: maximum: got"}},
		{"names", `{"properties":{"a":{"propertyNames":{"maxLength":2}}}}`, []string{`{"a":{"bc":1}}`}, map[string]string{`{"a":{"bcd":1}}`: "schema: /a/bcd: maxLength: got 3, want 2"}},
		{"the empty one", `{}`, []string{`1`, `null`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := pipeline(t, "schema: "+c.schema)
			for _, message := range c.fits {
				if got := feed(p, message); len(got.Drafts) != 1 {
					t.Errorf("%s: %q", message, reasonsOf(got))
				}
			}
			for message, want := range c.fails {
				got := feed(p, message)
				if len(got.Drafts) != 0 || got.Dropped.Failed != 1 || got.Data || !strings.Contains(got.Failures[0].Reason, want) {
					t.Errorf("%s: %q, want %q", message, reasonsOf(got), want)
				}
			}
		})
	}
}

// The schema sees the mapped value, and what does not fit is no duplicate later.
func TestSchemaComesBehindMapAndBeforeDedupe(t *testing.T) {
	p, _ := pipeline(t, "transform: {map: '{n, x: (.x * 2)}'}\nnative_id: .n\nschema: {properties: {x: {maximum: 10}}}")
	if got := feed(p, `{"n":1,"x":6}`); len(got.Drafts) != 0 || !strings.HasPrefix(got.Failures[0].Reason, "schema: /x: maximum: got 12, want 10") {
		t.Errorf("got %+v", got)
	}
	if got := feed(p, `{"n":1,"x":5}`); len(got.Drafts) != 1 {
		t.Errorf("got %+v", got)
	}
	p, _ = pipeline(t, "parse: binary\nschema: {type: string, maxLength: 4}")
	if got := feed(p, "abc"); len(got.Drafts) != 1 {
		t.Errorf("bytes: %+v", got)
	}
}

func TestSchemaFaultsHaveTheirPlace(t *testing.T) {
	for schema, want := range map[string][]string{
		`{"type":"strin","properties":{"a":{"minimum":"x"}}}`:                   {"/schema/type: ", "/schema/properties/a/minimum: got string, want number"},
		`{"properties":{"a/b":{"pattern":"a(?=b)"}}}`:                           {"/schema/properties/a~1b/pattern: 'a(?=b)' is not valid regex: error parsing regexp"},
		`{"patternProperties":{"(":{}}}`:                                        {"/schema/patternProperties/(: '(' is not valid regex"},
		`{"items":{"$ref":"https://example.com/other.json"}}`:                   {"/schema/items/$ref: only references within the schema"},
		`{"items":{"$ref":"other.json#/a"}}`:                                    {"/schema/items/$ref: only references within the schema"},
		`{"$ref":"file:///etc/passwd"}`:                                         {"/schema/$ref: only references within the schema"},
		`{"items":{"$ref":"#/$defs/none"}}`:                                     {"/schema/items/$ref: leads to no schema"},
		`{"$ref":"#/default","default":{"type":"string"}}`:                      {"/schema/$ref: leads to no schema"},
		`{"$ref":"#none"}`:                                                      {"/schema"},
		`{"$schema":"https://example.com/meta"}`:                                {"/schema/$schema: is none of the drafts"},
		`{"properties":{"a":{"$id":"https://x.example/a"}}}`:                    {"/schema/properties/a/$id: belongs to the whole"},
		`{"$dynamicRef":"#a"}`:                                                  {"/schema/$dynamicRef: is not supported"},
		`{"format":"regex"}`:                                                    {"/schema/format: "},
		`{"allOf":[{"$ref":"#"}]}`:                                              {"/schema: its references go round in a circle"},
		`{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"not":{"$ref":"#/$defs/a"}}}}`: nil, // nobody asks for them
		`{"items":{"$ref":"#/$defs/a"},"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/b"}]},"b":{"not":{"$ref":"#/$defs/a"}}}}`: {"/schema: its references go round"},
		`{"maximum":1e999999999,"enum":[[1e-1000]]}`:                         {"/schema/enum/0/0: the exponent", "/schema/maximum: the exponent"},
		`{"pattern":"` + strings.Repeat("a", 1025) + `"}`:                    {"/schema/pattern: 'aaa"},
		`{"items":{"pattern":"` + strings.Repeat("[a-c]{1000}", 60) + `"}}`:  {"/schema/items/pattern: "},
		`{"properties":{` + strings.Repeat(`"a":{},`, 0) + many(2001) + `}}`: {"/schema: has more than 2000 subschemas"},
		chain(300): {"/schema: more than 100 subschemas are within each other"},
	} {
		s, err := spec.Parse([]byte(`{"name":"a","kind":"rest","url":"https://x.example.com","schema":`+schema+`}`), false)
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(Config{Spec: s, Language: language(time.Now), Clock: time.Now})
		var faults spec.Faults
		if err != nil && !errors.As(err, &faults) {
			t.Fatal(err)
		}
		ok := len(faults) == len(want)
		for _, w := range want {
			found := false
			for _, f := range faults {
				found = found || strings.HasPrefix(f.Path+": "+f.Message, w)
			}
			ok = ok && found
		}
		if !ok {
			t.Errorf("%.100s gives %.300v, want %q", schema, faults, want)
		}
	}
}

// many are n members with schemas.
func many(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"m%d":{"type":"string"}`, i))
	}
	return strings.Join(all, ",")
}

// chain is n references, one after the other.
func chain(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"d%d":{"$ref":"#/$defs/d%d"}`, i, i+1))
	}
	return fmt.Sprintf(`{"$ref":"#/$defs/d0","$defs":{%s,"d%d":{}}}`, strings.Join(all, ","), n)
}

// fan is a schema that looks at the same value 2^n times.
func fan(n int, of string) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"d%d":{%q:[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]}`, i, of, i+1, i+1))
	}
	return fmt.Sprintf(`{"$ref":"#/$defs/d0","$defs":{%s,"d%d":{"type":"object"}}}`, strings.Join(all, ","), n)
}

// Whatever the schema and the value are, checking ends soon and takes little memory.
func TestHostileSchemasEnd(t *testing.T) {
	nested := strings.Repeat("[", 120) + "1" + strings.Repeat("]", 120)
	numbers := "[" + strings.TrimSuffix(strings.Repeat("1,", 50_000), ",") + "]"
	var enum strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&enum, "%d,", i+10)
	}
	props := strings.Builder{}
	for i := range 50_000 {
		fmt.Fprintf(&props, `"k%d":1,`, i)
	}
	object := "{" + strings.TrimSuffix(props.String(), ",") + "}"
	for _, c := range []struct{ name, schema, value string }{
		{"2^40 by allOf", fan(40, "allOf"), `{}`},
		{"2^40 by anyOf", fan(40, "anyOf"), `1`},
		{"2^40 by oneOf", fan(40, "oneOf"), `1`},
		{"2^120 by two steps into the value", `{"items":{"$ref":"#"},"contains":{"$ref":"#"}}`, nested},
		{"and where it does not matter why", `{"not":{"$ref":"#/$defs/x"},"$defs":{"x":{"items":{"$ref":"#/$defs/x"},"contains":{"$ref":"#/$defs/x"}}}}`, nested},
		{"2^120 by patterns", `{"patternProperties":{"a":{"$ref":"#"},"^a":{"$ref":"#"}}}`, strings.Repeat(`{"a":`, 120) + "1" + strings.Repeat("}", 120)},
		{"a long enum of each", `{"items":{"enum":[` + enum.String() + `1]}}`, strings.ReplaceAll(numbers, "1", "2")},
		{"many errors", `{"items":{"allOf":[` + strings.TrimSuffix(strings.Repeat(`{"type":"string"},`, 100), ",") + `]}}`, numbers},
		{"false of each", `{"items":false,"contains":false}`, numbers},
		{"many patterns of many names", `{"patternProperties":{` + func() string {
			var all []string
			for i := range 1000 {
				all = append(all, fmt.Sprintf(`"x%d$":{}`, i))
			}
			return strings.Join(all, ",")
		}() + `}}`, object},
		{"a slow pattern on a long text", `{"pattern":"(x+x+)+y(a|b|c){1,200}z"}`, `"` + strings.Repeat("x", 1<<20-100) + `"`},
		{"many parts", `{"uniqueItems":true}`, "[" + strings.TrimSuffix(strings.Repeat("1,", 500_000), ",") + "]"},
		{"names checked as values", `{"propertyNames":{"allOf":[` + strings.TrimSuffix(strings.Repeat(`{"pattern":"^k"},`, 500), ",") + `]}}`, object},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := pipeline(t, "schema: "+c.schema)
			begun, before := time.Now(), allocated()
			got := feed(p, c.value)
			took, made := time.Since(begun), (allocated()-before)>>20
			t.Logf("%s, %d MiB: %.100q", took, made, reasonsOf(got))
			if len(got.Drafts) > 0 && !strings.Contains(c.name, "2^120 by two") || took > 10*time.Second || made > 300 {
				t.Errorf("%d records after %s and %d MiB", len(got.Drafts), took, made)
			}
		})
	}
}

// A schema accepts the same with its work counted as without.
func TestMeteredSchemasMeanTheSame(t *testing.T) {
	for _, document := range []string{
		`{"type":"object","properties":{"a":{"type":["string","null"],"minLength":2},"b":{"items":[{"type":"integer"}],"additionalItems":false}},"dependencies":{"a":["b"]},"$schema":"http://json-schema.org/draft-07/schema#"}`,
		`{"anyOf":[{"properties":{"a":{"const":1}},"required":["a"]},{"type":"array","contains":{"const":2},"minContains":2,"maxContains":3}],"unevaluatedProperties":{"type":"string"}}`,
		`{"oneOf":[{"required":["a"]},{"required":["b"]}],"dependentSchemas":{"c":{"required":["a"]}},"dependentRequired":{"a":["d"]},"propertyNames":{"maxLength":2}}`,
	} {
		source := &schemaSource{places: map[string]string{}}
		var value any
		if err := json.Unmarshal([]byte(document), &value); err != nil {
			t.Fatal(err)
		}
		s := &schema{meter: &meter{left: 1 << 30, patience: time.Hour}}
		plainly, err := s.compile(value)
		if err != nil {
			t.Fatal(err)
		}
		metered, err := s.compile(source.read(value))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{
			`{}`, `{"a":1}`, `{"a":"xx","b":[1]}`, `{"a":"x","b":[1,2]}`, `{"a":null}`, `{"b":[1.5]}`, `{"a":1,"d":"x"}`, `{"a":1,"d":2}`, `[2,2]`, `[2]`, `[2,2,2,2]`, `{"abc":1}`,
			`{"a":1,"b":2}`, `{"b":1,"c":1}`, `{"a":1,"c":1,"d":1}`, `"x"`, `null`, `7`,
		} {
			var v any
			if err := json.Unmarshal([]byte(text), &v); err != nil {
				t.Fatal(err)
			}
			if a, b := plainly.Validate(v), metered.Validate(v); (a == nil) != (b == nil) {
				t.Errorf("%s of %s: %v, and with its work counted %v", text, document, a, b)
			}
		}
	}
}
