package expr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/itchyny/gojq"
	"pgregory.net/rapid"
)

func ExampleEngine_Compile() {
	e := NewEngine(EngineConfig{})
	p, err := e.Compile(`.items[] | select(.price > 1) | {symbol, price, at: $meta.received}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	input, _ := Decode([]byte(`{"items":[{"symbol":"A","price":1.10},{"symbol":"B","price":0.5}]}`))
	results, err := p.Run(context.Background(), input, Env{Meta: map[string]any{"received": "2026-11-22T10:00:00Z"}})
	for _, r := range results {
		text, _ := Append(nil, r)
		fmt.Println(string(text), err)
	}
	_, err = e.Compile(`.items | map(.price) | inputs`)
	fmt.Println(err)
	// Output:
	// {"at":"2026-11-22T10:00:00Z","price":1.10,"symbol":"A"} <nil>
	// the function inputs is not allowed: an expression sees one message at a time
	//   .items | map(.price) | inputs
	//                          ^
}

// start is what the clocks of tests show.
var start = time.UnixMilli(1_763_805_600_123)

func newEngine() *Engine { return NewEngine(EngineConfig{Clock: func() time.Time { return start }}) }

func decode(t testing.TB, text string) any {
	t.Helper()
	v, err := Decode([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// results are a program's results as JSON, a line each.
func results(t testing.TB, e *Engine, text, input string) (string, error) {
	t.Helper()
	p, err := e.Compile(text)
	if err != nil {
		return "", err
	}
	env := Env{Meta: decode(t, `{"status":200}`), State: decode(t, `{"5":"ETH"}`)}
	out, err := p.Run(context.Background(), decode(t, input), env)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, v := range out {
		line, err := Append(nil, v)
		if err != nil {
			return "", err
		}
		lines = append(lines, string(line))
	}
	return strings.Join(lines, " "), nil
}

func TestProgramsSeeMoreThanJQ(t *testing.T) {
	e := newEngine()
	for text, want := range map[string]string{
		`.n`:                          `1.10`,
		`{n, big: .big}`:              `{"big":9007199254740993,"n":1.10}`,
		`[.n, .n + 1]`:                `[1.10,2.1]`,
		`.big + 1`:                    `9007199254740994`,
		`[.list[] | .] | sort | .[0]`: `1.0`,
		`$meta.status`:                `200`,
		`$state["5"]`:                 `"ETH"`,
		`now`:                         `1763805600123`,
		`now / 1000 | todate`:         `"2025-11-22T10:00:00Z"`,
		`uuid | test("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")`: `true`,
		`"0x1f" | hexint`: `31`,
		`"0x1bc16d674ec80000", "-ff", "de0b6b3a76400000000" | hexint`: `2000000000000000000 -255 65536000000000000000000`,
		`hash("sha256"; "abc")`:         `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`,
		`hash("md5"; 5)`:                `"e4da3b7fbbce2345d7772b0674a318d5"`,
		`hash("sha1"; "abc"; "base64")`: `"qZk+NkcGgWq6PiVxeFDCbJzQ2J0="`,
		`hmac("sha256"; "key"; "The quick brown fox jumps over the lazy dog")`:                     `"f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"`,
		`hmac("sha256"; "key"; "The quick brown fox jumps over the lazy dog"; "base64")`:           `"97yD9DBThCSxMpjmqm+xQ+9NWaFJRhdZl0edvC0aPNg="`,
		`hmac("sha512"; "a2V5" | @base64d; "/p" + hash("sha256"; "x"; "raw"); "raw") | length > 0`: `true`,
		`jwt({}; "k"; {kid: "a"}) | split(".")[0] | . + "" | @base64d`:                             `"{\"alg\":\"HS256\",\"kid\":\"a\",\"typ\":\"JWT\"}"`,
		`reduce range(3) as $i ([]; .[$i] = $i)`:                                                   `[0,1,2]`,
		`5 | toarray`:                                                                              `[5]`,
		`"añb" | reverse`:                                                                          `"bña"`,
	} {
		got, err := results(t, e, text, `{"n":1.10,"big":9007199254740993,"list":[3,1.0,2]}`)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got != want {
			t.Errorf("%s gives\n%s, want\n%s", text, got, want)
		}
	}
}

// agreeing are programs that must do what the library does.
var agreeing = []string{
	`.`, `.a`, `.a.b?`, `.c[0]`, `.c[-1]`, `.c[1:]`, `.c[:-1]`, `.s[1:3]`, `.s[0]`, `.["a"]`, `."d e"`, `.c[]`, `.[]?`, `..`, `[..]`, `.c | .[1,0]`, `.c[.c[0]]`,
	`.a as $x | $x`, `. as {a: $x, c: [$y, $z]} | [$x, $y, $z]`, `. as {$a} | $a`, `. as {$c: [$f]} | [$c, $f]`, `. as {"s": $x} | $x`, `. as {("a","c"): $x} | $x`,
	`.c as [$a] ?// $a | [$a]`, `[.[] as [$a] ?// $a | $a]`, `. as {"\("a")": $x} | $x`,
	`[.c[] | . + 1]`, `.c | map(. * 2)`, `.c | add`, `add(.c[])`, `.s * 3`, `.s * 0`, `.s / ","`, `{a: 1} * {a: {b: 2}}`, `.c - [2]`, `.n % 3`, `7 / 2`, `1 / 0`, `"a" - 1`, `[] - 1`, `{} + 1`, `null + 1`,
	`.a == null`, `.c < [9]`, `{} < []`, `.a >= .n`, `[1,[2]] == [1,[2]]`, `{"a":1} != {"a":2}`, `nan < nan`, `[nan] | sort`, `"a" < "b"`, `true and .a`, `.a or error`, `.a // "d"`, `(.c[] | select(. > 1)) // 5`, `empty // 1`, `not`,
	`if .a then 1 elif .n then 2 else 3 end`, `if .a then 1 end`, `try error("x") catch .`, `try error({a: 1}) catch .a`, `.a.b.c?`, `[.c[] | .x?]`, `try (1/0) catch "e"`, `error(null)`, `try error(null) catch .`, `(.s | .x)? // 3`,
	`reduce .c[] as $x (0; . + $x)`, `[foreach .c[] as $x (0; . + $x)]`, `[foreach .c[] as $x (0; . + $x; [$x, .])]`, `reduce (.c[], "x") as [$a] (0; 1)`, `label $out | 1, break $out, 2`, `[label $f | .c[] | ., (select(. == 2) | break $f)]`,
	`def f: 1; f`, `def f(x): x + 1; f(.n)`, `def f($x): $x, x; f(1,2)`, `def f($a; $b): [$a, $b]; [f(1,2; 3,4)]`, `def f: def g: 3; g; f`, `def fac: if . < 2 then 1 else . * (. - 1 | fac) end; 5 | fac`, `def map(f): "mine"; map(1)`, `def length: 7; [1] | length`, `def f(g): def g: 1; g; f(2)`, `[1, def f: 2; f]`, `def test(x): x; test(5)`,
	`def f(x): x | x; 2 | f(. * .)`, `[limit(3; .c[], .c[])]`, `[first(.c[])]`, `[.c[] | first(empty)]`, `first`, `.c | first, last`, `[last(.c[])]`, `last(empty)`, `isempty(empty)`, `isempty(.c[])`, `[skip(1; .c[])]`, `nth(1; .c[])`, `.c | nth(1)`, `limit(-1; 1)`, `nth(-1; 1)`, `[until(. > 100; . * 2)?]`, `1 | until(. > 100; . * 2)`, `[1 | while(. < 10; . + 1)]`, `[limit(3; repeat("a"))]`, `[range(3)]`, `[range(1; 3)]`, `[range(0; 10; 3)]`, `[range(0; -3; -1)]`, `[range(0, 1; 3, 4)]`, `range("a")`,
	`"\(.n) and \(.c) \("x" + "y")"`, `"\(1, 2)-\(3, 4)"`, `"a" + "\(.s)b"`, `@base64 "x\(.s)"`, `@json "v=\(.c)"`, `@text "v=\(.c)"`, `{"\(.s)": 1}`, `{"a\("b", "c")"}`, `{"s"}`, `{a, "b": 2, (.s): 3, @base64 "x": 1}?`, `{(.c[] | tostring): 1}`, `{a: (1, 2), b: (3, 4)}`, `. as $v | {$v, s}`, `{$__loc__}?`, `{a: 1 | 2}?`, `{(1): 2}`, `[.[]?]`,
	`.c | @csv, @tsv, @sh`, `.s | @html, @uri, @base64, @sh, @json, @text`, `"YWJj" | @base64d`, `"a%20b" | @urid`, `{} | @csv`, `"%zz" | @urid`, `"!" | @base64d`,
	`keys`, `.c | keys`, `length`, `.c | length`, `.s | length`, `-5 | length`, `.n | length`, `true | length`, `null | length`, `has("a")`, `.c | has(1)`, `.c | has("a")`, `"a" | in({"a": 1})`, `type`, `[.[] | type]`, `to_entries`, `with_entries(.value |= tostring)`, `[{name: "x", value: 1}, {k: 2}] | from_entries`, `[{key: "a"}] | from_entries`, `[{key: "a", value: false}] | from_entries`, `[] | from_entries`, `paths`, `[paths(type == "number")]`, `[path(..)]`, `path(.a.b, .c[0], .c[1:])`, `[path(.c[] | select(. > 1))]`, `path(first(.a, .c))`, `path(getpath(["a", "b"]))`, `getpath(["c", 1])`, `getpath(["a", "b"])`, `getpath(["s", "x"])`, `path(1)`, `path(.a | map(1))`, `try path(.c | tostring) catch .`,
	`.a = 1`, `.c[1] = 9`, `.c[5] = 1`, `.c[-1] = 1`, `.c[-9] = 1`, `.x.y.z = 1`, `.c[1:] = ["x"]`, `.c[1:][0] = "x"`, `.c[:1] |= map(. + 1)`, `(.a, .n) = 7`, `.a = (1, 2)`, `.c[] |= . + 1`, `.c[] |= empty`, `.[] |= empty`, `(.c[] | select(. > 1)) |= . * 10`, `.n += 1`, `.n -= 1`, `.n *= 2`, `.n /= 2`, `.n %= 2`, `.a //= 3`, `.n //= 3`, `.n += (1, 2)`, `.c += [1]`, `.c[0] += .n`, `.s = .c`, `.. |= .`, `.. |= (numbers |= . + 1)`, `(.. | numbers) |= . + 1`, `map_values(. // 0)`, `.c | map_values(empty)`, `.c | map_values(1, 2)`, `.d |= (.x = 1)`, `.a[1] = 1`, `.a.b |= 5`, `.s.x = 1`, `.c.x = 1`, `.[0] = 1`, `(.c | first) = 8`, `.c |= (.[0] = 100 | .[1] |= . + 1)`, `(.c, .c[0]) |= (if type == "array" then map(. + 1) else . * 2 end)`, `.c[.c[0]] = 5`, `.c as [$i] | .c[$i] += 1`, `.[.s] = 1`, `.c[1:2] |= empty`, `1 as $x | .a = $x`, `.a = (.b = 1)`, `[.a] | .[0] = 1`, `.c | .[1:] = []`, `.c | .[1:] = 5`, `.c |= sort`, `.n += (.c[0] += 5 | .c[0])`, `.d.x[0] += (.n -= 1 | .n)`, `.c[] |= (. += 1 | . *= 2)`, `(.c | .[0]) += (.c | .[1] += 1 | .[1])`, `first(.c[]) |= 5`, `limit(1; .c[]) = 5`, `.c[1,0] = 5`, `to_entries[0].value = 1`, `(.a | tostring) = 1`, `.. = 1`,
	`del(.a)`, `del(.c[0])`, `del(.c[0, 2])`, `del(.c[1:])`, `del(.c[])`, `del(.x.y)`, `del(.c[9])`, `del(.c[-1])`, `del(.)`, `del(.a, .c)`, `del(.. | select(. == 2))`, `delpaths([["a"], ["c", 0]])`, `delpaths([])`, `delpaths([[]])`, `delpaths(1)`, `delpaths([1])`, `setpath(["a", 0]; 1)`, `setpath([]; 1)`, `setpath(1; 1)`, `setpath([{}]; 1)`, `pick(.a, .c[1])`, `pick(.d.x)`, `del(.c[1:][0])`, `del(.c[:2][0], .c[0])`, `del(.c[0], .c[0])`, `del(.d.x, .d)`,
	`.c | sort, sort_by(-.), group_by(. % 2), unique, unique_by(. % 2), min, max, min_by(-.), max_by(-.), reverse`, `[3, 1, 3, null, "a", [1], {"a": 1}] | sort, unique, group_by(.)`, `[] | min, max, add, sort, unique`, `{} | sort`, `"a" | sort`, `[{a: 1, b: 2}, {a: 1, b: 1}] | sort_by(.a), max_by(.a), min_by(.a), group_by(.a), sort_by(.a, .b)`, `[1, 1.0, 100000000000000000000, 1e20] | unique`,
	`[1, [2, [3, [4]]]] | flatten, flatten(1), flatten(0)`, `{a: [1], b: [[2]]} | flatten`, `flatten(-1)`, `1 | flatten`, `[[1, 2], [3]] | transpose`, `[] | transpose`, `[[]] | transpose`, `.c | bsearch(2), bsearch(9), bsearch(0)`, `[[1, 2], [3, 4]] | [combinations]`, `[[0, 1] | combinations(2)]`, `[] | [combinations]`, `[1, [2]] | [.[] | tojson]`, `[1, [2]] | walk(if type == "number" then . + 1 else . end)`, `walk(.)`, `{a: [1, {b: 2}]} | walk(numbers |= . + 1)`, `[1, [[2]]] | [tostream]`, `[1, {"a": [2]}] | fromstream(tostream)`, `[1 | truncate_stream([[0], 1], [[1, 0], 2], [[1, 0]], [[1]])]`, `[recurse(if . < 3 then . + 1 else empty end)]?`, `2 | [recurse(. * .; . < 100)]`,
	`any, all`, `[true, false] | any, all`, `any(.c[]; . > 1)`, `all(.c[]; . > 1)`, `[] | any, all`, `.c | any(. > 2), all(. > 2)`, `.c | IN(.[]; 1, 9)`, `2 | IN(1, 2)`, `INDEX(.c[]; .)`, `.c | INDEX(. % 2)`, `INDEX(empty; .)`, `[JOIN({"1": "x"}; .c[]; tostring)]`, `.c | JOIN({"1": "x"}; tostring)`, `[JOIN({"1": "x"}; .c[]; tostring; add?)]`,
	`.s | test("B"), test("b"), test("B"; "i"), test(["B", "i"])`, `.s | [match("[a-c]"; "g")]`, `.s | match("(?<x>b)(z)?")`, `"aäb" | [match("b")]`, `"aäbäc" | [match("ä"; "g") | .offset]`, `"" | [match(""; "g")]`, `"abc" | [match(""; "g") | .offset]`, `"baac" | [match("a*"; "g") | [.offset, .length]]`, `.s | capture("(?<first>.)(?<rest>.*)")`, `[.s | scan(".")]`, `[.s | scan("(a)(x)?")]`, `[.s | scan("B"; "i")]`, `[.s | splits(",")]`, `.s | split(", *"; null)`, `.s | split("B"; "i")`, `"abc" | split("")`, `"abc" | [splits("")]`, `"" | split(",")`, `"" | [splits(",")]`, `.s | sub("b"; "X")`, `.s | gsub("[a-c]"; "<\(.)>")`, `.s | gsub("(?<l>[a-c])"; "<\(.l)>")`, `.s | [gsub("(?<l>[ab])"; "1", "2")]`, `.s | gsub("z"; "y")`, `.s | gsub("a"; empty)`, `.s | gsub("a"; 1)`, `"abc" | gsub(""; "-")`, `"abc" | gsub("$"; "-"), gsub("^"; "-"), gsub("(?<x>b)?"; "[\(.x)]")`, `"aXbx" | gsub("x"; "-"; "i")`, `"a\nb" | gsub("a.b"; "-"; "m")`, `1 | test("a")`, `"a" | test(1)`, `"a" | test("("; "g")`, `"a" | test("a"; "q")`, `"foo bar foo" | gsub("\\bfoo"; "x"), [match("\\bfoo"; "g").offset]`, `"ab" | [gsub("(?<x>a)|(?<y>b)"; "\(.x)", "\(.y)")]`,
	`.s | ascii_downcase, ascii_upcase, explode, ltrimstr("a"), rtrimstr("c"), trimstr("a"), startswith("a"), endswith("c"), utf8bytelength`, `" a " | trim, ltrim, rtrim`, `[65, 228] | implode`, `1 | implode`, `["a"] | implode`, `.s | index("b"), rindex("b"), indices("b")`, `"aaaä" | indices("aa"), index("ä"), indices("")`, `.c | indices(2), index(2), rindex([2, 3]), indices([])`, `null | indices(1)`, `.s | index(1)`, `.c | join(",")`, `["a", 1, null, true] | join("-")`, `[] | join(",")`, `[[1]] | join(",")`, `["a"] | join(1)?`, `"1.5" | tonumber`, `"0x1" | tonumber`, `" 1" | tonumber`, `[] | tonumber`, `.c | tostring, tojson`, `.s | tostring, tojson`, `"[1,{\"a\":1.10}]" | fromjson`, `"{" | fromjson`, `"1 2" | fromjson`, `1 | fromjson`, `"true" | toboolean`,
	`[1.5, -1.5] | map(floor, ceil, round, sqrt?, fabs)`, `pow(2; 10)`, `[1, 2] | atan2(.[0]; .[1])`, `infinite | isinfinite`, `[.c[] | isnormal]`, `.s | floor`, `-(1, 2)`, `-.s`, `-.n`, `+1`, `abs?`, `-3 | abs`, `0 | gmtime, todate`, `"2015-03-05T23:51:47Z" | fromdate`, `1425599621 | strftime("%A %j")`, `"10:11" | strptime("%H:%M") | mktime`, `[2024, 1, 29] | mktime`, `"x" | mktime`, `"x" | fromdate`, `fma(2; 3; 4)`, `[frexp, modf]?`, `8 | frexp, modf, significand, logb, exp2`,
	`contains({a: null})`, `.c | contains([1]), inside([1, 2, 3, 4])`, `.s | contains("b"), inside("xa,b,cx")`, `1 | contains("a")`, `[arrays, objects, iterables, booleans, numbers, strings, nulls, values, scalars]`, `[.[]? | arrays, objects, iterables, booleans, numbers, strings, nulls, values, scalars, finites, normals]`, `. as [$a] | $a`, `.c as [$a, [$b]] | $b`, `[.c[] as $x | .c[] as $y | $x * $y]`, `input?`, `$x`, `foo`, `error`, `try error catch .s`, `[.[]?, 1] | length`, `.c | .[1:] | .[0]`, `.c[1:][0]`, `.c[1.7]`, `.c[:1.2]`, `.c["a"]?`, `.c[null]?`, `.[{"a": 1}]?`, `.c[{"start": 1, "end": 2}]`,
}

func TestProgramsAgreeWithTheLibrary(t *testing.T) {
	e := newEngine()
	for _, text := range agreeing {
		for _, input := range []string{
			`{"a":null,"c":[1,2,3],"s":"a,b,c","n":4,"d":{"x":[1,{"y":2}]}}`, `[[1,"a"],2,null]`, `null`, `3`, `"a,b"`,
		} {
			agree(t, e, text, decode(t, input))
		}
	}
}

// agree compares the results up to the first error with the library's, and whether there is one.
func agree(t testing.TB, e *Engine, text string, input any) {
	t.Helper()
	want, failed := plain(text, input)
	p, err := e.Compile(text)
	var got []any
	if err == nil {
		got, err = p.Run(context.Background(), input, Env{})
	}
	switch {
	case (err != nil) != failed:
		t.Errorf("%s on %s: %v, but the library has %v, fails %v", text, gojq.Preview(input), err, want, failed)
	case err == nil && !same(got, want):
		t.Errorf("%s on %s:\n gives %s\n  want %s", text, gojq.Preview(input), jq(got), jq(want))
	}
}

func jq(v []any) string { text, _ := gojq.Marshal(v); return string(text) }

// same compares values, not the texts of numbers: we keep these in null + 1e3 too.
func same(l, r []any) bool {
	return jq(l) == jq(r) || len(l) == 0 && len(r) == 0 || gojq.Compare(l, r) == 0
}

func plain(text string, input any) (out []any, failed bool) {
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, true
	}
	code, err := gojq.Compile(query, gojq.WithVariables([]string{"$meta", "$state"}))
	if err != nil {
		return nil, true
	}
	for it := code.Run(input, nil, nil); ; {
		v, ok := it.Next()
		if !ok {
			return out, false
		}
		if _, bad := v.(error); bad {
			return nil, true
		}
		out = append(out, v)
	}
}

func TestFiltersAreProgramsToo(t *testing.T) {
	e := newEngine()
	rapid.Check(t, func(t *rapid.T) {
		text := drawFilter(t, rapid.IntRange(0, 3).Draw(t, "depth"))
		input := drawJSON(t, 3)
		want, failed := plain(text, input)
		p, err := e.Compile(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, err := p.Run(context.Background(), input, Env{})
		if (err != nil) != failed || err == nil && !same(got, want) {
			t.Fatalf("%s on %v: %s, %v; the library has %s, %v", text, input, jq(got), err, jq(want), failed)
		}
	})
}

func TestEditsAgreeWithTheLibrary(t *testing.T) {
	e := newEngine()
	steps := []string{".a", ".b", ".c", ".c[0]", ".c[-1]", ".c[1:]", "[]?", `."d e"`, "..", ".a.b", ".[1]?", "(.a, .b)", "first(.[]?)", "select(type == \"object\")"}
	changes := []string{"= 1", "|= .", "|= empty", "|= [.]", "|= {x: .}", "+= 1", "//= 2", "= {}", "|= tostring", "|= (.a = 1)?", "|= (.c[]? |= 3)", "= .c"}
	rapid.Check(t, func(t *rapid.T) {
		text := "."
		for range rapid.IntRange(1, 3).Draw(t, "edits") {
			path := rapid.SampledFrom(steps).Draw(t, "path")
			if path[0] == '[' {
				path = "." + path
			}
			if rapid.Bool().Draw(t, "deep") {
				path += " | " + strings.Replace("."+strings.TrimPrefix(rapid.SampledFrom(steps[:6]).Draw(t, "more"), "."), "..", ".", 1)
			}
			if rapid.IntRange(0, 3).Draw(t, "del") == 0 {
				text += " | del(" + path + ")"
			} else {
				text += " | (" + path + ") " + rapid.SampledFrom(changes).Draw(t, "change")
			}
		}
		input := drawJSON(t, 3)
		before, _ := gojq.Marshal(input)
		p, err := e.Compile(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, err := p.Run(context.Background(), input, Env{})
		if after, _ := gojq.Marshal(input); string(after) != string(before) {
			t.Fatalf("%s changed its input from %s to %s", text, before, after)
		}
		want, failed := plain(text, input)
		if (err != nil) != failed || err == nil && !same(got, want) {
			t.Fatalf("%s on %s: %s, %v; the library has %s, %v", text, before, jq(got), err, jq(want), failed)
		}
	})
}

func TestCompileErrorsTeach(t *testing.T) {
	e := newEngine()
	for text, want := range map[string]string{
		``:                               "there is no expression",
		`.a |`:                           "is not jq: unexpected EOF\n  .a |\n      ^",
		".a\n| .b )\n| .c":               "is not jq: unexpected token \")\"\n  | .b )\n       ^",
		`.a | foo(1)`:                    "the function foo with 1 arguments is not known\n  .a | foo(1)\n       ^",
		`.foo | foo`:                     "the function foo is not known\n  .foo | foo\n         ^",
		".a | .b\x00 | (":                "has the character NUL, which jq does not know\n  .a | .b",
		`"foo" | foo # foo`:              "the function foo is not known\n  \"foo\" | foo # foo\n          ^",
		`test`:                           "the function test takes 1 or 2 arguments, not 0",
		`[.a, $b]`:                       "the variable $b is not known here; there are $meta, $state\n  [.a, $b]\n       ^",
		`. as $x | $y`:                   "there are $meta, $state, $x",
		`input`:                          "the function input is not allowed: an expression sees one message",
		`debug`:                          "dry run",
		`debug("x")`:                     "dry run",
		`env.PATH`:                       "sees nothing of the process",
		`$ENV.PATH`:                      "$ENV is not allowed",
		`halt`:                           "not allowed",
		`localtime`:                      "another result on every node",
		`jn(1; 2)`:                       "its work has no bound",
		`$__loc__`:                       "has no file",
		`import "a" as a; .`:             "modules are not allowed",
		`include "a"; .`:                 "modules are not allowed",
		`@nope`:                          "the format @nope is not known",
		`break $x`:                       "there is no label $x",
		`.[100000] = 1`:                  "the index 100000 of an assignment is above 65536\n  .[100000] = 1\n    ^",
		`.a.b[70000] |= 1`:               "is above 65536",
		`.c[1e9] += 1`:                   "is above 65536",
		`def __f: 1; __f`:                "must not begin with \"__\"",
		`1 as $__operand | .`:            "must not begin with \"__\"",
		`. as {$__x} | .`:                "must not begin with \"__\"",
		`__add(1; 2)`:                    "is not known",
		`_plus`:                          "is not known",
		`_range(1; 2; 3)`:                "is not known",
		`_modify(.a; 1)`:                 "is not known",
		`_match("a"; null; true)`:        "is not known",
		`std.map`:                        "the function std is not known",
		`"\(inputs)"`:                    "is not allowed",
		`format("csv")`:                  "write the format itself",
		strings.Repeat(" ", 17<<10):      "at most 16384 are allowed",
		strings.Repeat("[", 600):         "is not jq",
		nested(5000):                     "nests deeper than 4000",
		strings.Repeat("1|", 5000) + "1": "nests deeper than 4000",
		strings.Repeat("1", 1200):        "at most 1000 are allowed",
	} {
		err := e.Check(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q gives %v; want %s", text, err, want)
		}
		if _, again := e.Compile(text); fmt.Sprint(again) != fmt.Sprint(err) {
			t.Errorf("Compile says %v, Check %v", again, err)
		}
	}
}

func nested(n int) string { return strings.Repeat("[", n) + "1" + strings.Repeat("]", n) }

func TestRunErrorsTeach(t *testing.T) {
	e := newEngine()
	for text, want := range map[string]string{
		`.a.b`:                          `expected an object but got: string ("text")`,
		`.a + 1`:                        `cannot add: string ("text") and number (1)`,
		`.n | split(",")`:               `split of number (5)`,
		`.n | sort`:                     `sort of number (5): is not of a type that it takes`,
		`.a | tonumber`:                 `tonumber of string ("text"): is no number`,
		`[.n, 1] | join(1)`:             `the separator must be a string, is number (1)`,
		`.a | test("(")`:                `test of string ("text"): the pattern is no RE2 expression`,
		`error("no \(.a)")`:             `error: no text`,
		`error({a: [1]})`:               `error: {"a":[1]}`,
		`.a[0] = 1`:                     `the index 0 is asked of string ("text")`,
		`.n.x = 1`:                      `expected an object but got: number (5)`,
		`.l[70000 + 1] = 1`:             `the index 70001 is above 65536`,
		`.l[[1]]`:                       `a list is no index here`,
		`hash("x"; 1)`:                  `hash: the algorithm must be md5, sha1, sha256, sha384 or sha512, is string ("x")`,
		`hmac("sha256"; 1; 1)`:          `hmac: the key must be a string, is number`,
		`hmac("sha256"; "k"; "v"; "b")`: `the encoding must be hex, base64, base64url or raw`,
		`jwt(1; "k")`:                   `the claims must be an object, are number (1)`,
		`jwt({}; "-----BEGIN x")`:       `the key is no PEM`,
		`"xyz" | hexint`:                `is no hexadecimal number`,
		`.l | implode`:                  `implode cannot be applied to`,
		`error("x" * 5000)`:             strings.Repeat("x", 300) + "…",
	} {
		_, err := results(t, e, text, `{"a":"text","n":5,"l":["x"]}`)
		switch {
		case err == nil || !strings.Contains(err.Error(), want):
			t.Errorf("%s gives %v; want %s", text, err, want)
		case len(err.Error()) > 400:
			t.Errorf("%s gives %d bytes", text, len(err.Error()))
		}
	}
}

func TestSecretKeysAreNotShown(t *testing.T) {
	for _, text := range []string{`hmac("x"; "hunter2"; 1)`, `hmac("sha256"; ["hunter2"]; 1)`, `jwt({}; ["hunter2"])`, `jwt(1; "hunter2")`, `jwt({}; "-----BEGIN hunter2")`} {
		if _, err := results(t, newEngine(), text, `null`); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestProgramsAreKept(t *testing.T) {
	e := NewEngine(EngineConfig{Programs: 2})
	get := func(text string) *Program {
		p, err := e.Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	a, b := get(".a"), get(".b")
	if get(".a") != a || get(".b") != b {
		t.Error("a program was compiled again")
	}
	get(".a")
	get(".c") // .b was used longest ago
	if get(".a") != a {
		t.Error(".a was dropped")
	}
	if get(".b") == b {
		t.Error(".b was kept beyond the bound")
	}
	if _, err := e.Compile("."); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := e.Compile("("); err == nil {
			t.Fatal("( is compiled")
		}
	}
	if n := len(e.kept); n > 2 || n != e.byUse.Len() {
		t.Errorf("%d are kept", n)
	}
	var ce *CompileError
	if err := e.Check("."); err != nil {
		t.Error(err)
	}
	if err := e.Check("(.a"); !errors.As(err, &ce) || ce.Offset != 3 {
		t.Errorf("%#v", err)
	}
}

// Programs that take long wait for each other, and hold up no others.
func TestHeavyProgramsHoldUpNoOthers(t *testing.T) {
	e := NewEngine(EngineConfig{Workers: 2})
	heavy, err := e.Compile("last(range(1e9))")
	if err != nil {
		t.Fatal(err)
	}
	light, err := e.Compile(". + 1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := heavy.Run(context.Background(), nil, Env{}); !Exhausted(err) {
		t.Fatal(err)
	}
	leave, err := e.Heavy(context.Background()) // as another heavy run does
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	waiting := make(chan error)
	for range 5 {
		go func() {
			_, err := heavy.Run(ctx, nil, Env{})
			waiting <- err
		}()
	}
	for range 1000 {
		if _, err := light.Run(context.Background(), 1, Env{}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	for range 5 {
		if err := <-waiting; !errors.Is(err, context.Canceled) {
			t.Errorf("a second heavy run goes at once: %v", err)
		}
	}
	leave()
	if _, err := heavy.Run(context.Background(), nil, Env{}); !Exhausted(err) {
		t.Error(err)
	}
	if len(e.seats) != 0 || len(e.heavy) != 0 {
		t.Errorf("%d and %d seats are taken", len(e.seats), len(e.heavy))
	}
}

func TestRunsWaitForASeat(t *testing.T) {
	e := NewEngine(EngineConfig{Workers: 1})
	p, err := e.Compile(".")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.enter(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Run(ctx, 1, Env{}); !errors.Is(err, context.Canceled) {
		t.Errorf("with no seat: %v", err)
	}
	done := make(chan error)
	go func() {
		_, err := p.Run(context.Background(), 1, Env{})
		done <- err
	}()
	e.leave(false)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	p, err := newEngine().Compile("[repeat(1)]")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Run(ctx, nil, Env{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestConcurrentRunsShareTheirInput(t *testing.T) {
	e := NewEngine(EngineConfig{Workers: 4})
	p, err := e.Compile(`[.a[] |= . + 1, (.b.c[] |= empty), del(.b.c[0]), (.a | sort), with_entries(.), ($state | .x = 1 | del(.y))]`)
	if err != nil {
		t.Fatal(err)
	}
	input := decode(t, `{"a":[3,2,1],"b":{"c":[1,2]}}`)
	env := Env{State: decode(t, `{"y":{"z":[1]},"k":{"l":2}}`)}
	want, err := p.Run(context.Background(), input, env)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	for range 4 {
		go func() {
			ok := true
			for range 50 {
				got, err := p.Run(context.Background(), input, env)
				ok = ok && err == nil && reflect.DeepEqual(got, want)
			}
			done <- ok
		}()
	}
	for range 4 {
		if !<-done {
			t.Error("a run gave something else")
		}
	}
}

func TestNumbersKeepTheirText(t *testing.T) {
	input := map[string]any{"a": json.Number("1.10"), "b": []any{json.Number("9007199254740993"), json.Number("1e400")}}
	p, err := newEngine().Compile(`.a, .b[], (.b | reverse[]), (to_entries[0].value), ({a} | with_entries(.) | .a), (.b | unique[]), "\(.a)", (.a | tojson), ([.a] | join(",")), (.c = .a | .c), -.a`)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(context.Background(), input, Env{})
	if err != nil {
		t.Fatal(err)
	}
	want := `1.10 9007199254740993 1e400 1e400 9007199254740993 1.10 1.10 9007199254740993 1e400 1.10 1.10 1.10 1.10 -1.10`
	if got := strings.Trim(fmt.Sprint(out), "[]"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzProgram(f *testing.F) {
	for _, text := range agreeing {
		f.Add(text, `{"a":null,"c":[1,2,3],"s":"a,b,c"}`)
	}
	for text := range hostile {
		f.Add(text, `"aaa"`)
	}
	e := newEngine()
	f.Fuzz(func(t *testing.T, text, input string) {
		p, err := e.Compile(text)
		if err != nil {
			_ = err.Error()
			return
		}
		v, err := Decode([]byte(input))
		if err != nil {
			return
		}
		begun := time.Now()
		out, err := p.Run(context.Background(), v, Env{})
		if err != nil && strings.Contains(err.Error(), "the jq library failed") {
			t.Error(err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		for _, v := range out {
			if _, err := Append(nil, v); err != nil && !errors.Is(err, errSize) {
				t.Errorf("a result can't be written: %v", err)
			}
		}
	})
}

func benchmarkProgram(b *testing.B, text, input string) {
	p, err := newEngine().Compile(text)
	if err != nil {
		b.Fatal(err)
	}
	v := decode(b, input)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Run(context.Background(), v, Env{}); err != nil {
			b.Fatal(err)
		}
	}
}

const trade = `{"type":"match","product_id":"BTC-USD","price":"30000.10","size":"0.01","time":"2026-11-22T10:00:00Z","trade_id":118,"seq":5}`

func BenchmarkMap(b *testing.B) {
	benchmarkProgram(b, `{product_id, price, size, t: .time, n: .trade_id}`, trade)
}

func BenchmarkWhere(b *testing.B) { benchmarkProgram(b, `.type == "match" and .trade_id > 100`, trade) }

func BenchmarkSplit(b *testing.B) {
	benchmarkProgram(b, `.[] | select(.price) | {product_id, p: (.price | tonumber), k: "\(.product_id):\(.trade_id)"}`, "["+strings.TrimSuffix(strings.Repeat(trade+",", 50), ",")+"]")
}

func BenchmarkCompile(b *testing.B) {
	e := newEngine()
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Check(`.items[] | select(.price > 1) | {symbol, price, at: ($meta.received | fromdate), s: (.tags | map(ascii_downcase) | join(","))}`); err != nil {
			b.Fatal(err)
		}
	}
}

// A machine that is busy with others makes runs stand still: that is not their fault.
func TestRunsMayStandStill(t *testing.T) {
	a := Allowance{left: maxMade, steps: maxSteps, patience: patience, looked: time.Now().Add(-time.Hour), parent: context.Background()}
	for range 7 {
		if a.look(); a.err != nil {
			t.Fatal(a.err)
		}
		a.looked = time.Now().Add(-time.Hour)
	}
	if a.look(); !errors.Is(a.err, errTime) {
		t.Errorf("after standing still %d times: %v", 8, a.err)
	}
}

func TestObjectsAreBounded(t *testing.T) {
	one := bigObject()
	if _, err := Decode([]byte(one[:len(one)-2] + `,"b":1}}`)); !errors.Is(err, errMembers) {
		t.Errorf("decoded: %v", err)
	}
	for _, text := range []string{`.o + {b: 1}`, `[.o, {b: 1}] | add`, `.o.b = 1`} {
		if _, err := results(t, newEngine(), text, one); err == nil || !strings.Contains(err.Error(), errMembers.Error()) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Texts of the greatest length compile soon, whatever is in them.
func TestLargeTextsCompile(t *testing.T) {
	e := newEngine()
	for name, text := range map[string]string{
		"alternatives": `IN("a"` + strings.Repeat(`,"abc"`, 2600) + ")",
		"sums":         "1" + strings.Repeat("+1", 3900),
		"pipes":        "." + strings.Repeat("|.a", 3900),
		"variables":    strings.Repeat("1 as $a|", 2000) + "$a",
		"functions":    strings.Repeat("def f:1;", 1800) + "f",
		"nested":       nested(3900),
		"suffixes":     "." + strings.Repeat("[0]", 5300),
		"optional":     ".a" + strings.Repeat("?", 3900),
		"calls":        strings.Repeat("map(", 2500) + "." + strings.Repeat(")", 2500),
		"conditions":   strings.Repeat("if . then 1 else ", 700) + "1" + strings.Repeat(" end", 700),
		"texts":        `"` + strings.Repeat(`\(1)`, 3900) + `"`,
		"updates":      "." + strings.Repeat("|.a+=1", 2500),
		"patterns":     ". as [" + strings.Repeat("[", 3000) + "$a" + strings.Repeat("]", 3000) + "] | $a",
		"labels":       strings.Repeat("label $a|", 1700) + "1",
	} {
		before, begun := allocated(), time.Now()
		if err := e.Check(text); err != nil {
			t.Errorf("%s: %.200v", name, err)
		}
		if made := (allocated() - before) >> 20; made > 200 {
			t.Errorf("%s allocated %d MiB", name, made)
		}
		if testing.Verbose() {
			t.Logf("%s: %v, %d MiB", name, time.Since(begun), (allocated()-before)>>20)
		}
	}
}
