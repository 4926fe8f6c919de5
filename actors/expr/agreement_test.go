package expr

import (
	"context"
	"strings"
	"testing"

	"github.com/itchyny/gojq"
	"pgregory.net/rapid"
)

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
