package transform

import (
	"anode/messages/jsontext"
	"anode/messages/spec"
)

// pages looks at the pages of a polled feed; nil at none.
type pages struct {
	next  *extractor // nil: a link, or an offset
	until *condition
}

// compilePages makes nil where the spec has none.
func compilePages(language Language, s *spec.Spec, fault func(path string, err error)) *pages {
	if s.REST == nil || s.REST.Pages == nil {
		return nil
	}
	p, of := &pages{}, s.REST.Pages
	var err error
	if of.Next != spec.NextLink && of.Next != spec.NextOffset {
		if p.next, err = compileExtractor(language, "rest/pages/next", of.Next); err != nil {
			fault("/rest/pages/next", err)
		}
	}
	if of.Until != "" && of.Until != spec.UntilSeen {
		until, err := compileCondition(language, of.Until)
		if err != nil {
			fault("/rest/pages/until", err)
		}
		p.until = &until
	}
	return p
}

// look asks a decoded message what comes after it.
func (p *pages) look(f *feeding, m *value, env Env) {
	if p == nil {
		return
	}
	if p.until != nil && f.holds(p.until, m, env) {
		f.out.Page.Last = true
	}
	if p.next == nil {
		return
	}
	at, err := p.next.value(f.ctx, m, env)
	var v any
	if err == nil && at != nil {
		v, err = at.any()
	}
	switch {
	case err != nil:
		f.note(p.next.name, p.next.source, m, err)
		f.out.Page.Failed = true
	case v != nil:
		f.out.Page.Next = v
	}
}

// count counts the values of a message; true leaves that to what map gives of each.
func (p *pages) count(f *feeding, m *value, parts []*value) (whole bool) {
	if p == nil {
		return false
	}
	if f.split.program != nil {
		f.out.Page.Values += len(parts)
		return false
	}
	raw, err := m.json()
	if err != nil || jsontext.KindOf(raw) != jsontext.Array {
		return true
	}
	for s := jsontext.Scan(raw); ; f.out.Page.Values++ {
		if _, _, ok := s.Next(); !ok {
			return false
		}
	}
}
