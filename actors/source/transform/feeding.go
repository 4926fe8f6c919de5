package transform

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"anode/actors/expr"
	"anode/messages"
	"anode/messages/units"
)

// feeding is what becomes of one message.
type feeding struct {
	*Pipeline
	ctx  context.Context
	meta *Meta
	// part is the part of the message that is worked on: a row, a line, or all of it.
	part []byte
	take func(*Result) error
	// spending is how often a program ran out of time, steps or memory.
	spending int
	// ending is why the connection ends behind this message; empty means that it does not.
	ending string
	out    Result
	size   int // of the drafts in out
	err    error
}

// maxValues is how many mapped values one decoded message may make.
const maxValues = 1 << 17

// maxSpent is how often programs may run out of time, steps or memory for one message.
const maxSpent = 10

// handOver gives away what has come together, if it is much; false ends the message.
func (f *feeding) handOver() bool {
	if f.spending >= maxSpent {
		f.fail("", "", nil, fmt.Errorf("the rest of the message is given up: programs ran out of time, steps or memory %d times", f.spending))
		return false
	}
	if f.take == nil || len(f.out.Drafts) < pieceDrafts && f.size < pieceBytes {
		return f.ctx.Err() == nil
	}
	if f.err == nil {
		f.err = f.take(&f.out)
	}
	f.out, f.size = Result{Actions: f.out.Actions, Since: f.out.Since, Seen: f.out.Seen, Page: f.out.Page}, 0
	return f.err == nil && f.ctx.Err() == nil
}

// fail counts and reports what made no record: of which field, of which expression, if there is one, and what it met.
func (f *feeding) fail(field, expression string, met *value, err error) {
	f.spent(err)
	f.out.fail(f.part, f.explain(field, expression, met, err))
}

// note reports what cost no record.
func (f *feeding) note(field, expression string, met *value, err error) {
	f.spent(err)
	f.out.note(f.part, f.explain(field, expression, met, err))
}

// spent counts runs that ended for want of something.
func (f *feeding) spent(err error) {
	if err != nil && expr.Exhausted(err) {
		f.spending++
	}
}

// holds tells whether a condition does.
func (f *feeding) holds(c *condition, m *value, env Env) bool {
	ok, err := c.holds(f.ctx, m, env)
	f.spent(err)
	return ok
}

// The most that a reason shows of an expression and of a value, in bytes.
const maxShownText, maxShownValue = 120, 200

// explain is a reason in words, in one line.
func (f *feeding) explain(field, expression string, met *value, err error) string {
	text := err.Error()
	if field != "" {
		text = field + ": " + text
	}
	if met == nil || len(f.out.Failures) >= maxFailures { // nobody is shown more of it
		return text
	}
	text += ";"
	if expression != "" {
		text += " " + units.Clip(strings.Join(strings.Fields(expression), " "), maxShownText)
	}
	shown := met.preview(maxShownValue)
	if f.cfg.Hide != nil {
		shown = f.cfg.Hide(shown)
	}
	return text + " met " + shown
}

// env is what expressions see.
func (p *Pipeline) env(meta *Meta) Env {
	env := Env{}
	if !p.meta {
		return env
	}
	headers := make(map[string]any, len(meta.Headers))
	for name, v := range meta.Headers {
		headers[name] = v
	}
	env.Meta = map[string]any{
		"received": meta.Received.UTC().Format(time.RFC3339Nano), "url": meta.URL, "status": orNull(meta.Status != 0, meta.Status),
		"headers": headers, "event": orNull(meta.Event != "", meta.Event), "id": orNull(meta.ID != "", meta.ID), "item": meta.Vars.Item,
	}
	env.State = map[string]any{}
	if values := p.stateOf(meta).values; values != nil {
		env.State = values
	}
	return env
}

// stateOf is the $state of the connection that a message came over.
func (p *Pipeline) stateOf(meta *Meta) *State {
	if meta.State != nil {
		return meta.State
	}
	return &p.state
}

func orNull(have bool, v any) any {
	if have {
		return v
	}
	return nil
}

// message takes one decoded value through the rules and the transform; false ends the message of the feed.
func (f *feeding) message(m *value) bool {
	for i := range f.rules {
		if !f.rules[i].run(f, m) {
			return false
		}
	}
	env := f.env(f.meta)
	if err := f.since.note(f.ctx, m, env, &f.out.Since); err != nil {
		f.note("since/from", f.cfg.Spec.Since.From, m, err)
	}
	f.pages.look(f, m, env)
	if f.where != nil && !f.holds(f.where, m, env) {
		f.out.Dropped.Filtered++
		return true
	}
	parts, ok := f.apply(&f.split, m, env)
	if !ok {
		return true
	}
	whole := f.pages.count(f, m, parts)
	made := 0
	for i, part := range parts {
		results, ok := f.apply(&f.mapped, part, env)
		if !ok && !f.handOver() {
			return false
		}
		if whole {
			f.out.Page.Values += len(results)
		}
		if made += len(results); made > maxValues {
			f.fail("map", f.mapped.text, m, fmt.Errorf("more than %d values of one message: all from part %d of %d on are given up", maxValues, i+1, len(parts)))
			return f.handOver()
		}
		for _, v := range results {
			f.value(v, env)
			if !f.handOver() {
				return false
			}
		}
	}
	return true
}

// apply runs a program; without one the value stays as it is.
func (f *feeding) apply(p *step, m *value, env Env) ([]*value, bool) {
	if p.program == nil {
		return []*value{m}, true
	}
	if values, ok := mapped(p.mapping, m); ok {
		if len(values) == 0 {
			f.out.Dropped.Filtered++
		}
		return values, true
	}
	input, err := m.any()
	if err != nil {
		f.fail(p.name, p.text, m, err)
		return nil, false
	}
	results, err := p.program.Run(f.ctx, input, env)
	if err != nil {
		f.fail(p.name, p.text, m, err)
		return nil, false
	}
	if len(results) == 0 {
		f.out.Dropped.Filtered++
	}
	values := make([]*value, len(results))
	for i, r := range results {
		values[i] = decodedValue(r)
	}
	return values, true
}

// value makes a draft of one mapped value.
func (f *feeding) value(v *value, env Env) {
	draft, untimed, ok := f.draft(v, env)
	if !ok {
		return
	}
	if f.schema != nil {
		if err := f.schema.check(f.ctx, v); err != nil {
			f.fail("schema", "", v, err)
			return
		}
	}
	f.out.Data = true
	if born, known := f.dedupe.duplicate(&draft, f.cfg.Clock()); known {
		f.out.Dropped.Duplicate++
		f.out.Seen = f.meta.Began.IsZero() || born < f.meta.Began.UnixMilli()
		return
	}
	f.out.Seen = false
	if untimed {
		f.out.Untimed++
	}
	if f.sequence != nil {
		f.sequence.check(f, v, &draft, env)
	}
	before := len(f.out.Drafts)
	if f.limit == nil {
		f.out.Drafts = append(f.out.Drafts, draft)
	} else {
		var dropped uint64
		f.out.Drafts, dropped = f.limit.take(f.out.Drafts, draft, f.cfg.Clock())
		f.out.Dropped.Limited += dropped
	}
	for i := range f.out.Drafts[before:] {
		f.size += f.out.Drafts[before+i].Size()
	}
}

// draft makes the draft of a mapped value; not ok where that failed.
func (f *feeding) draft(v *value, env Env) (draft messages.Draft, untimed, ok bool) {
	draft.Source = f.cfg.Spec.Name
	for _, x := range []struct {
		from *extractor
		into *string
	}{{f.key, &draft.Key}, {f.native, &draft.NativeID}} {
		if x.from == nil {
			continue
		}
		text, _, err := x.from.text(f.ctx, v, env)
		if err != nil {
			f.fail(x.from.name, x.from.source, v, err)
			return draft, false, false
		}
		*x.into = text
	}
	if f.time != nil {
		draft.Time, untimed = f.eventTime(v, env)
	}
	var err error
	if draft.Stream, err = f.stream.of(v); err != nil {
		f.fail("stream", f.cfg.Spec.Stream, v, err)
		return draft, false, false
	}
	if v.shared { // what is on its way into the journal holds no whole message
		v.raw, v.shared = bytes.Clone(v.raw), false
	}
	if v.content != nil {
		draft.Payload, draft.ContentType = v.content, contentBinary
	} else if draft.Payload, err = v.json(); err != nil {
		f.fail("map", f.mapped.text, v, err)
		return draft, false, false
	}
	if err := draft.Check(); err != nil {
		f.fail("", "", v, err)
		return draft, false, false
	}
	return draft, untimed, true
}

// contentBinary is the content type of messages that are bytes.
const contentBinary = "application/octet-stream"

// eventTime is when it happened by the feed's account; unreadable is no failure.
func (f *feeding) eventTime(v *value, env Env) (at time.Time, unreadable bool) {
	text, present, err := f.time.text(f.ctx, v, env)
	f.spent(err)
	if err != nil || !present {
		return time.Time{}, true
	}
	at, err = messages.ParseTime(text)
	return at, err != nil
}
