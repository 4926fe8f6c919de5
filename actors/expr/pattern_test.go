package expr

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestPatternsAreBounded(t *testing.T) {
	for text, want := range map[string]string{
		strings.Repeat("[a-z]{1000}", 6):       "larger than 5000 instructions",
		`(([a-z]{10}){10}){10}[a-z]{1000}x`:    "",
		strings.Repeat(`(\pL{5}|\pN){10}`, 60): "larger than 5000 instructions",
		`^[A-Z]{3}-[A-Z]{3,10}$`:               "",
		`a{1001}`:                              "invalid repeat count",
	} {
		_, err := compilePattern(text, "")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, want %q", text, err, want)
		}
	}
}

// Patterns that are different for each message leave little behind, whatever they are.
func TestPatternsKeptAreBounded(t *testing.T) {
	e := newEngine()
	p, err := e.Compile(`. as $i | "a" | test(("[a-z]{1000}" * 4) + "\($i)")`)
	if err != nil {
		t.Fatal(err)
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, begun := heap(), time.Now()
	for i := range 100 {
		if _, err := p.Run(context.Background(), i, Env{}); err != nil {
			t.Fatal(err)
		}
	}
	grown := int64(heap()-before) >> 20
	t.Logf("%d MiB after %s", grown, time.Since(begun))
	if grown > 32 || len(e.patterns.kept) == 0 || e.patterns.size > maxPatternsSize {
		t.Errorf("%d MiB are kept, in %d patterns", grown, len(e.patterns.kept))
	}
	runtime.KeepAlive(e)
}

func TestPreview(t *testing.T) {
	deep := any(1)
	for range 100_000 {
		deep = []any{deep}
	}
	big := map[string]any{}
	for i := range 2000 {
		big[fmt.Sprint(i)] = i
	}
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, "null"},
		{map[string]any{"b": []any{1, "x\n"}, "a": true}, `{"a":true,"b":[1,"x\n"]}`},
		{strings.Repeat("é", 100), `"` + strings.Repeat("é", 14) + "…"},
		{[]any{strings.Repeat("x", 100), 1}, `["` + strings.Repeat("x", 28) + "…"},
		{deep, strings.Repeat("[", 30) + "…"},
		{big, "an object of 2000 members"},
		{make([]any, 1<<20), "[null,null,null,null,null,null…"},
	} {
		if got := Preview(c.v, 30); got != c.want {
			t.Errorf("%.50v is shown as %s, want %s", c.v, got, c.want)
		}
	}
}
