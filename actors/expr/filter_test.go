package expr

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/itchyny/gojq"
	"pgregory.net/rapid"

	"anode/messages"
)

func ExampleCompileFilter() {
	f, err := CompileFilter(`.data.price > 100 and (.key | startswith("BTC"))`)
	if err != nil {
		fmt.Println(err)
		return
	}
	r := &messages.Record{Draft: messages.Draft{Stream: "market.trades", Key: "BTC-USD", Payload: []byte(`{"price":100.5}`)}}
	fmt.Println(f.Match(r))
	_, err = CompileFilter(`[.data[] | . * 2]`)
	fmt.Println(err)
	// Output:
	// true
	// an array is not in the safe subset: [.data[] | . * 2]
}

func record(payload, contentType string) *messages.Record {
	return &messages.Record{
		Position: messages.Position{Origin: "abc", Epoch: 5, Sequence: 7, Index: 1},
		HLC:      messages.HLCFromMillis(1_790_000_000_123),
		Draft: messages.Draft{
			Stream: "a.b", Source: "src", Key: "BTC-USD", Time: time.UnixMilli(1_700_000_000_000),
			ContentType: contentType, Payload: []byte(payload),
		},
	}
}

// reference is what the library says of a filter on a value: its first result decides.
func reference(t testing.TB, text string, input any) bool {
	t.Helper()
	query, err := gojq.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	code, err := gojq.Compile(query)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	v, ok := code.RunWithContext(ctx, input).Next()
	if _, failed := v.(error); !ok || failed {
		return false
	}
	return v != nil && v != false
}

func TestFilterOnRecords(t *testing.T) {
	jsonRecord := record(`{"price":100.5,"n":9007199254740993,"tags":["x","y"],"s":"a\u00e4\n","o":{"k":null},"e":[]}`, "")
	textRecord := record("hello\nworld", "text/plain")
	for _, text := range []string{
		`.data.price > 100`, `.data.price == 100.50`, `.data.n == 9007199254740993`, `.data.n == 9007199254740992`,
		`.id == "abc-5-7-1"`, `.id`, `.stream == "a.b"`, `.source == "src"`, `.key | startswith("BTC")`, `.native_id`, `.native_id == null`,
		`.time == "2023-11-14T22:13:20Z"`, `.received > .time`, `.content_type`, `.content_type == "text/plain"`, `.text | contains("world")`, `.base64`,
		`has("key")`, `has("native_id")`, `has("data")`, `has("text")`, `.data | has("price")`, `.data.o | has("k")`,
		`.data.s == "aä\n"`, `.data.s | length == 3`, `.data.tags | any(. == "y")`, `any(.data.tags[]; . == "z")`, `all(.data.tags[]; length == 1)`,
		`.data.tags == ["x","y"]`, `.data.tags[-1] == "y"`, `.data.tags[5]`, `.data["price"]`, `.data.missing.deeper`, `.data.price.x`, `.data.price.x?`,
		`(.data.price.x?) // true`, `.data.missing // "d" == "d"`, `"x" | in({"x":1})`, `.data | contains({tags:["x"]})`, `.data.e | all`, `.data.e | any`,
		`{a: .data.price} == {a: 100.5}`, `{data} | .data.price`, `.data.price | test("1")`, `.key | test("^btc"; "i")`, `.data.price + 1 > 101`, `.data.price % 7 == 2`,
		`if .key == "x" then false elif .data then true else false end`, `.key | ascii_downcase == "btc-usd"`, `.data.price | tostring == "100.5"`, `"12" | tonumber == 12`,
		`length > 3`, `.data | length == 6`, `-.data.price < 0`, `.data.price / 0`, `.key * 2 == "BTC-USDBTC-USD"`, `.a.b.c`, `not`, `.data | not`, `select(.key)`, `empty`, `. == .`,
		`.data | type == "object"`, `any`, `all(.data.o[]; . == null)`, `.data.price < "a"`, `null < false`, `[] < {}`, `.data.tags - ["x"] == ["y"]`,
	} {
		f, err := CompileFilter(text)
		if err != nil {
			if strings.Contains(text, `["`) {
				continue // an array is a literal only when it is empty
			}
			t.Errorf("%s: %v", text, err)
			continue
		}
		for _, r := range []*messages.Record{jsonRecord, textRecord} {
			input, err := Decode(r.AppendJSON(nil))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := f.Match(r), reference(t, text, input); got != want {
				t.Errorf("%s on %s: %v, jq says %v", text, r.AppendJSON(nil), got, want)
			}
		}
	}
}

func TestFilterRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`.data[]`:                  "'.[]' outside of any(…) and all(…)",
		`.a = 1`:                   "an assignment",
		`.a, .b`:                   "more than one result",
		`def f: 1; f`:              "a function of your own",
		`. as $x | $x`:             "a variable",
		`$ENV`:                     "a variable",
		`"\(.a)" == "x"`:           `a text with \(…)`,
		`range(10)`:                "range/1",
		`.a | test(.b)`:            "test with a pattern that is no literal",
		`test("(")`:                "no RE2 expression",
		`test("a"; "x")`:           "not of g, i and m",
		`[.a]`:                     "an array",
		`reduce .[] as $x (0; .)`:  "this",
		`..`:                       "this",
		`.a |`:                     "is not jq",
		".a > 1\x00 and .b":        "NUL",
		"\x00":                     "NUL",
		`.[1:2]`:                   "a slice",
		`input`:                    "is not in the safe subset",
		`now > 1`:                  "is not in the safe subset",
		strings.Repeat(" ", 3<<10): "at most 2048 are allowed",
	} {
		if _, err := CompileFilter(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q gives %v; want %s", text, err, want)
		}
	}
}

func TestFilterAllocatesLittle(t *testing.T) {
	f, err := CompileFilter(`.data.price > 100 and (.key | startswith("BTC")) and (.data.side == "buy" or any(.data.tags[]; . == "x"))`)
	if err != nil {
		t.Fatal(err)
	}
	r := record(`{"price":100.5,"side":"sell","tags":["a","x"]}`, "")
	if !f.Match(r) {
		t.Fatal("does not match")
	}
	if n := testing.AllocsPerRun(100, func() { f.Match(r) }); n > 12 {
		t.Errorf("%v allocations", n)
	}
}

// The parts that random filters are made of.
var (
	paths   = []string{".", ".a", ".b", ".a.b", ".c", ".c[0]", ".c[-1]", `."d e"`, ".a?", ".b.a?", `.["c"]`, ".c.[1]", ".z"}
	numbers = []string{"0", "1", "-1", "2.5", "1e3", "9007199254740993", "100000000000000000000", "-0", "1.0"}
	texts   = []string{`""`, `"a"`, `"ab"`, `"ä"`, `"b"`, `"c"`}
)

func drawFilter(t *rapid.T, depth int) string {
	leaf := rapid.SampledFrom(append(append(append([]string{"null", "true", "false", "[]", "{}"}, paths...), numbers...), texts...))
	if depth == 0 {
		return leaf.Draw(t, "leaf")
	}
	sub := func() string { return drawFilter(t, depth-1) }
	path := func() string { return rapid.SampledFrom(paths).Draw(t, "path") }
	switch rapid.IntRange(0, 16).Draw(t, "form") {
	case 0:
		return leaf.Draw(t, "leaf")
	case 1, 2, 3:
		return "(" + sub() + rapid.SampledFrom([]string{" == ", " != ", " < ", " <= ", " > ", " >= "}).Draw(t, "order") + sub() + ")"
	case 4:
		return "(" + sub() + rapid.SampledFrom([]string{" and ", " or ", " // ", " | "}).Draw(t, "logic") + sub() + ")"
	case 5, 6:
		return "(" + sub() + rapid.SampledFrom([]string{" + ", " - ", " * ", " / ", " % "}).Draw(t, "op") + sub() + ")"
	case 7:
		return "(" + sub() + " | " + rapid.SampledFrom([]string{"not", "length", "type", "ascii_downcase", "ascii_upcase", "tonumber", "tostring", "any", "all"}).Draw(t, "unary") + ")"
	case 8:
		return "(" + sub() + " | " + rapid.SampledFrom([]string{"has", "contains", "inside", "startswith", "endswith", "in"}).Draw(t, "binary") + "(" + sub() + "))"
	case 9:
		return rapid.SampledFrom([]string{"any", "all"}).Draw(t, "quantifier") + "(" + path() + "[]; " + sub() + ")"
	case 10:
		return rapid.SampledFrom([]string{"any", "all"}).Draw(t, "quantifier") + "(" + path() + "[]?; " + sub() + ")"
	case 11:
		return "(if " + sub() + " then " + sub() + " else " + sub() + " end)"
	case 12:
		return "{a: " + sub() + ", b: " + sub() + "}"
	case 13:
		return "(" + sub() + ")?"
	case 14:
		return "(" + sub() + ` | test("[ab]+$"))`
	case 15:
		return "(-" + path() + ")"
	}
	return "select(" + path() + " == " + sub() + ")"
}

func drawJSON(t *rapid.T, depth int) any {
	top := 7
	if depth == 0 {
		top = 4
	}
	switch rapid.IntRange(0, top).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return json.Number(rapid.SampledFrom(numbers).Draw(t, "number"))
	case 3, 4:
		return rapid.SampledFrom([]string{"", "a", "ab", "ä", "b\n", "12", "x\"y", "\U0001f600"}).Draw(t, "text")
	case 5:
		out := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			out = append(out, drawJSON(t, depth-1))
		}
		return out
	}
	out := map[string]any{}
	for range rapid.IntRange(0, 4).Draw(t, "length") {
		out[rapid.SampledFrom([]string{"a", "b", "c", "d e"}).Draw(t, "name")] = drawJSON(t, depth-1)
	}
	return out
}

func TestFilterAgreesWithTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawFilter(t, rapid.IntRange(0, 3).Draw(t, "depth"))
		f, err := CompileFilter(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for range 4 {
			input := drawJSON(t, 3)
			raw, err := Append(nil, input)
			if err != nil {
				t.Fatal(err)
			}
			query, err := gojq.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			code, err := gojq.Compile(query)
			if err != nil {
				t.Fatal(err)
			}
			v, ok := code.Run(input).Next()
			_, failed := v.(error)
			want := ok && !failed && v != nil && v != false
			if got := f.MatchJSON(raw); got != want {
				t.Fatalf("%s on %s: %v, jq says %v (%v)", text, raw, got, want, v)
			}
		}
	})
}

func FuzzCompileFilter(f *testing.F) {
	for _, seed := range []string{`.data.price > 100`, `any(.data.tags[]; . == "z")`, `{a: .b} == {}`, `if . then 1 end`, `.a | test("x+")`, `(.a?)//1`} {
		f.Add(seed, `{"a":[1,"x"],"data":{"tags":["z"]}}`)
	}
	f.Fuzz(func(_ *testing.T, text, payload string) {
		filter, err := CompileFilter(text)
		if err != nil {
			return
		}
		raw, err := Append(nil, nil)
		if v, bad := Decode([]byte(payload)); bad == nil {
			raw, err = Append(nil, v)
		}
		if err == nil {
			filter.MatchJSON(raw)
			filter.Match(record(string(raw), ""))
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	f, err := CompileFilter(`.data.price > 100 and (.key | startswith("BTC"))`)
	if err != nil {
		b.Fatal(err)
	}
	r := record(`{"type":"match","trade_id":118,"price":30000.10,"size":"0.01"}`, "")
	b.ReportAllocs()
	for b.Loop() {
		f.Match(r)
	}
}
