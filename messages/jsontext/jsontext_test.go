package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func ExampleCompact() {
	out, err := Compact(nil, []byte(`{ "price" : 1.10, "id": 9007199254740993 }`), 128)
	fmt.Println(string(out), err)
	_, err = Compact(nil, []byte(`{"a": 01}`), 128)
	fmt.Println(err)
	// Output:
	// {"price":1.10,"id":9007199254740993} <nil>
	// at byte 7: a number must not begin with 0
}

func TestCompactKeepsTokens(t *testing.T) {
	for in, want := range map[string]string{
		" 1 ":                              "1",
		"\t\"a\\u0041\\/\"\n":              `"a\u0041\/"`,
		"[ ]":                              "[]",
		"{ }":                              "{}",
		"[ 1 , 1.10 , -0 , 1e400 , 1E+2 ]": "[1,1.10,-0,1e400,1E+2]",
		"{ \"b\" : { \"x\" : [ ] } , \"a\" : null }\r\n": `{"b":{"x":[]},"a":null}`,
		`[true,false,null]`: `[true,false,null]`,
		"\"ä\U0001f600 \" ": "\"ä\U0001f600 \"",
		`"\ud800"`:          `"\ud800"`,
	} {
		got, err := Compact([]byte("x"), []byte(in), 8)
		if err != nil || string(got) != "x"+want {
			t.Errorf("Compact(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestCompactNamesTheFault(t *testing.T) {
	for in, want := range map[string]string{
		"":              "at byte 0: the text ends where a value must stand",
		"  ":            "at byte 2: the text ends where a value must stand",
		"1 2":           "at byte 2: '2' where the end must stand",
		"[1,]":          "at byte 3: ']' where a value must stand",
		"{\"a\":1,}":    "at byte 7: '}' where a member's name in double quotes must stand",
		"{a:1}":         "at byte 1: 'a' where a member's name in double quotes must stand",
		"{\"a\" 1}":     "at byte 5: '1' where ':' must stand",
		"[1 2]":         "at byte 3: '2' where ',' or ']' must stand",
		"[1}":           "at byte 2: '}' where ',' or ']' must stand",
		"-":             "at byte 1: the text ends where a digit must stand",
		"01":            "at byte 1: a number must not begin with 0",
		"1.":            "at byte 2: the text ends where a digit must stand",
		"1e":            "at byte 2: the text ends where a digit must stand",
		"tru":           "at byte 3: the text ends where the word true must stand",
		"NaN":           "at byte 0: 'N' where a value must stand",
		"\"a":           "at byte 2: the string has no end",
		"\"\\x\"":       "at byte 1: an invalid escape in a string",
		"\"\\u12G4\"":   "at byte 1: an invalid escape in a string",
		"\"\n\"":        "at byte 1: a control character (0x0a) in a string",
		"\"\xff\"":      "at byte 1: bytes that are not UTF-8 in a string",
		"\xff":          "at byte 0: byte 0xff where a value must stand",
		"[[[[]]]]":      "at byte 3: nests deeper than 3",
		"\ufeff1":       "at byte 0: '\\ufeff' where a value must stand",
		"[1]\x00":       "at byte 3: '\\x00' where the end must stand",
		"{\"a\":1]":     "at byte 6: ']' where ',' or '}' must stand",
		"\"\\ud8":       "at byte 1: an invalid escape in a string",
		"[1,2":          "at byte 4: the text ends where ',' or ']' must stand",
		"{\"a\":\"b\"":  "at byte 8: the text ends where ',' or '}' must stand",
		"{\"a\":1}{}":   "at byte 7: '{' where the end must stand",
		"{\"a\":1} \v ": "at byte 8: '\\v' where the end must stand",
	} {
		dst, err := Compact([]byte("keep"), []byte(in), 3)
		var fault *SyntaxError
		if !errors.As(err, &fault) || err.Error() != want || string(dst) != "keep" {
			t.Errorf("Compact(%q) = %q, %v; want %s", in, dst, err, want)
		}
	}
}

func TestCompactInPlace(t *testing.T) {
	src := []byte(" { \"a\" : [ 1 , 2 ] } ")
	if got, err := Compact(src[:0], src, 8); err != nil || string(got) != `{"a":[1,2]}` {
		t.Fatal(string(got), err)
	}
}

func TestEnd(t *testing.T) {
	for in, want := range map[string]int{
		`1 `: 1, `"a\u0041",`: 9, `[ 1 , {"a" : [ ] } ] }`: 20, `{}{}`: 2, `null`: 4, `12x`: 2, `truex`: 4,
		``: 0, ` 1`: 0, `[1`: 0, `[1,]`: 0, `"a`: 0, "\"\xff\"": 0, `01`: 0, `-`: 0, `[[[[]]]]`: 0, `[[[]]]`: 6, `{"a":1,}`: 0, `nul`: 0,
	} {
		if got := End([]byte(in), 3); got != want {
			t.Errorf("End(%q) = %d, want %d", in, got, want)
		}
	}
}

func TestCompactAllocatesNothing(t *testing.T) {
	src, dst := []byte(`{"a": [1, {"b": "c\n"}], "d": null}`), make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { _, _ = Compact(dst, src, 128) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func TestReaders(t *testing.T) {
	raw := []byte(`{"a":1,"b\u0041":{"x":[1,"]",{}]},"a":2,"s":"\ud83d\ude00\n"}`)
	if got := Member(raw, "a"); string(got) != "2" {
		t.Errorf("the last of two counts: %s", got)
	}
	if got := Member(raw, "bA"); string(got) != `{"x":[1,"]",{}]}` {
		t.Errorf("an escaped name: %s", got)
	}
	if got := Member(raw, "zz"); got != nil {
		t.Errorf("an absent member: %s", got)
	}
	if got := AppendText(nil, Member(raw, "s")); string(got) != "\U0001f600\n" {
		t.Errorf("text: %q", got)
	}
	var elements []string
	for s := Scan(Member(Member(raw, "bA"), "x")); ; {
		_, v, ok := s.Next()
		if !ok {
			break
		}
		elements = append(elements, string(v))
	}
	if got := strings.Join(elements, " "); got != `1 "]" {}` {
		t.Errorf("elements: %s", got)
	}
}

// depthOf is how deep valid JSON nests.
func depthOf(raw []byte) int {
	depth, deepest, text := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '[' || c == '{':
			depth++
			deepest = max(deepest, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return deepest
}

func FuzzCompact(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.50,"x\u00e4"],"b":{}}`, ` [ ] `, `"\ud800\ud800"`, `-0.0e-1`, `[[[[[]]]]]`, "\"\xff\"", `{"":""}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		const limit = 16
		got, err := Compact(nil, src, limit)
		var want bytes.Buffer
		valid := json.Compact(&want, src) == nil && utf8.Valid(src)
		valid = valid && depthOf(want.Bytes()) <= limit
		if valid != (err == nil) {
			t.Fatalf("valid %v, Compact says %v", valid, err)
		}
		sameEnd(t, src, limit, err == nil)
		if err != nil {
			readAll(src, 0)
			return
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("got %q, want %q", got, want.Bytes())
		}
		again, err := Compact(nil, got, limit)
		if err != nil || !bytes.Equal(again, got) {
			t.Fatalf("compact twice: %q, %v", again, err)
		}
		sameValue(t, got)
	})
}

// sameEnd checks End against Compact: what it says is a value is one, and one alone is found whole.
func sameEnd(t *testing.T, src []byte, limit int, valid bool) {
	src = bytes.TrimLeft(src, " \t\r\n")
	n := End(src, limit)
	if n > 0 {
		if _, err := Compact(nil, src[:n], limit); err != nil {
			t.Fatalf("%q is taken for a value: %v", src[:n], err)
		}
	}
	if alone := n > 0 && len(bytes.Trim(src[n:], " \t\r\n")) == 0; alone != valid {
		t.Fatalf("End of %q is %d, and that it is one value is %v", src, n, valid)
	}
}

// readAll calls every reader on bytes that may be no JSON.
func readAll(raw []byte, depth int) {
	if depth > 4 {
		return
	}
	for s := Scan(raw); ; {
		name, value, ok := s.Next()
		if !ok {
			return
		}
		AppendText(nil, name)
		EqualText(value, "x")
		Member(value, "x")
		readAll(value, depth+1)
	}
}

// sameValue checks the readers against encoding/json.
func sameValue(t *testing.T, raw []byte) {
	var want any
	if json.Unmarshal(raw, &want) != nil {
		return // a number that a float64 does not hold
	}
	switch want := want.(type) {
	case string:
		if got := string(AppendText(nil, raw)); got != want || !EqualText(raw, want) {
			t.Fatalf("text %q, want %q", got, want)
		}
	case []any:
		n := 0
		for s := Scan(raw); ; n++ {
			_, v, ok := s.Next()
			if !ok {
				break
			}
			sameValue(t, v)
		}
		if n != len(want) {
			t.Fatalf("%d elements, want %d", n, len(want))
		}
	case map[string]any:
		for name := range want {
			if Member(raw, name) == nil {
				t.Fatalf("member %q is not found", name)
			}
		}
		for s := Scan(raw); ; {
			_, v, ok := s.Next()
			if !ok {
				break
			}
			sameValue(t, v)
		}
	}
}

func BenchmarkCompact(b *testing.B) {
	src := []byte(`{"type":"match","trade_id":118,"maker_order_id":"5f4bb11b-f065","price":"30000.10","size":"0.01","time":"2026-11-22T10:00:00.123Z","sequence":1234567890}`)
	dst := make([]byte, 0, len(src))
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compact(dst, src, 128); err != nil {
			b.Fatal(err)
		}
	}
}
