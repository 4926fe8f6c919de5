package expr

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"unsafe"
)

// maxPath is the longest path that a value is changed at.
const maxPath = 1024

// editor changes a value at many paths. It copies each container once, then changes its own
// copy, until the copy is handed out. It is a value of the program between __edit and __root,
// where only our library sees it.
type editor struct {
	m    *machine
	root any
	// own has the containers that are ours, by where their elements are; it also keeps these
	// places from being used again.
	own map[unsafe.Pointer]struct{}
	// dropped are the paths to drop at the end: until then the others must not move.
	dropped []any
}

// tombstone stands where something was dropped, until the root is taken.
type tombstone struct{}

var editNatives = map[string]native{
	"__edit": {0, "", func(m *machine, in any, _ []any) (any, error) { return m.edit(in), nil }},
	"__put": {2, "an assignment", func(_ *machine, in any, args []any) (any, error) {
		return in, in.(*editor).put(args[0], args[1])
	}},
	"__at": {1, "an assignment", func(_ *machine, in any, args []any) (any, error) { return in.(*editor).at(args[0]) }},
	"__drop": {1, "", func(m *machine, in any, args []any) (any, error) {
		e := in.(*editor)
		e.dropped = append(e.dropped, args[0])
		return in, m.take(32)
	}},
	"__root": {0, "an assignment", func(_ *machine, in any, _ []any) (any, error) { return in.(*editor).take() }},
	"__setpath": {2, "setpath", func(m *machine, in any, args []any) (any, error) {
		e := m.edit(in)
		err := e.put(args[0], args[1])
		return e.root, err
	}},
	"__delpaths": {1, "delpaths", func(m *machine, in any, args []any) (any, error) {
		paths, ok := args[0].([]any)
		if !ok {
			return nil, errors.New("the paths must be a list, are " + shown(args[0]))
		}
		e := m.edit(in)
		e.dropped = paths
		return e.take()
	}},
}

func (m *machine) edit(v any) *editor {
	return &editor{m: m, root: v, own: make(map[unsafe.Pointer]struct{})}
}

// place tells containers apart; nil where there is nothing that could be changed.
func place(v any) unsafe.Pointer {
	switch v := v.(type) {
	case []any:
		if cap(v) > 0 {
			return reflect.ValueOf(v).UnsafePointer()
		}
	case map[string]any:
		return reflect.ValueOf(v).UnsafePointer()
	}
	return nil
}

func (e *editor) owns(v any) bool {
	_, ok := e.own[place(v)]
	return ok
}

// put sets what is at a path.
func (e *editor) put(at, v any) error {
	path, ok := at.([]any)
	switch {
	case !ok:
		return errors.New("a path must be a list, is " + shown(at))
	case len(path) > maxPath:
		return fmt.Errorf("a path has %d steps, at most %d are allowed", len(path), maxPath)
	}
	if err := e.m.take(8 * len(path)); err != nil {
		return err
	}
	root, err := e.set(e.root, path, v)
	if err == nil {
		e.root = root
	}
	return err
}

func (e *editor) set(in any, path []any, v any) (any, error) {
	if len(path) == 0 {
		return v, nil
	}
	if _, gone := in.(tombstone); gone {
		return in, nil
	}
	switch step := path[0].(type) {
	case string:
		object, ok := in.(map[string]any)
		if !ok && in != nil {
			return nil, fmt.Errorf("the member %q is asked of %s", clip(step), shown(in))
		}
		return e.setMember(object, step, path[1:], v)
	case map[string]any:
		list, ok := in.([]any)
		if !ok && in != nil {
			return nil, fmt.Errorf("a slice is asked of %s", shown(in))
		}
		return e.setSlice(list, step, path[1:], v)
	}
	n, ok := numberOf(path[0])
	if !ok {
		return nil, errors.New("a step of a path must be a string, a number or a slice, is " + shown(path[0]))
	}
	list, ok := in.([]any)
	if !ok && in != nil {
		return nil, fmt.Errorf("the index %d is asked of %s", n.toInt(), shown(in))
	}
	return e.setElement(list, n.toInt(), path[1:], v)
}

func (e *editor) setMember(in map[string]any, name string, path []any, v any) (any, error) {
	have, ok := in[name]
	if _, dropping := v.(tombstone); dropping && !ok {
		return orNull(in == nil, in), nil
	}
	if !ok && len(in) >= maxElements {
		return nil, errMembers
	}
	next, err := e.set(have, path, v)
	if err != nil {
		return nil, err
	}
	if !e.owns(in) {
		if err := e.m.take(64*len(in) + 64); err != nil {
			return nil, err
		}
		copied := make(map[string]any, len(in)+1)
		maps.Copy(copied, in)
		in = copied
		e.own[place(in)] = struct{}{}
	} else if !ok {
		if err := e.m.take(64); err != nil {
			return nil, err
		}
	}
	in[name] = next
	return in, nil
}

func orNull(null bool, v any) any {
	if null {
		return nil
	}
	return v
}

func (e *editor) setElement(in []any, i int, path []any, v any) (any, error) {
	if i < 0 {
		i += len(in)
	}
	_, dropping := v.(tombstone)
	switch {
	case dropping && (i < 0 || i >= len(in)):
		return orNull(in == nil, in), nil
	case i < 0:
		return nil, fmt.Errorf("the index %d is before the beginning", i-len(in))
	case i >= len(in) && i > maxIndex:
		return nil, fmt.Errorf("the index %d is above %d, which is how far an array grows", i, maxIndex)
	}
	var have any
	if i < len(in) {
		have = in[i]
	}
	next, err := e.set(have, path, v)
	if err != nil {
		return nil, err
	}
	if in, err = e.room(in, max(len(in), i+1)); err != nil {
		return nil, err
	}
	in[i] = next
	return in, nil
}

// room makes an array ours and as long as asked for.
func (e *editor) room(in []any, n int) ([]any, error) {
	if e.owns(in) && n <= cap(in) {
		return in[:n], nil
	}
	size := n
	if e.owns(in) {
		size = 2 * n
	}
	if err := e.m.take(16 * size); err != nil {
		return nil, err
	}
	out := make([]any, n, max(size, 1))
	copy(out, in)
	e.own[place(out)] = struct{}{}
	return out, nil
}

func (e *editor) setSlice(in []any, bounds map[string]any, path []any, v any) (any, error) {
	from, to, err := sliceBounds(bounds, len(in))
	if err != nil {
		return nil, err
	}
	_, dropping := v.(tombstone)
	if dropping && from == to {
		return orNull(in == nil, in), nil
	}
	next, err := e.set(orNull(in == nil, in[from:to:to]), path, v)
	if err != nil {
		return nil, err
	}
	middle, ok := next.([]any)
	if _, gone := next.(tombstone); gone {
		middle, ok = make([]any, to-from), true
		for i := range middle {
			middle[i] = tombstone{}
		}
	}
	if !ok {
		return nil, errors.New("a slice can only be a list, is " + shown(next))
	}
	if err := e.m.take(16 * (len(in) + len(middle))); err != nil {
		return nil, err
	}
	out := make([]any, 0, len(in)+len(middle)+1)
	out = append(append(append(out, in[:from]...), middle...), in[to:]...)
	e.own[place(out)] = struct{}{}
	return out, nil
}

// sliceBounds are the bounds of a slice of n elements.
func sliceBounds(bounds map[string]any, n int) (from, to int, err error) {
	to = n
	for name, into := range map[string]*int{"start": &from, "end": &to} {
		v, ok := bounds[name]
		if !ok {
			return 0, 0, errors.New(`a slice needs "start" and "end", is ` + shown(bounds))
		}
		if v == nil {
			continue
		}
		x, ok := numberOf(v)
		if !ok {
			return 0, 0, errors.New("a slice needs numbers, has " + shown(v))
		}
		i := x.toInt()
		if f := x.float(); x.kind == float && f != float64(i) { // down at the start, up at the end
			switch {
			case f > 0 && name == "end":
				i++
			case f < 0 && name == "start":
				i--
			}
		}
		if i < 0 {
			i = max(0, i+n)
		}
		*into = min(i, n)
	}
	return from, max(from, to), nil
}

// at is what is at a path. If it is ours it is handed out: nothing is ours any more then.
func (e *editor) at(path any) (any, error) {
	if err := checkSteps(path); err != nil {
		return nil, err
	}
	v := e.root
	for _, step := range path.([]any) {
		next, err := e.down(v, step)
		if err != nil {
			return nil, err
		}
		v = next
	}
	if e.owns(v) {
		clear(e.own)
	}
	return v, nil
}

func (e *editor) down(v, step any) (any, error) {
	if v == nil {
		return nil, nil
	}
	switch list := v.(type) {
	case map[string]any:
		if name, ok := step.(string); ok {
			return list[name], nil
		}
	case []any:
		if bounds, ok := step.(map[string]any); ok {
			clear(e.own)
			from, to, err := sliceBounds(bounds, len(list))
			return list[from:to:to], err
		}
		if n, ok := numberOf(step); ok {
			i := n.toInt()
			if i < 0 {
				i += len(list)
			}
			if i < 0 || i >= len(list) {
				return nil, nil
			}
			return list[i], nil
		}
	}
	return nil, fmt.Errorf("the step %s is asked of %s", shown(step), shown(v))
}

// take is the value as it is now, without what was dropped. The editor is not used afterwards.
func (e *editor) take() (any, error) {
	if len(e.dropped) == 0 {
		return e.root, nil
	}
	clear(e.own) // what is ours from here on is what leads to a tombstone
	for _, path := range e.dropped {
		if err := e.put(path, tombstone{}); err != nil {
			return nil, err
		}
	}
	return e.sweep(e.root), nil
}

// sweep takes the tombstones out. These are in containers of ours only, and so is their way.
func (e *editor) sweep(v any) any {
	if _, gone := v.(tombstone); gone {
		return nil
	}
	if !e.owns(v) {
		return v
	}
	delete(e.own, place(v)) // once is enough
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if _, gone := member.(tombstone); gone {
				delete(v, name)
			} else {
				v[name] = e.sweep(member)
			}
		}
		return v
	case []any:
		out := v[:0]
		for _, element := range v {
			if _, gone := element.(tombstone); !gone {
				out = append(out, e.sweep(element))
			}
		}
		clear(v[len(out):])
		return out
	}
	return v
}

func checkSteps(path any) error {
	list, ok := path.([]any)
	switch {
	case !ok:
		return errors.New("a path must be a list, is " + shown(path))
	case len(list) > maxPath:
		return fmt.Errorf("a path has %d steps, at most %d are allowed", len(list), maxPath)
	}
	return nil
}

// checkPath refuses paths that the library would search and copy for.
func checkPath(path any) error {
	if err := checkSteps(path); err != nil {
		return err
	}
	for _, step := range path.([]any) {
		switch step.(type) {
		case []any, map[string]any:
			return errors.New("a step of a path must be a string or a number here, is " + shown(step))
		}
	}
	return nil
}
