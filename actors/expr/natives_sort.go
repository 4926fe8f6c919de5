package expr

import (
	"errors"
	"slices"
)

var sortNatives = map[string]native{
	"__sort":      {0, "sort", func(m *machine, in any, _ []any) (any, error) { return sortBy(m, in, in) }},
	"__sort_by":   {1, "sort_by", func(m *machine, in any, args []any) (any, error) { return sortBy(m, in, args[0]) }},
	"__unique":    {0, "unique", func(m *machine, in any, _ []any) (any, error) { return uniqueBy(m, in, in) }},
	"__unique_by": {1, "unique_by", func(m *machine, in any, args []any) (any, error) { return uniqueBy(m, in, args[0]) }},
	"__group_by":  {1, "group_by", groupBy},
	"__min":       {0, "min", func(m *machine, in any, _ []any) (any, error) { return extreme(m, in, in, -1) }},
	"__max":       {0, "max", func(m *machine, in any, _ []any) (any, error) { return extreme(m, in, in, 1) }},
	"__min_by":    {1, "min_by", func(m *machine, in any, args []any) (any, error) { return extreme(m, in, args[0], -1) }},
	"__max_by":    {1, "max_by", func(m *machine, in any, args []any) (any, error) { return extreme(m, in, args[0], 1) }},
	"__bsearch":   {1, "bsearch", search},
}

func lists(values, keys any) ([]any, []any, error) {
	vs, ok := values.([]any)
	ks, also := keys.([]any)
	if !ok || !also || len(vs) != len(ks) {
		return nil, nil, errType
	}
	return vs, ks, nil
}

func sortedLists(m *machine, values, keys any) ([]sortable, error) {
	vs, ks, err := lists(values, keys)
	if err != nil {
		return nil, err
	}
	return m.sorted(vs, ks)
}

func sortBy(m *machine, values, keys any) (any, error) {
	items, err := sortedLists(m, values, keys)
	if err != nil {
		return nil, err
	}
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = item.value
	}
	return out, nil
}

// groups are the items with equal keys, of sorted items.
func groups(m *machine, items []sortable, each func(group []sortable)) error {
	for from := 0; from < len(items); {
		to := from + 1
		for ; to < len(items); to++ {
			order, err := m.compare(items[from].key, items[to].key)
			if err != nil {
				return err
			}
			if order != 0 {
				break
			}
		}
		each(items[from:to])
		from = to
	}
	return nil
}

func uniqueBy(m *machine, values, keys any) (any, error) {
	items, err := sortedLists(m, values, keys)
	if err != nil {
		return nil, err
	}
	out := []any{}
	err = groups(m, items, func(group []sortable) { out = append(out, group[0].value) })
	return out, err
}

func groupBy(m *machine, in any, args []any) (any, error) {
	items, err := sortedLists(m, in, args[0])
	if err != nil {
		return nil, err
	}
	out := []any{}
	err = groups(m, items, func(group []sortable) {
		list := make([]any, len(group))
		for i, item := range group {
			list[i] = item.value
		}
		out = append(out, list)
	})
	return out, errors.Join(err, m.take(40*len(items)))
}

// extreme is the first of the least values, or the last of the greatest.
func extreme(m *machine, values, keys any, sign int) (any, error) {
	vs, ks, err := lists(values, keys)
	if err != nil || len(vs) == 0 {
		return nil, err
	}
	best := 0
	for i := 1; i < len(vs); i++ {
		order, err := m.compare(ks[best], ks[i])
		if err == nil {
			err = m.take(8)
		}
		if err != nil {
			return nil, err
		}
		if sign < 0 && order > 0 || sign > 0 && order <= 0 {
			best = i
		}
	}
	return vs[best], nil
}

// search is where a value stands in a sorted list, or -1 minus where it would.
func search(m *machine, in any, args []any) (any, error) {
	list, ok := in.([]any)
	if !ok {
		return nil, errType
	}
	var failed error
	i, found := slices.BinarySearchFunc(list, args[0], func(e, target any) int {
		order, err := m.compare(e, target)
		failed = errors.Join(failed, err)
		return order
	})
	if !found {
		i = -i - 1
	}
	return i, failed
}
