package expr

import (
	"slices"
	"strings"
)

// Comparing pays for what it looks at: a small value may have the same part a million times.

// compare orders two values as jq does.
func (a *Allowance) compare(l, r any) (int, error) { return a.compareAt(l, r, 0) }

func (a *Allowance) compareAt(l, r any, depth int) (int, error) {
	switch lv := l.(type) {
	case string:
		if rv, ok := r.(string); ok {
			return strings.Compare(lv, rv), a.take(min(len(lv), len(rv)) >> 3)
		}
	case []any:
		if rv, ok := r.([]any); ok {
			return a.compareArrays(lv, rv, depth+1)
		}
	case map[string]any:
		if rv, ok := r.(map[string]any); ok {
			return a.compareObjects(lv, rv, depth+1)
		}
	case nil, bool:
	default:
		ln, _ := numberOf(l)
		if rn, ok := numberOf(r); ok {
			return compareNumbers(ln, rn), nil
		}
	}
	return compareOrdered(val{v: l}.rank(), val{v: r}.rank()), nil
}

func (a *Allowance) compareArrays(l, r []any, depth int) (int, error) {
	if depth > maxDepth {
		return 0, errDeep
	}
	for i := range min(len(l), len(r)) {
		if err := a.take(8); err != nil {
			return 0, err
		}
		if order, err := a.compareAt(l[i], r[i], depth); order != 0 || err != nil {
			return order, err
		}
	}
	return compareOrdered(len(l), len(r)), nil
}

// compareObjects orders by the names first.
func (a *Allowance) compareObjects(l, r map[string]any, depth int) (int, error) {
	if depth > maxDepth {
		return 0, errDeep
	}
	ln, err := a.names(l)
	if err != nil {
		return 0, err
	}
	rn, err := a.names(r)
	if err != nil {
		return 0, err
	}
	if order := slices.Compare(ln, rn); order != 0 {
		return order, nil
	}
	for _, name := range ln {
		if order, err := a.compareAt(l[name], r[name], depth); order != 0 || err != nil {
			return order, err
		}
	}
	return 0, nil
}

// names are the sorted names of an object.
func (a *Allowance) names(m map[string]any) ([]string, error) {
	if len(m) > maxElements {
		return nil, errMembers
	}
	if err := a.take(32 * len(m)); err != nil {
		return nil, err
	}
	return sortedNames(m), nil
}

// sortable is a value and what it is sorted by.
type sortable struct{ value, key any }

// sorted sorts values by their keys; equal ones keep their order.
func (a *Allowance) sorted(values, keys []any) ([]sortable, error) {
	if err := a.take(48 * len(values)); err != nil {
		return nil, err
	}
	out := make([]sortable, len(values))
	for i := range values {
		out[i] = sortable{values[i], keys[i]}
	}
	var failed error
	slices.SortStableFunc(out, func(l, r sortable) int {
		if failed != nil {
			return 0
		}
		order, err := a.compare(l.key, r.key)
		if failed = err; failed == nil {
			failed = a.take(8)
		}
		return order
	})
	return out, failed
}
