package expr

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

var matchNatives = map[string]native{
	"__test":       {1, "test", func(m *machine, in any, args []any) (any, error) { return test(m, in, args[0], nil) }},
	"__test_flags": {2, "test", func(m *machine, in any, args []any) (any, error) { return test(m, in, args[0], args[1]) }},
	"__match":      {2, "match", matches},
	"__capture":    {2, "capture", captures},
	"__scan":       {2, "scan", scan},
	"__splits":     {2, "split", splits},
	"__substitute": {2, "sub", substitute},
	"__captures":   {0, "sub", func(_ *machine, in any, _ []any) (any, error) { return in.(*substitution).captures, nil }},
	"__next":       {0, "sub", func(_ *machine, in any, _ []any) (any, error) { return in, in.(*substitution).next() }},
	"__paste":      {1, "sub", func(m *machine, in any, args []any) (any, error) { return in, in.(*substitution).paste(m, args[0]) }},
	"__results":    {0, "sub", func(m *machine, in any, _ []any) (any, error) { return in.(*substitution).results(m) }},
}

// haystack is a text and the pattern that is looked for in it.
type haystack struct {
	m    *machine
	text string
	*pattern
}

// looking reads what functions of patterns are given; flags may come with the pattern.
func looking(m *machine, in, re, flags any) (haystack, error) {
	if both, ok := re.([]any); ok && flags == nil && len(both) > 0 {
		re = both[0]
		if len(both) > 1 {
			flags = both[1]
		}
	}
	text, ok := in.(string)
	if !ok {
		return haystack{}, errType
	}
	expression, ok := re.(string)
	if !ok {
		return haystack{}, errors.New("the pattern must be a string, is " + shown(re))
	}
	flagText, ok := flags.(string)
	if !ok && flags != nil {
		return haystack{}, errors.New("the flags must be a string, are " + shown(flags))
	}
	p, fresh, err := m.engine.patterns.get(expression, flagText)
	if err == nil && fresh {
		err = m.take(128 * p.size)
	}
	if err != nil {
		return haystack{}, err
	}
	if p.cost(text) > maxPatternWork {
		return haystack{}, fmt.Errorf("a text of %d bytes is too long for a pattern of this size", len(text))
	}
	m.work += p.cost(text)
	return haystack{m, text, p}, m.take(p.cost(text) >> 4)
}

// found is a match: the bytes that it and its groups stand at, and the character that it begins at.
type found struct {
	at    []int
	runes int
}

// each gives the first match, or all. Each search is linear, and time is looked at between them.
func (h haystack) each(all bool, yield func(found) error) error {
	runes, counted := 0, 0
	for at := 0; at <= len(h.text); {
		h.m.look()
		if h.m.err != nil {
			return h.m.err
		}
		m := h.from(h.text, at)
		if m == nil {
			return nil
		}
		if err := h.m.take(64 + 16*len(m) + (m[1]-at)*h.size>>6); err != nil {
			return err
		}
		runes, counted = runes+utf8.RuneCountInString(h.text[counted:m[0]]), m[0]
		if err := yield(found{m, runes}); err != nil || !all {
			return err
		}
		if at = m[1]; m[0] == m[1] {
			_, width := utf8.DecodeRuneInString(h.text[at:])
			at += max(width, 1)
		}
	}
	return nil
}

func test(m *machine, in, re, flags any) (any, error) {
	h, err := looking(m, in, re, flags)
	if err != nil {
		return nil, err
	}
	return h.re.MatchString(h.text), nil
}

func matches(m *machine, in any, args []any) (any, error) {
	h, err := looking(m, in, args[0], args[1])
	if err != nil {
		return nil, err
	}
	out := []any{}
	err = h.each(h.global, func(f found) error {
		v, err := h.object(f)
		out = append(out, v)
		return err
	})
	return out, err
}

// object is a match as jq has it.
func (h haystack) object(f found) (any, error) {
	names := h.re.SubexpNames()
	groups := make([]any, 0, len(names)-1)
	if err := h.m.take(400 * len(names)); err != nil {
		return nil, err
	}
	for i := 1; i < len(names); i++ {
		group, err := h.group(f, f.at[2*i], f.at[2*i+1])
		if err != nil {
			return nil, err
		}
		group["name"] = nil
		if names[i] != "" {
			group["name"] = names[i]
		}
		groups = append(groups, group)
	}
	out, err := h.group(f, f.at[0], f.at[1])
	if err != nil {
		return nil, err
	}
	out["captures"] = groups
	return out, nil
}

func (h haystack) group(f found, from, to int) (map[string]any, error) {
	if from < 0 {
		return map[string]any{"offset": -1, "length": 0, "string": nil}, nil
	}
	part := h.text[from:to]
	if err := h.m.take((to - f.at[0]) >> 3); err != nil {
		return nil, err
	}
	return map[string]any{
		"offset": f.runes + utf8.RuneCountInString(h.text[f.at[0]:from]), "length": utf8.RuneCountInString(part), "string": part,
	}, nil
}

// named are the groups that have a name.
func (h haystack) named(f found) (map[string]any, error) {
	out := map[string]any{}
	for i, name := range h.re.SubexpNames() {
		if name == "" {
			continue
		}
		out[name] = h.part(f, i)
	}
	return out, h.m.take(100 * len(out))
}

// part is the text of a group; null where the group has no part in the match.
func (h haystack) part(f found, i int) any {
	if f.at[2*i] < 0 {
		return nil
	}
	return h.text[f.at[2*i]:f.at[2*i+1]]
}

func captures(m *machine, in any, args []any) (any, error) {
	h, err := looking(m, in, args[0], args[1])
	if err != nil {
		return nil, err
	}
	out := []any{}
	err = h.each(h.global, func(f found) error {
		v, err := h.named(f)
		out = append(out, v)
		return err
	})
	return out, err
}

// scan gives the text of each match, or the texts of its groups if there are any.
func scan(m *machine, in any, args []any) (any, error) {
	h, err := looking(m, in, args[0], args[1])
	if err != nil {
		return nil, err
	}
	out, groups := []any{}, h.re.NumSubexp()
	err = h.each(true, func(f found) error {
		if groups == 0 {
			out = append(out, h.part(f, 0))
			return nil
		}
		list := make([]any, groups)
		for i := range list {
			list[i] = h.part(f, i+1)
		}
		out = append(out, list)
		return nil
	})
	return out, err
}

// splits gives what stands between the matches.
func splits(m *machine, in any, args []any) (any, error) {
	h, err := looking(m, in, args[0], args[1])
	if err != nil {
		return nil, err
	}
	out, at := []any{}, 0
	err = h.each(true, func(f found) error {
		out, at = append(out, h.text[at:f.at[0]]), f.at[1]
		return nil
	})
	return append(out, h.text[at:]), err
}

// substitution is sub while it goes on: the i-th result of what replaces a match belongs to the
// i-th result of all. Our library alone sees it.
type substitution struct {
	text     string
	at       [][2]int
	captures []any
	// match is the one that is replaced, from where its text begins, i how often it was.
	match, from, i int
	out            [][]byte
}

func substitute(m *machine, in any, args []any) (any, error) {
	h, err := looking(m, in, args[0], args[1])
	if err != nil {
		return nil, err
	}
	s := &substitution{text: h.text, match: -1}
	err = h.each(h.global, func(f found) error {
		v, err := h.named(f)
		s.captures, s.at = append(s.captures, v), append(s.at, [2]int{f.at[0], f.at[1]})
		return err
	})
	return s, err
}

// next goes to the next match.
func (s *substitution) next() error {
	if s.match >= 0 {
		s.from = s.at[s.match][1]
	}
	s.match, s.i = s.match+1, 0
	return nil
}

// paste replaces the match in the next of the results.
func (s *substitution) paste(m *machine, v any) error {
	text, ok := v.(string)
	if !ok {
		return errors.New("what replaces a match must be a string, is " + shown(v))
	}
	if s.i == len(s.out) {
		s.out = append(s.out, nil)
	}
	before := s.text[s.from:s.at[s.match][0]]
	if len(s.out[s.i])+len(before)+len(text) > maxText {
		return errSize
	}
	if err := m.take(2*(len(before)+len(text)) + 32); err != nil {
		return err
	}
	s.out[s.i] = append(append(s.out[s.i], before...), text...)
	s.i++
	return nil
}

// results are the texts with all matches replaced; the text itself where nothing was.
func (s *substitution) results(m *machine) (any, error) {
	if len(s.out) == 0 {
		return []any{s.text}, nil
	}
	rest := s.text[s.at[len(s.at)-1][1]:]
	out := make([]any, len(s.out))
	for i, text := range s.out {
		if len(text)+len(rest) > maxText {
			return nil, errSize
		}
		if err := m.take(len(text) + len(rest)); err != nil {
			return nil, err
		}
		out[i] = string(text) + rest
	}
	return out, nil
}
