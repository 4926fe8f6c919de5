package expr

import (
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// maxIndex is the highest index that an assignment may have in its text, and the highest that an
// array grows to by one.
const maxIndex = 1 << 16

// term rewrites a term. What stands before ".[]", a slice or an index passes a native that lets
// it through and pays for what the library will do with it; paths go through that as well.
func (w *rewriter) term(t *gojq.Term, s *binding) (*gojq.Term, error) {
	bare := *t
	bare.SuffixList = nil
	out, err := w.bare(&bare, s)
	if err != nil {
		return nil, err
	}
	for _, suffix := range t.SuffixList {
		guard := ""
		next := &gojq.Suffix{Iter: suffix.Iter, Optional: suffix.Optional}
		switch {
		case suffix.Iter:
			guard = "__each"
		case suffix.Index != nil:
			if next.Index, guard, err = w.index(suffix.Index, s); err != nil {
				return nil, err
			}
		}
		if guard != "" {
			out = paren(pipeQuery(&gojq.Query{Term: out}, w.native(guard)))
		}
		out.SuffixList = append(out.SuffixList, next)
	}
	return out, nil
}

// index rewrites an index; guard is the native that what it is asked of must pass, if any.
func (w *rewriter) index(i *gojq.Index, s *binding) (out *gojq.Index, guard string, err error) {
	switch {
	case i.Name != "" || i.Str != nil && i.Str.Queries == nil:
		return i, "", nil
	case i.Str != nil:
		t, err := w.words(i.Str, "", s)
		return &gojq.Index{Start: &gojq.Query{Term: t}}, "", err
	}
	assigning := w.assigning
	w.assigning = 0
	defer func() { w.assigning = assigning }()
	out = &gojq.Index{IsSlice: i.IsSlice}
	if i.Start != nil {
		if assigning > 0 {
			if err := w.literalIndex(i.Start); err != nil {
				return nil, "", err
			}
		}
		if out.Start, err = w.query(i.Start, s); err != nil {
			return nil, "", err
		}
	}
	if i.End != nil {
		if out.End, err = w.query(i.End, s); err != nil {
			return nil, "", err
		}
	}
	switch {
	case i.IsSlice:
	case constantQuery(i.Start) && i.Start.Term.Type == gojq.TermTypeString:
		return out, "", nil
	case !constantQuery(i.Start):
		out.Start = pipeQuery(out.Start, w.native("__key"))
	}
	return out, "__characters", nil
}

func (w *rewriter) literalIndex(q *gojq.Query) error {
	if !constantQuery(q) || q.Term.Type != gojq.TermTypeNumber {
		return nil
	}
	if n := parseNumber(q.Term.Number); n.toInt() > maxIndex {
		return w.fault(q.Term.Number, "the index %s of an assignment is above %d", clip(q.Term.Number), maxIndex)
	}
	return nil
}

func (w *rewriter) bare(t *gojq.Term, s *binding) (*gojq.Term, error) {
	switch t.Type {
	case gojq.TermTypeIdentity, gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse:
		return t, nil
	case gojq.TermTypeRecurse:
		return w.library("recurse/0").Term, nil
	case gojq.TermTypeNumber:
		if len(t.Number) > maxDigits {
			return nil, w.fault(t.Number, "a number has %d characters, at most %d are allowed", len(t.Number), maxDigits)
		}
		return t, nil
	case gojq.TermTypeIndex:
		i, guard, err := w.index(t.Index, s)
		if guard == "" || err != nil {
			return &gojq.Term{Type: gojq.TermTypeIndex, Index: i}, err
		}
		out := paren(w.native(guard))
		out.SuffixList = []*gojq.Suffix{{Index: i}}
		return out, nil
	case gojq.TermTypeFunc:
		return w.call(t.Func, s)
	case gojq.TermTypeObject:
		return w.object(t.Object, s)
	case gojq.TermTypeArray:
		return w.array(t.Array, s)
	case gojq.TermTypeUnary:
		of, err := w.term(t.Unary.Term, s)
		return &gojq.Term{Type: gojq.TermTypeUnary, Unary: &gojq.Unary{Op: t.Unary.Op, Term: of}}, err
	case gojq.TermTypeFormat:
		if t.Str != nil {
			return w.words(t.Str, t.Format, s)
		}
		return w.format(t.Format)
	case gojq.TermTypeString:
		return w.words(t.Str, "", s)
	case gojq.TermTypeQuery:
		q, err := w.query(t.Query, s)
		return paren(q), err
	}
	return w.control(t, s)
}

func (w *rewriter) array(a *gojq.Array, s *binding) (*gojq.Term, error) {
	w.vars++
	out := &gojq.Array{}
	if a.Query != nil {
		var err error
		if out.Query, err = w.query(a.Query, s); err != nil {
			return nil, err
		}
	}
	return &gojq.Term{Type: gojq.TermTypeArray, Array: out}, nil
}

func (w *rewriter) object(o *gojq.Object, s *binding) (*gojq.Term, error) {
	w.vars++
	out := &gojq.Object{}
	for _, kv := range o.KeyVals {
		next, err := w.member(kv, s)
		if err != nil {
			return nil, err
		}
		out.KeyVals = append(out.KeyVals, next)
	}
	return &gojq.Term{Type: gojq.TermTypeObject, Object: out}, nil
}

func (w *rewriter) member(kv *gojq.ObjectKeyVal, s *binding) (*gojq.ObjectKeyVal, error) {
	out := &gojq.ObjectKeyVal{Key: kv.Key, KeyString: kv.KeyString}
	var err error
	switch {
	case strings.HasPrefix(kv.Key, "$"):
		if _, err := w.call(&gojq.Func{Name: kv.Key}, s); err != nil {
			return nil, err
		}
	case kv.KeyString != nil && kv.KeyString.Queries != nil:
		t, err := w.words(kv.KeyString, "", s)
		if err != nil {
			return nil, err
		}
		out.KeyString = &gojq.String{Queries: []*gojq.Query{{Term: t}}}
	case kv.KeyQuery != nil:
		if out.KeyQuery, err = w.query(kv.KeyQuery, s); err != nil {
			return nil, err
		}
	}
	if kv.Val != nil {
		out.Val, err = w.query(kv.Val, s)
	}
	return out, err
}

// words rewrites a text with \(…): its pieces are put together by one native, the last piece
// being the outermost loop.
func (w *rewriter) words(t *gojq.String, format string, s *binding) (*gojq.Term, error) {
	if t.Queries == nil {
		return &gojq.Term{Type: gojq.TermTypeString, Str: &gojq.String{Str: t.Str}}, nil
	}
	var pieces []*gojq.Query
	for _, q := range t.Queries {
		if q.Term != nil && q.Term.Str != nil && q.Term.Type == gojq.TermTypeString {
			pieces = append(pieces, q)
			continue
		}
		piece, err := w.query(q, s)
		if err != nil {
			return nil, err
		}
		if format != "" {
			f, err := w.format(format)
			if err != nil {
				return nil, err
			}
			piece = pipeQuery(piece, &gojq.Query{Term: f})
		}
		pieces = append(pieces, piece)
	}
	const most = 20
	for len(pieces) > most {
		first := w.native("__text"+strconv.Itoa(most), pieces[:most]...)
		pieces = append([]*gojq.Query{first}, pieces[most:]...)
	}
	return w.native("__text"+strconv.Itoa(len(pieces)), pieces...).Term, nil
}

// control rewrites what decides and loops.
func (w *rewriter) control(t *gojq.Term, s *binding) (*gojq.Term, error) {
	out := &gojq.Term{Type: t.Type}
	var err error
	sub := func(into **gojq.Query, q *gojq.Query, s *binding) {
		if q != nil && err == nil {
			*into, err = w.query(q, s)
		}
	}
	w.vars++
	switch t.Type {
	case gojq.TermTypeIf:
		out.If = &gojq.If{}
		sub(&out.If.Cond, t.If.Cond, s)
		sub(&out.If.Then, t.If.Then, s)
		for _, arm := range t.If.Elif {
			next := &gojq.IfElif{}
			sub(&next.Cond, arm.Cond, s)
			sub(&next.Then, arm.Then, s)
			out.If.Elif = append(out.If.Elif, next)
		}
		sub(&out.If.Else, t.If.Else, s)
	case gojq.TermTypeTry:
		out.Try = &gojq.Try{}
		sub(&out.Try.Body, t.Try.Body, s)
		sub(&out.Try.Catch, t.Try.Catch, s)
	case gojq.TermTypeReduce:
		out.Reduce = &gojq.Reduce{}
		sub(&out.Reduce.Query, t.Reduce.Query, s)
		sub(&out.Reduce.Start, t.Reduce.Start, s)
		if err == nil {
			out.Reduce.Patterns, s, err = w.patterns(t.Reduce.Patterns, s)
		}
		sub(&out.Reduce.Update, t.Reduce.Update, s)
	case gojq.TermTypeForeach:
		out.Foreach = &gojq.Foreach{}
		sub(&out.Foreach.Query, t.Foreach.Query, s)
		sub(&out.Foreach.Start, t.Foreach.Start, s)
		if err == nil {
			out.Foreach.Patterns, s, err = w.patterns(t.Foreach.Patterns, s)
		}
		sub(&out.Foreach.Update, t.Foreach.Update, s)
		sub(&out.Foreach.Extract, t.Foreach.Extract, s)
	case gojq.TermTypeLabel:
		out.Label = &gojq.Label{Ident: t.Label.Ident}
		sub(&out.Label.Body, t.Label.Body, s.with("*"+t.Label.Ident))
	case gojq.TermTypeBreak:
		if s.find("*"+t.Break) == nil {
			return nil, w.fault(t.Break, "there is no label %s around this", t.Break)
		}
		out.Break = t.Break
	default:
		return nil, w.fault(t.String(), "is not known to aNode")
	}
	return out, err
}
