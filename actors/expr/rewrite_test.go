package expr

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/itchyny/gojq"
)

// walk visits all parts of a parsed program.
func walk(v reflect.Value, visit func(any)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			visit(v.Interface())
			walk(v.Elem(), visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			walk(v.Field(i), visit)
		}
	}
}

// Nothing of the library is reached but what is on the list, whatever the text was.
func TestRewrittenProgramsHaveBoundedPartsOnly(t *testing.T) {
	e := newEngine()
	checked := 0
	for _, text := range append(slices.Collect(keysOf(hostile)), agreeing...) {
		p, err := e.Compile(text)
		if err != nil {
			continue
		}
		walk(reflect.ValueOf(p.query), func(part any) {
			checked++
			switch part := part.(type) {
			case *gojq.Func:
				if !allowed(part) {
					t.Errorf("%s calls %s", text, part)
				}
			case *gojq.FuncDef:
				if !strings.HasPrefix(part.Name, "user.") && !strings.HasPrefix(part.Name, "std.") {
					t.Errorf("%s defines %s", text, part.Name)
				}
			case *gojq.Query:
				if _, native := operatorNatives[part.Op]; native || assignments[part.Op] {
					t.Errorf("%s has the library's own %s", text, part.Op)
				}
			case *gojq.Term:
				unbounded(t, text, part)
			}
		})
	}
	if checked < 1000 {
		t.Errorf("only %d parts were looked at", checked)
	}
}

func keysOf(m map[string]string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

func allowed(f *gojq.Func) bool {
	key := f.Name + "/" + strconv.Itoa(len(f.Args))
	_, guard := guarded[key]
	n, native := natives[f.Name]
	return strings.HasPrefix(f.Name, "user.") || strings.HasPrefix(f.Name, "std.") || native && n.args == len(f.Args) ||
		f.Name[0] == '$' && f.Name != "$ENV" || kept[key] || ownKept[key] || guard
}

// unbounded finds terms that the library would not bound: formats, texts with \(…), "..", and an
// iteration or an index without its guard.
func unbounded(t *testing.T, text string, term *gojq.Term) {
	switch {
	case term.Type == gojq.TermTypeFormat || term.Type == gojq.TermTypeRecurse:
		t.Errorf("%s has the library's own %s", text, term)
	case term.Type == gojq.TermTypeString && term.Str.Queries != nil:
		t.Errorf("%s has the library's own %s", text, term)
	}
	for i, s := range term.SuffixList {
		guard := ""
		switch {
		case s.Iter:
			guard = "__each"
		case s.Index != nil && s.Index.Name == "" && s.Index.Str == nil && (s.Index.IsSlice || !constantQuery(s.Index.Start) || s.Index.Start.Term.Type != gojq.TermTypeString):
			guard = "__characters"
		}
		if guard != "" && (i > 0 || term.Type != gojq.TermTypeQuery || !strings.HasSuffix(term.Query.String(), guard)) {
			t.Errorf("%s has %s without %s before it", text, term, guard)
		}
	}
}

func TestUnknownNamesNeverReachTheLibrary(t *testing.T) {
	e := newEngine()
	query, err := gojq.Parse("builtins")
	if err != nil {
		t.Fatal(err)
	}
	names, _ := query.Run(nil).Next()
	for _, v := range names.([]any) {
		name, count, _ := strings.Cut(v.(string), "/")
		n, _ := strconv.Atoi(count)
		text := name
		if n > 0 {
			text += "(" + strings.TrimSuffix(strings.Repeat(".;", n), ";") + ")"
		}
		err := e.Check(text)
		if refused[name] == "" && err != nil {
			t.Errorf("%s is neither there nor refused with a reason: %v", v, err)
		}
		if refused[name] != "" && err == nil {
			t.Errorf("%s is there and refused", v)
		}
	}
}
