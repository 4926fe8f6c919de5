package capture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

// Difference is one place where records are not as they should be.
type Difference struct {
	// Line is that of the golden file, from 1, 0 where it has none; Record is the index of what was made, -1
	// where nothing was.
	Line, Record int
	// Fields say what differs, where both are there: ".data.price: want 1.10, got 1.1".
	Fields []string
}

// Diff compares what was made with golden lines: as JSON, numbers by their text. It gives nothing where all is the same.
func Diff(golden, made [][]byte) []Difference {
	equal := equality(golden, made)
	first := 0
	for first < len(golden) && first < len(made) && equal(first, first) {
		first++
	}
	last := 0
	for last < len(golden)-first && last < len(made)-first && equal(len(golden)-1-last, len(made)-1-last) {
		last++
	}
	var all []Difference
	var lost, extra []int
	flush := func() {
		for i := range max(len(lost), len(extra)) {
			d := Difference{Record: -1}
			if i < len(lost) {
				d.Line = lost[i] + 1
			}
			if i < len(extra) {
				d.Record = extra[i]
			}
			if i < len(lost) && i < len(extra) {
				d.Fields = fields(golden[lost[i]], made[extra[i]])
			}
			all = append(all, d)
		}
		lost, extra = nil, nil
	}
	middle := func(i, j int) bool { return equal(first+i, first+j) }
	for _, s := range script(len(golden)-last-first, len(made)-last-first, middle) {
		switch {
		case s.golden >= 0 && s.made >= 0:
			flush()
		case s.golden >= 0:
			lost = append(lost, first+s.golden)
		default:
			extra = append(extra, first+s.made)
		}
	}
	flush()
	return all
}

// pair is two lines that are the same, or one that has no other: its index is -1.
type pair struct{ golden, made int }

// mostCells bounds the table of script; above, lines are paired by their place.
const mostCells = 4 << 20

// script pairs the longest common subsequence.
func script(n, m int, equal func(golden, made int) bool) []pair {
	var out []pair
	if n*m > mostCells {
		for i := range max(n, m) {
			switch {
			case i < n && i < m && equal(i, i):
				out = append(out, pair{i, i})
				continue
			case i < n:
				out = append(out, pair{i, -1})
			}
			if i < m {
				out = append(out, pair{-1, i})
			}
		}
		return out
	}
	length := make([][]int32, n+1)
	for i := range length {
		length[i] = make([]int32, m+1)
	}
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if equal(i, j) {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < n || j < m {
		switch {
		case i < n && j < m && equal(i, j):
			out = append(out, pair{i, j})
			i, j = i+1, j+1
		case i < n && (j == m || length[i+1][j] >= length[i][j+1]):
			out = append(out, pair{i, -1})
			i++
		default:
			out = append(out, pair{-1, j})
			j++
		}
	}
	return out
}

// left are the members that a golden line may leave out.
func left() []string { return []string{"source", "received"} }

// equality tells whether a record is as a golden line says. Each line is read once.
func equality(golden, made [][]byte) func(golden, made int) bool {
	wants, kinds, gots := make([]string, len(golden)), make([]int, len(golden)), make([][4]string, len(made))
	for i, line := range golden {
		v := decode(line)
		wants[i] = show(v)
		for bit, name := range left() {
			if object, is := v.(map[string]any); is && object[name] == nil {
				kinds[i] |= 1 << bit
			}
		}
	}
	for j, line := range made {
		for kind := range gots[j] {
			v := decode(line)
			for bit, name := range left() {
				if object, is := v.(map[string]any); is && kind>>bit&1 == 1 {
					delete(object, name)
				}
			}
			gots[j][kind] = show(v)
		}
	}
	return func(i, j int) bool { return wants[i] == gots[j][kinds[i]] }
}

// fields says where a record is not as the golden one; what that leaves out of source and received does not count.
func fields(golden, made []byte) []string {
	want, got := decode(golden), decode(made)
	w, wantObject := want.(map[string]any)
	g, gotObject := got.(map[string]any)
	if wantObject && gotObject {
		g = maps.Clone(g)
		for _, name := range left() {
			if _, given := w[name]; !given {
				delete(g, name)
			}
		}
		got = g
	}
	var out []string
	compare("", want, got, &out)
	return out
}

func decode(text []byte) any {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return string(text)
	}
	return v
}

const mostFields = 20

func compare(path string, want, got any, out *[]string) {
	if len(*out) >= mostFields {
		return
	}
	w, wantObject := want.(map[string]any)
	g, gotObject := got.(map[string]any)
	if wantObject && gotObject {
		names := slices.Collect(maps.Keys(w))
		for name := range g {
			if _, both := w[name]; !both {
				names = append(names, name)
			}
		}
		sort.Strings(names)
		for _, name := range names {
			wanted, has := w[name]
			is, made := g[name]
			at := path + "." + name
			switch {
			case has && made:
				compare(at, wanted, is, out)
			case has:
				*out = append(*out, fmt.Sprintf("%s: want %s, got nothing", at, show(wanted)))
			default:
				*out = append(*out, fmt.Sprintf("%s: want nothing, got %s", at, show(is)))
			}
		}
		return
	}
	wl, wantList := want.([]any)
	gl, gotList := got.([]any)
	if wantList && gotList && len(wl) == len(gl) {
		for i := range wl {
			compare(fmt.Sprintf("%s[%d]", path, i), wl[i], gl[i], out)
		}
		return
	}
	if a, b := show(want), show(got); a != b {
		if path == "" {
			path = "."
		}
		*out = append(*out, fmt.Sprintf("%s: want %s, got %s", path, clip(a), clip(b)))
	}
}

// show is a value as JSON, members sorted, numbers with their text.
func show(v any) string {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSpace(text.String())
}

func clip(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
