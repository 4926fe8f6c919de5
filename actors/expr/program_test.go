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
