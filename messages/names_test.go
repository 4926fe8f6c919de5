package messages_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"anode/messages"
)

func TestStreamNames(t *testing.T) {
	long := strings.Repeat("a", messages.MaxStream)
	for text, ok := range map[string]bool{
		"a": true, "lab.room_1.temp-C": true, "$state.x": true, "$": false, "": false, ".": false, "a.": false, ".a": false, "a..b": false,
		"a b": false, "ä": false, "a.$b": false, "a.*": false, "a.>": false, "a,b": false, "a\x00": false,
		long: true, long + "a": false, strings.Repeat("a.", 15) + "a": true, strings.Repeat("a.", 16) + "a": false,
	} {
		s, err := messages.ParseStream(text)
		if (err == nil) != ok || err != nil && !errors.Is(err, messages.ErrStream) || ok && string(s) != text {
			t.Errorf("%.40q: %q, %v, want ok: %v", text, s, err, ok)
		}
	}
}

func TestStreamTokenIsAlwaysAToken(t *testing.T) {
	for text, want := range map[string]string{"": "_", "BTC-USD": "BTC-USD", "a b/c": "a_b_c", "ä.b": "__b", "$x": "_x", "\xff": "_"} {
		if got := messages.StreamToken(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestPatternsMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, stream string
		want            bool
	}{
		{">", "a", true},
		{">", "a.b.c", true},
		{">", "$errors.x", false},
		{"$errors.>", "$errors.x", true},
		{"$errors.>", "$errors", false},
		{"$errors.>", "errors.x", false},
		{"a.>", "a", false},
		{"a.>", "a.b", true},
		{"a.>", "ab.c", false},
		{"a.*", "a.b", true},
		{"a.*", "a.b.c", false},
		{"a.*", "a", false},
		{"*.b", "a.b", true},
		{"*", "a.b", false},
		{"*.b.>", "a.b.c.d", true},
		{"*.b.>", "a.b", false},
		{"a.b", "a.b", true},
		{"a.b", "a.bc", false},
		{"a.b", "a", false},
	} {
		p, err := messages.ParsePattern(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Match(messages.Stream(c.stream)); got != c.want {
			t.Errorf("%s matches %s: %v", c.pattern, c.stream, got)
		}
	}
}

func TestBadPatterns(t *testing.T) {
	for _, text := range []string{"", "a.>.b", ">.a", "a*", "a.b>", "a..b", "$*", "a."} {
		if p, err := messages.ParsePattern(text); !errors.Is(err, messages.ErrPattern) {
			t.Errorf("%q: %q, %v", text, p, err)
		}
	}
	if p, err := messages.ParseShortPattern("market."); err != nil || p != "market.>" {
		t.Errorf("%q, %v", p, err)
	}
}

// matches is the rule of Pattern said in another way.
func matches(p messages.Pattern, s messages.Stream) bool {
	want, have := strings.Split(string(p), "."), strings.Split(string(s), ".")
	if strings.HasPrefix(string(p), "$") != strings.HasPrefix(string(s), "$") {
		return false
	}
	for i, token := range want {
		if token == ">" {
			return len(have) > i
		}
		if i >= len(have) || token != "*" && token != have[i] {
			return false
		}
	}
	return len(want) == len(have)
}

// What a pattern covers, it matches; and of small names all are tried.
func TestPatternsCover(t *testing.T) {
	tokens, names := []string{"a", "b", "*", ">"}, []string{"a", "b", "c"}
	var patterns []messages.Pattern
	var streams []messages.Stream
	var grow func(text string, depth int)
	grow = func(text string, depth int) {
		if p, err := messages.ParsePattern(text); err == nil {
			patterns = append(patterns, p)
		}
		for _, token := range tokens {
			if depth < 3 {
				grow(text+"."+token, depth+1)
			}
		}
	}
	for _, token := range append(tokens, "$a", "$b") {
		grow(token, 1)
	}
	for _, first := range append(names, "$a", "$b", "$c") {
		streams = append(streams, messages.Stream(first))
		for _, second := range names {
			streams = append(streams, messages.Stream(first+"."+second))
			for _, third := range names {
				streams = append(streams, messages.Stream(first+"."+second+"."+third))
				for _, fourth := range names {
					streams = append(streams, messages.Stream(first+"."+second+"."+third+"."+fourth))
				}
			}
		}
	}
	for _, p := range patterns {
		for _, q := range patterns {
			all := !slices.ContainsFunc(streams, func(s messages.Stream) bool { return q.Match(s) && !p.Match(s) })
			if got := p.Covers(q); got != all {
				t.Errorf("%s covers %s: %v, want %v", p, q, got, all)
			}
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, p := range []string{">", "a.*", "*.b.>", "$x.>", "a.b"} {
		f.Add(p, "a.b")
		f.Add(p, "$x.y")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		p, err := messages.ParsePattern(pattern)
		s, err2 := messages.ParseStream(name)
		if err != nil || err2 != nil {
			return
		}
		if got, want := p.Match(s), matches(p, s); got != want {
			t.Fatalf("%s matches %s: %v, want %v", p, s, got, want)
		}
		if p.Literal() && p.Match(s) != (pattern == name) {
			t.Fatalf("%s has no wild card and matches %s", p, s)
		}
	})
}

func TestPositionsAreReadStrictly(t *testing.T) {
	for text, want := range map[string]messages.Position{
		"abc-1-2-3": {Origin: "abc", Epoch: 1, Sequence: 2, Index: 3},
		"a-0-0-0":   {Origin: "a"},
		"a-18446744073709551615-18446744073709551615-5000": {Origin: "a", Epoch: 1<<64 - 1, Sequence: 1<<64 - 1, Index: messages.IndexEnd},
	} {
		if got, err := messages.ParsePosition(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "a", "a-1-2", "a-1-2-3-4", "-1-2-3", "A-1-2-3", "a-01-2-3", "a-+1-2-3", "a-1-2-", "a-1-2--3", "a-18446744073709551616-1-1", "a b-1-2-3",
		strings.Repeat("a", messages.MaxNodeID+1) + "-1-2-3",
	} {
		if p, err := messages.ParsePosition(text); !errors.Is(err, messages.ErrPosition) {
			t.Errorf("%q: %+v, %v", text, p, err)
		}
	}
}

func TestARefusedNameIsToldByItsCharacter(t *testing.T) {
	for text, want := range map[string]string{"lab.ä": "token 2 has 'ä'", "a\u202eb": `token 1 has '\u202e'`, "a\xffb": "token 1 has '\ufffd'", "a b": "token 1 has ' '"} {
		if _, err := messages.ParseStream(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestPositionsCompareAsNumbers(t *testing.T) {
	ascending := []string{"a-9-10-0", "a-10-2-0", "a-10-9-9", "a-10-10-0", "a-10-10-2", "a-10-10-10", "b-1-1-1"}
	for i := 1; i < len(ascending); i++ {
		p, err := messages.ParsePosition(ascending[i-1])
		q, err2 := messages.ParsePosition(ascending[i])
		if err != nil || err2 != nil || p.Compare(q) >= 0 || q.Compare(p) <= 0 || p.Compare(p) != 0 {
			t.Errorf("%s and %s compare as %d", p, q, p.Compare(q))
		}
	}
}

func FuzzPosition(f *testing.F) {
	f.Add("abc-1-2-3")
	f.Add("a-1-2-1025")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := messages.ParsePosition(text)
		if err != nil {
			return
		}
		again, err := messages.ParsePosition(p.String())
		if err != nil || again != p || p.Index < messages.IndexEnd && p.String() != text {
			t.Fatalf("%q is %+v, and again %+v, %v", text, p, again, err)
		}
	})
}
