package guess

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// leaf is a scalar that rows have at a path.
type leaf struct {
	path []string
	// jq is the path in jq.
	jq string
	// values are those of the rows that have it, not null.
	values []any
	// rows is how many rows there are, missing in how many it is null or not there.
	rows, missing int
	// broken tells that a row has no scalar there.
	broken bool
}

// mostLeafDepth is how deep the members of rows are looked at.
const mostLeafDepth = 4

// leavesOf are the leaves of rows, in order of their paths.
func leavesOf(list []any) []*leaf {
	all := make(map[string]*leaf)
	for _, row := range list {
		switch row := row.(type) {
		case map[string]any:
			collect(row, nil, "", all)
		case []any:
			for i, cell := range row {
				note(all, []string{"[" + strconv.Itoa(i) + "]"}, ".["+strconv.Itoa(i)+"]", cell)
			}
		}
	}
	out := make([]*leaf, 0, len(all))
	for _, jq := range slices.Sorted(maps.Keys(all)) {
		l := all[jq]
		if l.rows = len(list); !l.broken && len(l.values) > 0 {
			l.missing = l.rows - len(l.values)
			out = append(out, l)
		}
	}
	return out
}

func collect(object map[string]any, path []string, jq string, all map[string]*leaf) {
	for name, v := range object {
		at, deeper := step(jq, name), append(slices.Clone(path), name)
		if inner, is := v.(map[string]any); is {
			if l := all[at]; l != nil {
				l.broken = true
			} else {
				all[at] = &leaf{broken: true}
			}
			if len(deeper) < mostLeafDepth {
				collect(inner, deeper, at, all)
			}
			continue
		}
		note(all, deeper, at, v)
	}
}

func note(all map[string]*leaf, path []string, jq string, v any) {
	l := all[jq]
	if l == nil {
		l = &leaf{path: path, jq: jq}
		all[jq] = l
	}
	if l.path == nil {
		l.path, l.jq = path, jq
	}
	switch {
	case v == nil:
	case nested(v):
		l.broken = true
	default:
		l.values = append(l.values, v)
	}
}

// name is the last of the path, in lower case without what stands between words.
func (l *leaf) name() string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '_', '-', ' ', ':', '@', '#', '$':
			return -1
		}
		return unicode.ToLower(r)
	}, l.path[len(l.path)-1])
}

// parent is the one before, likewise.
func (l *leaf) parent() string {
	if len(l.path) < 2 {
		return ""
	}
	p := leaf{path: l.path[:len(l.path)-1]}
	return p.name()
}

// distinct counts different values.
func (l *leaf) distinct() int {
	seen := make(map[string]bool)
	for _, v := range l.values {
		t, _ := text(v)
		seen[t] = true
	}
	return len(seen)
}

// unique tells that every row has one of its own.
func (l *leaf) unique() bool { return l.missing == 0 && l.distinct() == l.rows }

// texts tells whether all values are texts or whole numbers of a bearable length.
func (l *leaf) texts() bool {
	for _, v := range l.values {
		switch v := v.(type) {
		case string:
			if v == "" || len(v) > 256 {
				return false
			}
		case json.Number:
			if strings.ContainsAny(v.String(), ".eE") {
				return false
			}
		default:
			return false
		}
	}
	return true
}
