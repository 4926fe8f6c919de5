package expr

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"anode/messages"
	"anode/messages/jsontext"
)

// mapped are mappings and values of all kinds.
var mapped = []string{
	`.`, `.a`, `.a.b[0]`, `.["a"]`, `.a[-1]`, `{a, b: .c}`, `{b, a, "x y": .a.b, (.k): 1}`, `{a: 1, a: 2}`, `{a: {b: .a, c: {d: .b}}, e: null}`,
	`.a | {b}`, `{a: (.a | {b})}`, `.a // .b`, `{p: .price, big: (.price > 10)}`, `.a + .b`, `{t: (.a // "none")}`, `if .a then {a} else .b end`, `{a: .a?}`, `.a?`,
	`.[]`, `.a[]`, `.a.b[]`, `.[]?`, `.a[]?`, `(.a | .b)[]`, `{a}[]`, `empty`, `{a: empty}`, `select(.a)`, `-.a`, `"x"`, `[]`, `7`,
	`{a: .a, b: .a, c: .a, d: .a}`, `.[0]`, `.[1]`, `{x: .[0], y: .[2]}`, `{a: .["a"], n: (.n + 1)}`, `{"a\"b": .a}`, `{(.a): .b}`, `has("a")`, `{a: has("a")}`,
}

var mappedValues = []string{
	`{}`, `[]`, `null`, `1`, `"x"`, `true`, `{"a":1.10,"b":"\u00e9","c":[1,{"d":2}],"k":"K"}`, `{"a":{"b":[1,2,3]},"price":1e2,"n":9007199254740993}`,
	`{"a":[1,[2],{"b":3}]}`, `[1.50,"a",{"x":null}]`, `{"a":null,"b":0}`, `{"a":"x","b":"y"}`, `{"a":"x\"\\\n","b":false}`, `[[1],[2]]`, `{"a":1,"a":2}`, `{"a":-5,"b":{"b":1}}`,
}

// check compares a mapping with the program of the same text, where the mapping gives something.
func checkMapping(t *testing.T, e *Engine, text, value string) {
	t.Helper()
	m, err := CompileMapping(text)
	if err != nil {
		return
	}
	p, err := e.Compile(text)
	if err != nil {
		return // nobody uses the one without the other
	}
	raw, err := jsontext.Compact(nil, []byte(value), messages.MaxJSONDepth)
	if err != nil {
		return
	}
	got, ok := m.Map(raw)
	if !ok {
		return
	}
	input, err := Decode(raw)
	if err != nil {
		return
	}
	want, err := p.Run(context.Background(), input, Env{})
	if err != nil || len(got) != len(want) {
		t.Errorf("%s of %s: %d results %s, want %d: %v", text, value, len(got), got, len(want), err)
		return
	}
	for i := range want {
		text1, err := Append(nil, want[i])
		if err != nil {
			t.Fatal(err)
		}
		v, err := Decode(got[i])
		if err != nil {
			t.Errorf("%s of %s gives %s, which is no JSON: %v", text, value, got[i], err)
			return
		}
		if text2, err := Append(nil, v); err != nil || string(text1) != string(text2) {
			t.Errorf("%s of %s gives %s, want %s", text, value, got[i], text1)
		}
		if compact, err := jsontext.Compact(nil, got[i], messages.MaxJSONDepth); err != nil || string(compact) != string(got[i]) {
			t.Errorf("%s of %s gives %s, which is not compact: %v", text, value, got[i], err)
		}
	}
}

func TestMappingsAreWhatProgramsAre(t *testing.T) {
	e, mappings := newEngine(), 0
	for _, text := range mapped {
		if _, err := CompileMapping(text); err == nil {
			mappings++
		} else {
			t.Logf("%s: %v", text, err)
		}
		for _, value := range mappedValues {
			checkMapping(t, e, text, value)
		}
	}
	if mappings < len(mapped)-5 {
		t.Errorf("%d of %d are mappings", mappings, len(mapped))
	}
}

func TestMappingsInGeneral(t *testing.T) {
	e := newEngine()
	rapid.Check(t, func(rt *rapid.T) {
		text := drawFilter(rt, 3)
		switch rapid.IntRange(0, 2).Draw(rt, "form") {
		case 1:
			text = "{a: " + text + ", b: {c: " + drawFilter(rt, 2) + "}}"
		case 2:
			text = "(" + text + ")[]"
		}
		raw, err := Append(nil, drawJSON(rt, 3))
		if err != nil {
			rt.Fatal(err)
		}
		checkMapping(t, e, text, string(raw))
		if t.Failed() {
			rt.Fatal(text)
		}
	})
}

func TestMappingsKeepTokens(t *testing.T) {
	for _, c := range []struct {
		text, value string
		want        []string
	}{
		{`{p: .price, id: .i, t: .t}`, `{"price":1.10,"i":9007199254740993,"t":"\u00e9"}`, []string{`{"id":9007199254740993,"p":1.10,"t":"\u00e9"}`}},
		{`.items[]`, `{"items":[1.0, {"b":1,"a":2}]}`, []string{`1.0`, `{"b":1,"a":2}`}},
		{`.data`, `{"data":{"b":1,"a":2}}`, []string{`{"b":1,"a":2}`}},
		{`{a: .x}`, `{}`, []string{`{"a":null}`}},
		{`.x[]`, `{"x":[]}`, []string{}},
	} {
		m, err := CompileMapping(c.text)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := jsontext.Compact(nil, []byte(c.value), 10)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := m.Map(raw)
		all := []string{}
		for _, g := range got {
			all = append(all, string(g))
		}
		if !ok || strings.Join(all, " ") != strings.Join(c.want, " ") {
			t.Errorf("%s of %s gives %v %v", c.text, c.value, all, ok)
		}
	}
}

// What is too much for a mapping is left to the program.
func TestMappingsAreBounded(t *testing.T) {
	big := []byte(`{"a":"` + strings.Repeat("x", 6<<20) + `"}`)
	for text, want := range map[string]bool{`{a}`: true, `{a, b: .a, c: .a, d: .a, e: .a, f: .a}`: false, `.a`: true} {
		m, err := CompileMapping(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := m.Map(big); ok != want {
			t.Errorf("%s of 6 MiB is %v", text, ok)
		}
	}
	m, err := CompileMapping(".[]")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Map([]byte("[" + strings.Repeat("1,", maxResults) + "1]")); ok {
		t.Error("more elements than results are allowed")
	}
}

func FuzzMapping(f *testing.F) {
	for i, text := range mapped {
		f.Add(text, mappedValues[i%len(mappedValues)])
	}
	e := newEngine()
	f.Fuzz(func(t *testing.T, text, value string) {
		if utf8.ValidString(text) && !strings.Contains(text, "now") && !strings.Contains(text, "uuid") {
			checkMapping(t, e, text, value)
		}
	})
}
