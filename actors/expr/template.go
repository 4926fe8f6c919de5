package expr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"anode/messages"
	"anode/messages/spec"
)

// Template is a value whose texts may have ${…}. It is immutable and safe for concurrent use.
type Template struct{ root part }

// part is a piece of a template.
type part interface {
	// eval fills the part; absent means that it is left out of what it is in.
	eval(f *filling) (v any, present bool, err error)
}

// filling is one evaluation.
type filling struct {
	ctx    context.Context
	vars   any
	env    Env
	secret func(name string) (string, error)
	// escape writes a secret that is a piece of text; nil means as it is.
	escape func(text string) string
}

type (
	constant struct{ v any }
	// wholeText is a text that is one ${…}: the value keeps its type.
	wholeText struct{ piece }
	// mixed is a text with expressions and secrets in it.
	mixed    struct{ pieces []piece }
	listPart struct{ elements []part }
	mapPart  struct {
		names  []string
		values []part
	}
)

// piece is a literal, an expression with the names of the secrets that it uses, or the name of a secret.
type piece struct {
	literal, secret string
	program         *Program
	secrets         []string
}

// Template reads a value of texts, numbers, booleans, nulls, lists and objects; the texts in it
// may have ${…} as spec.Pieces has it. Names of members are literal. An error begins with the
// pointer of its text.
func (e *Engine) Template(value any) (*Template, error) {
	root, err := e.part(value, "", 0)
	if err != nil {
		return nil, err
	}
	return &Template{root}, nil
}

func (e *Engine) part(value any, path string, depth int) (part, error) {
	if depth > messages.MaxJSONDepth {
		return nil, errDepth
	}
	switch v := value.(type) {
	case string:
		p, err := e.textPart(v)
		if err != nil && path != "" {
			err = fmt.Errorf("%s: %w", path, err)
		}
		return p, err
	case []any:
		return e.listPart(v, path, depth)
	case map[string]any:
		return e.mapPart(v, path, depth)
	}
	return constant{value}, nil
}

func (e *Engine) listPart(list []any, path string, depth int) (part, error) {
	out, literal := listPart{}, true
	for i, v := range list {
		p, err := e.part(v, path+"/"+strconv.Itoa(i), depth+1)
		if err != nil {
			return nil, err
		}
		_, same := p.(constant)
		out.elements, literal = append(out.elements, p), literal && same
	}
	if literal {
		return constant{list}, nil
	}
	return out, nil
}

func (e *Engine) mapPart(object map[string]any, path string, depth int) (part, error) {
	out, literal := mapPart{}, true
	for _, name := range slices.Sorted(maps.Keys(object)) {
		p, err := e.part(object[name], path+"/"+pointerToken.Replace(name), depth+1)
		if err != nil {
			return nil, err
		}
		_, same := p.(constant)
		out.names, out.values, literal = append(out.names, name), append(out.values, p), literal && same
	}
	if literal {
		return constant{object}, nil
	}
	return out, nil
}

var pointerToken = strings.NewReplacer("~", "~0", "/", "~1")

func (e *Engine) textPart(text string) (part, error) {
	if !spec.Templated(text) {
		return constant{text}, nil
	}
	pieces, err := spec.Pieces(text)
	if err != nil {
		return nil, err
	}
	out := mixed{}
	for _, p := range pieces {
		switch {
		case p.Secret:
			out.pieces = append(out.pieces, piece{secret: p.Text})
		case p.Expr:
			program, err := e.compileCached(p.Text, true)
			if err != nil {
				return nil, err
			}
			if secrets := p.Secrets; program.key {
				p.Secrets = append(secrets[:len(secrets):len(secrets)], KeySecret)
			}
			out.pieces = append(out.pieces, piece{program: program, secrets: p.Secrets})
		default:
			out.pieces = append(out.pieces, piece{literal: p.Text})
		}
	}
	if len(pieces) == 1 && pieces[0].Expr {
		return wholeText{out.pieces[0]}, nil
	}
	return out, nil
}

// KeySecret is the name under which a template asks for what its expressions have as $secret.
const KeySecret = ""

// Literal tells that the template is the same whatever it is filled with.
func (t *Template) Literal() bool {
	_, literal := t.root.(constant)
	return literal
}

// UsesKey tells that an expression of the template has $secret.
func (t *Template) UsesKey() bool { return usesKey(t.root) }

func usesKey(p part) bool {
	has := func(p piece) bool { return slices.Contains(p.secrets, KeySecret) && p.program != nil }
	switch p := p.(type) {
	case wholeText:
		return has(p.piece)
	case mixed:
		return slices.ContainsFunc(p.pieces, has)
	case listPart:
		return slices.ContainsFunc(p.elements, usesKey)
	case mapPart:
		return slices.ContainsFunc(p.values, usesKey)
	}
	return false
}

// Eval fills the template. Expressions see vars as their input. A member or an element whose
// whole text is one ${…} that gives null or nothing is left out; if that is the template itself
// it is absent. Within other text null is nothing, and an array or an object is its JSON. Where
// secret is nil a ${secret:…} is an error. It is asked for KeySecret where an expression has $secret. What
// an expression with secrets fails with is not told, as it may show them. The value may share parts with the
// template: it must not be changed.
func (t *Template) Eval(ctx context.Context, vars any, env Env, secret func(name string) (string, error)) (value any, present bool, err error) {
	return t.EvalEscaped(ctx, vars, env, secret, nil)
}

// EvalEscaped is Eval with secrets written as escape does, but for those within expressions.
func (t *Template) EvalEscaped(
	ctx context.Context, vars any, env Env, secret func(name string) (string, error), escape func(text string) string,
) (value any, present bool, err error) {
	if c, ok := t.root.(constant); ok {
		return c.v, c.v != nil, nil
	}
	v, present, err := t.root.eval(&filling{ctx, vars, env, secret, escape})
	if err != nil || !present {
		return nil, false, err
	}
	if err := (&measured{maxResultSize}).take(v, messages.MaxJSONDepth); err != nil {
		return nil, false, err
	}
	return v, true, nil
}

func (c constant) eval(*filling) (any, bool, error) { return c.v, true, nil }

func (w wholeText) eval(f *filling) (any, bool, error) {
	v, err := f.one(w.piece)
	return v, v != nil, err
}

// one is the one result of an expression; none is null.
func (f *filling) one(of piece) (any, error) {
	p := of.program
	s, err := f.secrets(of.secrets)
	if err != nil {
		return nil, err
	}
	results, err := p.run(f.ctx, f.vars, f.env, s)
	switch {
	case err != nil && len(of.secrets) > 0 && f.ctx.Err() == nil:
		return nil, fmt.Errorf("${%s}: %w", clip(p.text), errHidden)
	case err != nil:
		return nil, fmt.Errorf("${%s}: %w", clip(p.text), err)
	case len(results) > 1:
		return nil, fmt.Errorf("${%s}: gives %d values, one is wanted", clip(p.text), len(results))
	case len(results) == 0:
		return nil, nil
	}
	if len(of.secrets) > 0 && f.env.Computed != nil {
		f.env.Computed(results[0])
	}
	return results[0], nil
}

var errHidden = errors.New("can't be computed; why is not shown, as it may have a secret in it")

// secrets resolves the secrets that an expression uses.
func (f *filling) secrets(names []string) (s secrets, err error) {
	for _, name := range names {
		shown := "${secret:" + name + "}"
		if name == KeySecret {
			shown = keyVariable
		}
		if f.secret == nil {
			return s, fmt.Errorf("%s: %w", shown, errNoSecrets)
		}
		text, err := f.secret(name)
		if err != nil {
			return s, fmt.Errorf("%s: %w", shown, err)
		}
		if name == KeySecret {
			s.key = text
			continue
		}
		if s.byName == nil {
			s.byName = make(map[string]any, len(names))
		}
		s.byName[name] = text
	}
	return s, nil
}

func (t mixed) eval(f *filling) (any, bool, error) {
	var b strings.Builder
	for _, p := range t.pieces {
		text, err := p.text(f)
		if err != nil {
			return nil, false, err
		}
		if b.Len()+len(text) > maxText {
			return nil, false, fmt.Errorf("the text: %w", errSize)
		}
		b.WriteString(text)
	}
	return b.String(), true, nil
}

var errNoSecrets = errors.New("a secret has no place here")

func (p piece) text(f *filling) (string, error) {
	switch {
	case p.secret != "" && f.secret == nil:
		return "", fmt.Errorf("${secret:%s}: %w", p.secret, errNoSecrets)
	case p.secret != "":
		text, err := f.secret(p.secret)
		if err != nil {
			return "", fmt.Errorf("${secret:%s}: %w", p.secret, err)
		}
		if f.escape != nil {
			text = f.escape(text)
		}
		return text, nil
	case p.program == nil:
		return p.literal, nil
	}
	v, err := f.one(p)
	if err != nil || v == nil {
		return "", err
	}
	if text, ok := scalarText(v); ok {
		return text, nil
	}
	return gojqJSON(v)
}

func (l listPart) eval(f *filling) (any, bool, error) {
	out := make([]any, 0, len(l.elements))
	for _, e := range l.elements {
		v, present, err := e.eval(f)
		if err != nil {
			return nil, false, err
		}
		if present {
			out = append(out, v)
		}
	}
	return out, true, nil
}

func (o mapPart) eval(f *filling) (any, bool, error) {
	out := make(map[string]any, len(o.names))
	for i, name := range o.names {
		v, present, err := o.values[i].eval(f)
		if err != nil {
			return nil, false, err
		}
		if present {
			out[name] = v
		}
	}
	return out, true, nil
}
