package guess

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// rows is what a message has several of.
type rows struct {
	// split is the program that gives them; empty where the message itself is the one row.
	split string
	// list are the first of them, as the program gives them.
	list []any
	// count is how many there are; weight is what they are chosen by.
	count, weight int
	// remark says what they are.
	remark string
}

// The bounds of looking.
const (
	mostDepth  = 6
	mostSample = 500
	// mostColumns is the most columns of a table that are written out.
	mostColumns = 200
)

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// step is a path with one more name, in jq.
func step(path, name string) string {
	if identifier.MatchString(name) {
		return path + "." + name
	}
	text := quoted(name)
	if path == "" {
		return "." + text
	}
	return path + "." + text
}

// or is a path, or . for the empty one.
func or(path string) string {
	if path == "" {
		return "."
	}
	return path
}

// names are the members of an object, sorted.
func names(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }

// wide are the names that lists of rows have.
var wide = set(`data items results result features records entries entry item list rows values value events observations stations
	articles hits docs documents trades tickers prices quotes messages posts stories products vehicles flights states points
	measurements readings sensors rooms devices members alerts matches games children edges nodes _items payload`)

func set(words string) map[string]bool {
	all := make(map[string]bool)
	for _, word := range strings.Fields(words) {
		all[word] = true
	}
	return all
}

// findRows finds what to split a message into. A message of a stream is split only where it says so itself.
func findRows(v any, stream bool) rows {
	var all []rows
	if !stream {
		all = append(all, tables(v, "", 0)...)
	}
	all = append(all, lists(v, "", 0, stream)...)
	if !stream {
		all = append(all, byName(v, "", 0)...)
	}
	best := rows{list: []any{v}, count: 1, weight: 1}
	for _, r := range all {
		if r.weight = r.count + r.weight; r.weight > best.weight || best.split == "" {
			best = r
		}
	}
	if object, is := v.(map[string]any); is && best.split != "" {
		best.withTime(object)
	}
	return best
}

// lists finds lists of objects, and of lists.
func lists(v any, path string, depth int, stream bool) []rows {
	if depth > mostDepth {
		return nil
	}
	switch v := v.(type) {
	case map[string]any:
		var all []rows
		for _, name := range names(v) {
			if list, is := v[name].([]any); is && !listed(v, name, list, depth, stream) {
				if !stream {
					all = append(all, inner(list, step(path, name), depth+1, stream)...)
				}
				continue
			}
			all = append(all, lists(v[name], step(path, name), depth+1, stream)...)
		}
		return all
	case []any:
		objects, arrays := 0, 0
		for _, e := range v {
			switch e := e.(type) {
			case map[string]any:
				objects++
			case []any:
				if len(e) > 1 {
					arrays++
				}
			}
		}
		switch {
		case len(v) == 0:
		case objects == len(v):
			own := rows{split: or(path) + "[]", list: v[:min(len(v), mostSample)], count: len(v)}
			own.remark = fmt.Sprintf("%d objects in %s", len(v), or(path))
			return append(inner(v, path, depth, stream), own)
		case arrays == len(v) && len(v) > 1 && even(v) && !stream:
			return []rows{{split: or(path) + "[]", list: v[:min(len(v), mostSample)], count: len(v), remark: fmt.Sprintf("%d lists in %s", len(v), or(path))}}
		}
	}
	return nil
}

// listed tells whether a list in an object is what the object is about, and not one of its properties.
func listed(object map[string]any, name string, list []any, depth int, stream bool) bool {
	if wide[strings.ToLower(name)] {
		return true
	}
	if stream || len(list) < 2 {
		return false
	}
	scalars := 0
	for _, member := range object {
		switch member.(type) {
		case map[string]any, []any:
		default:
			scalars++
		}
	}
	return scalars <= 4 || len(list) >= 3*scalars || depth == 0 && len(list) >= 3
}

// inner looks into the elements of a list of few, such as pages or groups with lists of their own.
func inner(list []any, path string, depth int, stream bool) []rows {
	const few = 3
	if len(list) > few {
		return nil
	}
	sum := make(map[string]*rows)
	for _, e := range list {
		for _, r := range lists(e, "", depth+1, stream) {
			if of := sum[r.split]; of != nil {
				of.list, of.count = append(of.list, r.list...), of.count+r.count
			} else {
				sum[r.split] = &r
			}
		}
	}
	var all []rows
	for _, split := range slices.Sorted(maps.Keys(sum)) {
		if r := sum[split]; r.count >= 5*len(list) {
			r.split = or(path) + "[]" + split
			r.remark = fmt.Sprintf("%d objects in %s", r.count, strings.TrimSuffix(r.split, "[]"))
			all = append(all, *r)
		}
	}
	return all
}

// even tells whether lists have one length.
func even(list []any) bool {
	first, _ := list[0].([]any)
	for _, e := range list {
		if row, _ := e.([]any); len(row) != len(first) {
			return false
		}
	}
	return true
}

// byName finds an object whose members are objects of one form, as prices by coin.
func byName(v any, path string, depth int) []rows {
	object, is := v.(map[string]any)
	if !is || depth > 3 {
		return nil
	}
	var all []rows
	for _, name := range names(object) {
		all = append(all, byName(object[name], step(path, name), depth+1)...)
	}
	const least = 3
	if len(object) < least {
		return all
	}
	members := names(object)
	var form string
	r := rows{count: len(object)}
	for i, name := range members {
		member, is := object[name].(map[string]any)
		if !is || len(member) == 0 || member["name"] != nil && identifier.MatchString(name) && len(member) == 1 {
			return all
		}
		if is := strings.Join(names(member), "\x00"); i == 0 {
			form = is
		} else if is != form {
			return all
		}
		row := maps.Clone(member)
		row[nameOf(member)] = name
		if len(r.list) < mostSample {
			r.list = append(r.list, row)
		}
	}
	label := nameOf(object[members[0]].(map[string]any))
	r.split = fmt.Sprintf("%sto_entries[] | {%s: .key} + .value", piped(path), label)
	r.remark = fmt.Sprintf("%d objects by name in %s", len(object), or(path))
	return append(all, r)
}

func piped(path string) string {
	if path == "" {
		return ""
	}
	return path + " | "
}

// nameOf is how the name of an object by name is called: key, unless it has such a member.
func nameOf(member map[string]any) string {
	for _, name := range []string{"key", "name_", "key_"} {
		if _, taken := member[name]; !taken {
			return name
		}
	}
	return "key__"
}

// withTime gives rows of objects the time of their message, where they have none.
func (r *rows) withTime(message map[string]any) {
	for _, row := range r.list {
		if _, is := row.(map[string]any); !is {
			return
		}
	}
	if best, found := bestTime(leavesOf(r.list)); found && best.score >= 40 {
		return
	}
	outer := make(map[string]any)
	for name, member := range message {
		if row, is := r.list[0].(map[string]any); is && row[name] == nil && identifier.MatchString(name) {
			outer[name] = member
		}
	}
	best, found := bestTime(leavesOf([]any{outer}))
	if !found || best.score < 60 || len(best.leaf.path) != 1 {
		return
	}
	name := best.leaf.path[0]
	for i, row := range r.list {
		with := maps.Clone(row.(map[string]any))
		with[name] = message[name]
		r.list[i] = with
	}
	r.list = slices.Clone(r.list)
	r.split = fmt.Sprintf(".%s as $%s | %s | . + {%s: $%s}", name, name, r.split, name, name)
	r.remark += ", with the message's ." + name
}
