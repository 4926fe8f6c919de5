package guess

import (
	"fmt"
	"slices"
	"strings"
)

// kindNames are the members in which messages of a stream say what they are.
var kindNames = []string{"type", "e", "event", "event_type", "eventType", "op", "action", "channel", "topic", "method", "kind", "msg_type", "messageType", "T", "arg.channel"}

// mine leaves out messages of other forms than most that are data have, such as what answers a subscription, and
// gives the filter for that.
func (g *guesser) mine(values []any) ([]any, string) {
	if !g.stream() || len(values) < 2 {
		return values, ""
	}
	groups := make(map[string][]any)
	for _, v := range values {
		groups[formOf(v)] = append(groups[formOf(v)], v)
	}
	if len(groups) == 1 {
		return values, ""
	}
	best, most := "", -1
	for _, form := range slices.Sorted(slices.Values(keysOf(groups))) {
		list := groups[form]
		score := len(list)
		if m, found := bestTime(leavesOf(list)); found && m.score >= 40 {
			score += 2
		}
		if score > most {
			best, most = form, score
		}
	}
	mine := groups[best]
	var others []any
	for form, list := range groups {
		if form != best {
			others = append(others, list...)
		}
	}
	where := tellApart(mine, others)
	if where == "" {
		return mine, ""
	}
	g.doc.remark("transform", fmt.Sprintf("%d of %d messages are of this form", len(mine), len(values)))
	return mine, where
}

func keysOf(groups map[string][]any) (all []string) {
	for form := range groups {
		all = append(all, form)
	}
	return all
}

// formOf is what a message has: its members, and what it says that it is.
func formOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		form := "{" + strings.Join(names(v), ",")
		for _, name := range kindNames {
			if t, is := v[name].(string); is {
				return form + ":" + t
			}
		}
		return form
	case []any:
		return "["
	}
	return "."
}

// tellApart is a filter that is true for some messages and false for others; empty where none is found.
func tellApart(mine, others []any) string {
	object, is := mine[0].(map[string]any)
	if !is {
		if _, list := mine[0].([]any); list && !slices.ContainsFunc(others, func(v any) bool { _, list := v.([]any); return list }) {
			return `type == "array"`
		}
		return ""
	}
	for _, name := range kindNames {
		want, is := object[name].(string)
		if !is || !slices.ContainsFunc(others, func(v any) bool { return member(v, name) != want }) || slices.ContainsFunc(others, func(v any) bool { return member(v, name) == want }) {
			continue
		}
		if !slices.ContainsFunc(mine, func(v any) bool { return member(v, name) != want }) {
			return fmt.Sprintf("%s == %s", step("", name), quoted(want))
		}
	}
	for _, name := range names(object) {
		has := func(v any) bool { return member(v, name) != nil }
		if !slices.ContainsFunc(others, has) && !slices.ContainsFunc(mine, func(v any) bool { return !has(v) }) {
			return step("", name) + " != null"
		}
	}
	return ""
}

func member(v any, name string) any {
	object, is := v.(map[string]any)
	if !is {
		return nil
	}
	return object[name]
}
