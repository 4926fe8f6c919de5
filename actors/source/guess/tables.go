package guess

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// tables finds rows that have their names elsewhere: in a list beside them, in a first row, or as the names
// of parallel lists.
func tables(v any, path string, depth int) []rows {
	if depth > 3 {
		return nil
	}
	var all []rows
	switch v := v.(type) {
	case map[string]any:
		all = append(all, besides(v, path)...)
		all = append(all, parallel(v, path)...)
		for _, name := range names(v) {
			all = append(all, tables(v[name], step(path, name), depth+1)...)
		}
	case []any:
		all = append(all, headed(v, path)...)
	}
	return all
}

// columnsOf are the names of columns that a list may be: texts, or objects that have a name.
func columnsOf(v any) (columns []string, text string) {
	list, is := v.([]any)
	if !is || len(list) == 0 {
		return nil, ""
	}
	for _, e := range list {
		switch e := e.(type) {
		case string:
			columns = append(columns, e)
		case map[string]any:
			for _, member := range []string{"name", "id", "field", "key", "label"} {
				if name, is := e[member].(string); is {
					if text != "" && text != member {
						return nil, ""
					}
					columns, text = append(columns, name), member
					break
				}
			}
		default:
			return nil, ""
		}
	}
	sorted := slices.Sorted(slices.Values(columns))
	if len(columns) != len(list) || len(slices.Compact(sorted)) != len(list) {
		return nil, ""
	}
	return columns, text
}

var columnNames = set("columns cols fields headers header names keys schema column_names columnNames fieldNames")

// besides finds a list of names beside a list of rows.
func besides(object map[string]any, path string) []rows {
	var all []rows
	for _, head := range names(object) {
		columns, member := columnsOf(object[head])
		if len(columns) < 2 || !columnNames[head] {
			continue
		}
		for _, body := range names(object) {
			list, is := object[body].([]any)
			if !is || body == head || len(list) == 0 || !rowsOf(list, len(columns)) {
				continue
			}
			r := rows{count: len(list), weight: tableWeight, list: named(columns, list)}
			at := step("", head)
			if member != "" {
				at = "[" + at + "[]." + member + "]"
			}
			r.split = fmt.Sprintf("%s%s as $names | %s[] | [$names, .] | transpose | map({(.[0]): .[1]}) | add", piped(path), at, step("", body))
			r.remark = fmt.Sprintf("%d rows in %s, named by %s", len(list), step(path, body), step(path, head))
			all = append(all, r)
		}
	}
	return all
}

// tableWeight has rows with names chosen before the same rows without.
const tableWeight = 2

// headed finds a list of rows whose first one has the names.
func headed(list []any, path string) []rows {
	if len(list) < 2 {
		return nil
	}
	columns, member := columnsOf(list[0])
	if len(columns) < 2 || member != "" || !rowsOf(list[1:], len(columns)) {
		return nil
	}
	first, _ := list[1].([]any)
	for i, cell := range first { // a row of texts is not told from a row of names, but for what texts say
		text, is := cell.(string)
		if !is && cell != nil {
			break
		}
		if formatOf(text) != "" || strings.ContainsAny(text, "0123456789") {
			break
		}
		if i == len(first)-1 {
			return nil
		}
	}
	for _, name := range columns {
		if formatOf(name) != "" || name == "" || strings.Trim(name, "0123456789.,-+ ") == "" {
			return nil
		}
	}
	return []rows{{
		split: or(path) + "[0] as $names | " + or(path) + "[1:][] | [$names, .] | transpose | map({(.[0]): .[1]}) | add",
		list:  named(columns, list[1:]), count: len(list) - 1, weight: tableWeight, remark: fmt.Sprintf("%d rows in %s, named by the first", len(list)-1, or(path)),
	}}
}

func rowsOf(list []any, width int) bool {
	for _, e := range list {
		if row, is := e.([]any); !is || len(row) != width {
			return false
		}
	}
	return true
}

func named(columns []string, list []any) (all []any) {
	for _, e := range list[:min(len(list), mostSample)] {
		object := make(map[string]any)
		for i, cell := range e.([]any) {
			object[columns[i]] = cell
		}
		all = append(all, object)
	}
	return all
}

// parallel finds lists of one length beside each other, one of them times.
func parallel(object map[string]any, path string) []rows {
	var columns []string
	length := 0
	for _, name := range names(object) {
		list, is := object[name].([]any)
		if !is || len(list) < 2 || !identifier.MatchString(name) || slices.ContainsFunc(list, nested) || length > 0 && len(list) != length {
			continue
		}
		columns, length = append(columns, name), len(list)
	}
	if len(columns) < 2 || len(columns) > mostColumns {
		return nil
	}
	r := rows{count: length, weight: tableWeight}
	for i := range min(length, mostSample) {
		row := make(map[string]any)
		for _, name := range columns {
			row[name] = object[name].([]any)[i]
		}
		r.list = append(r.list, row)
	}
	best, found := bestTime(leavesOf(r.list))
	if !found || best.score < 40 {
		return nil
	}
	var members []string
	for _, name := range columns {
		members = append(members, fmt.Sprintf("%s: .%s[$i]", name, name))
	}
	r.split = fmt.Sprintf("%srange(.%s | length) as $i | {%s}", piped(path), columns[0], strings.Join(members, ", "))
	r.remark = fmt.Sprintf("%d rows of parallel lists in %s", length, or(path))
	return []rows{r}
}

func nested(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// text is a scalar's, as a record would have it; false for what is none.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return fmt.Sprint(v), true
	}
	return "", false
}
