package expr

import (
	"strings"
	"testing"
)

// TestSearchesOfAFilterShareOneBound: a filter holds up all who are served with it, so that many
// searches must not take longer than one may. What is beyond is false.
func TestSearchesOfAFilterShareOneBound(t *testing.T) {
	const search = `test("(x?y?z?){300}!")`
	p, err := compilePattern("(x?y?z?){300}!", "")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("x", maxPatternWork/3/p.size)
	for where, want := range map[string]bool{
		strings.Repeat(search+" or ", 3) + "true": true,
		strings.Repeat(search+" or ", 4) + "true": false,
		strings.Repeat(search+" or ", 9) + "true": false,
	} {
		f, err := CompileFilter(where)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // each match has its own
			if got := f.MatchJSON([]byte(`"` + text + `"`)); got != want {
				t.Errorf("%d searches: %t, want %t", strings.Count(where, search), got, want)
			}
		}
	}
	f, err := CompileFilter("any(.[]; " + search + ") or true")
	if err != nil {
		t.Fatal(err)
	}
	if f.MatchJSON([]byte("[" + strings.Repeat(`"`+text+`",`, 100) + `""]`)) {
		t.Error("searches of elements have a bound each")
	}
}

// TestWhatAFilterDecodesAndTriesIsBounded: once is allowed, what would take seconds is false.
func TestWhatAFilterDecodesAndTriesIsBounded(t *testing.T) {
	numbers := "[" + strings.Repeat("1,", 50_000) + "2]"
	text := `"` + strings.Repeat("a", 1<<20) + `"`
	for _, c := range []struct {
		value, once string
		many        int
	}{
		{numbers, "(. == .)", 140},
		{numbers, "(tostring != 1)", 80},
		{numbers, "any(.[]; . == 2)", 80},
		{text, "(. == .)", 140},
		{text, `(ascii_upcase != "a")`, 70},
		{text, "(length == 1048576)", 80},
		{text, `endswith("a")`, 110},
	} {
		for n, want := range map[int]bool{1: true, c.many: false} {
			where := strings.TrimSuffix(strings.Repeat(c.once+" and ", n), " and ")
			f, err := CompileFilter(where)
			if err != nil {
				t.Fatal(err)
			}
			if got := f.MatchJSON([]byte(c.value)); got != want {
				t.Errorf("%d times %s of %.10s…: %t, want %t", n, c.once, c.value, got, want)
			}
		}
	}
}
