package expr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"time"

	"github.com/itchyny/gojq"
)

const (
	// maxMade is what one run may make in all, in bytes.
	maxMade = 32 << 20
	// maxElements is the most parts that a text is taken apart into, and the most members of an
	// object: wherever the library shows one in an error, it sorts its names.
	maxElements = 1 << 17
	// maxSorted is the weight of two arrays that are subtracted.
	maxSorted = 1 << 20
	// maxSteps is how many instructions of the library one run may take: about 40 ms.
	maxSteps = 1 << 21
	// patience is how long one run may take. It is real time, whatever clock programs are shown:
	// it bounds the work of this machine.
	patience = 20 * time.Millisecond
	// stall is the most of it that passes between two looks. What is above is seldom the run's
	// own time: on a busy machine a run of microseconds may stand still for longer than its
	// patience, and must not fail for that.
	stall = patience / 8
	// lookAfter is what may be paid without a look at the time.
	lookAfter = 16 << 10
)

var (
	errAllowance = fmt.Errorf("the program makes more than its allowance of %d MiB", maxMade>>20)
	errSteps     = fmt.Errorf("the program takes more than its %d steps", maxSteps)
	errTime      = fmt.Errorf("the program takes more than its %v", patience)
)

// Allowance is what is left to one run. It is used by one goroutine. Once something is used up,
// all that asks for more gets the same error.
type Allowance struct {
	// left is in bytes, and so is unseen, which was paid since the last look at the time.
	left, unseen int
	// steps and patience are for programs; a patience of zero is one without end.
	steps    int
	patience time.Duration
	looked   time.Time
	// parent is the context of who wants the result of a program.
	parent context.Context
	// err is why the run is over.
	err error
}

// take pays for n bytes.
func (a *Allowance) take(n int) error {
	if a.left -= n; a.left < 0 && a.err == nil {
		a.err = errAllowance
	}
	if a.unseen += n; a.unseen >= lookAfter {
		a.look()
	}
	return a.err
}

// look ends the run when its time is over or nobody waits for it any more.
func (a *Allowance) look() {
	a.unseen = 0
	if a.err != nil || a.patience == 0 {
		return
	}
	now := time.Now()
	left := a.patience - min(now.Sub(a.looked), stall)
	a.looked = now
	switch {
	case a.steps <= 0:
		a.err = errSteps
	case left <= 0:
		a.err = errTime
	default:
		a.patience = left
		a.err = a.parent.Err()
	}
}

// check refuses a value above a weight.
func (a *Allowance) check(v any, limit int) error {
	w := weight(v, limit)
	if w > limit {
		return errSize
	}
	return a.take(w / 8) // looking is cheaper than making
}

// add is jq's "+".
func (a *Allowance) add(l, r any) (any, error) {
	if ln, ok := numberOf(l); ok {
		if rn, ok := numberOf(r); ok {
			n, err := arithmetic('+', ln, rn)
			return n.value(), err
		}
	}
	switch {
	case l == nil:
		return r, nil
	case r == nil:
		return l, nil
	}
	switch lv := l.(type) {
	case string:
		if rv, ok := r.(string); ok {
			if len(lv)+len(rv) > maxText {
				return nil, errSize
			}
			return lv + rv, a.take(len(lv) + len(rv))
		}
	case []any:
		if rv, ok := r.([]any); ok {
			return a.addArrays(lv, rv)
		}
	case map[string]any:
		if rv, ok := r.(map[string]any); ok {
			return a.addObjects(lv, rv)
		}
	}
	return nil, mismatch("add", l, r)
}

func (a *Allowance) addArrays(l, r []any) (any, error) {
	switch {
	case len(l) == 0:
		return r, nil
	case len(r) == 0:
		return l, nil
	}
	if err := a.take(16 * (len(l) + len(r))); err != nil {
		return nil, err
	}
	out := make([]any, 0, len(l)+len(r))
	return append(append(out, l...), r...), nil
}

func (a *Allowance) addObjects(l, r map[string]any) (any, error) {
	switch {
	case len(l) == 0:
		return r, nil
	case len(r) == 0:
		return l, nil
	}
	if err := a.take(64 * (len(l) + len(r))); err != nil {
		return nil, err
	}
	out := make(map[string]any, len(l)+len(r))
	maps.Copy(out, l)
	maps.Copy(out, r)
	if len(out) > maxElements {
		return nil, errMembers
	}
	return out, nil
}

// subtract is jq's "-".
func (a *Allowance) subtract(l, r any) (any, error) {
	if ln, ok := numberOf(l); ok {
		if rn, ok := numberOf(r); ok {
			n, err := arithmetic('-', ln, rn)
			return n.value(), err
		}
	}
	lv, lok := l.([]any)
	rv, rok := r.([]any)
	if !lok || !rok {
		return nil, mismatch("subtract", l, r)
	}
	if err := a.product(lv, rv); err != nil {
		return nil, err
	}
	out := make([]any, 0, len(lv))
next:
	for _, have := range lv {
		for _, gone := range rv {
			if gojq.Compare(have, gone) == 0 {
				continue next
			}
		}
		out = append(out, have)
	}
	return out, a.take(16 * len(lv))
}

// product refuses two arrays whose elements can't all be compared with each other.
func (a *Allowance) product(l, r []any) error {
	lw, rw := weight(l, maxSorted), weight(r, maxSorted)
	if lw > maxSorted || rw > maxSorted || len(l)*len(r) > maxElements || lw/8*len(r)+rw/8*len(l) > maxSorted {
		return errSize
	}
	return a.take(lw + rw)
}

// multiply is jq's "*".
func (a *Allowance) multiply(l, r any) (any, error) {
	ln, lnum := numberOf(l)
	rn, rnum := numberOf(r)
	if lnum && rnum {
		n, err := arithmetic('*', ln, rn)
		return n.value(), err
	}
	if text, ok := l.(string); ok && rnum {
		return a.repeat(text, rn.float())
	}
	if text, ok := r.(string); ok && lnum {
		return a.repeat(text, ln.float())
	}
	lv, lok := l.(map[string]any)
	rv, rok := r.(map[string]any)
	if !lok || !rok {
		return nil, mismatch("multiply", l, r)
	}
	if err := errors.Join(a.check(l, maxText), a.check(r, maxText)); err != nil {
		return nil, err
	}
	return merge(lv, rv), nil
}

func (a *Allowance) repeat(text string, n float64) (any, error) {
	if !(n >= 0) { // NaN too
		return nil, nil
	}
	count := int(min(n, 1<<31))
	if float64(len(text))*float64(count) > maxText {
		return nil, errSize
	}
	if text == "" {
		return "", nil
	}
	return strings.Repeat(text, count), a.take(len(text) * count)
}

func merge(l, r map[string]any) map[string]any {
	out := maps.Clone(l)
	if out == nil {
		out = map[string]any{}
	}
	for name, v := range r {
		have, ok := out[name].(map[string]any)
		more, also := v.(map[string]any)
		if ok && also {
			v = merge(have, more)
		}
		out[name] = v
	}
	return out
}

// divide is jq's "/", modulo its "%".
func (a *Allowance) divide(l, r any) (any, error) {
	if text, ok := l.(string); ok {
		if by, ok := r.(string); ok {
			return a.split(text, by)
		}
	}
	return numeric('/', "divide", l, r)
}

func (a *Allowance) modulo(l, r any) (any, error) { return numeric('%', "take the remainder of", l, r) }

func numeric(op byte, what string, l, r any) (any, error) {
	ln, lok := numberOf(l)
	rn, rok := numberOf(r)
	if !lok || !rok {
		return nil, mismatch(what, l, r)
	}
	n, err := arithmetic(op, ln, rn)
	return n.value(), err
}

// split is jq's split of one argument.
func (a *Allowance) split(text, by string) (any, error) {
	if text == "" {
		return []any{}, nil
	}
	count := strings.Count(text, by) + 1
	if count > maxElements || len(text) > maxText {
		return nil, errSize
	}
	if err := a.take(32 * count); err != nil {
		return nil, err
	}
	parts := strings.Split(text, by)
	out := make([]any, len(parts))
	for i, part := range parts {
		out[i] = part
	}
	return out, nil
}

// scalarText is a scalar as tostring writes it.
func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return string(v), true
	case nil, bool, int, float64, *big.Int:
		text, err := gojq.Marshal(v)
		return string(text), err == nil
	}
	return "", false
}
