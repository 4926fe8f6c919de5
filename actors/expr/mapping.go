package expr

import (
	"cmp"
	"fmt"
	"slices"

	"anode/messages"
	"anode/messages/jsontext"
)

// Mapping is jq of the safe subset that gives a value, or jq that gives the elements of such a value, run
// on compact JSON without decoding it. It is immutable and safe for concurrent use.
//
// It is for what programs do too: where it can't, the program of the same text says why.
type Mapping struct {
	root node
	// elements tells that the elements of the value are the results.
	elements bool
}

// CompileMapping reads a mapping. What is not in the safe subset is an error that names it.
func CompileMapping(text string) (*Mapping, error) {
	if len(text) > maxProgram {
		return nil, fmt.Errorf("the expression has %d bytes, at most %d are allowed", len(text), maxProgram)
	}
	query, err := parse(text)
	if err != nil {
		return nil, err
	}
	m := &Mapping{}
	if t := query.Term; t != nil && len(query.FuncDefs) == 0 && len(t.SuffixList) > 0 && t.SuffixList[len(t.SuffixList)-1].Iter {
		m.elements = true
		m.root, err = (&filterCompiler{}).term(t, len(t.SuffixList)-1)
	} else {
		m.root, err = (&filterCompiler{}).query(query)
	}
	return m, err
}

// Shares tells that results are parts of the value, where they are not computed.
func (m *Mapping) Shares() bool {
	_, made := m.root.(objectNode)
	return m.elements || !made
}

// Map gives the results for a value as compact JSON, parts of the value where they are not made anew; objects have
// their names sorted. Not ok is an error, or what a mapping can't do.
func (m *Mapping) Map(raw []byte) (results [][]byte, ok bool) {
	run := filterRun{left: maxScan, search: maxPatternWork, allowance: Allowance{left: maxText}}
	w := jsonWriter{run: &run}
	if !m.elements {
		out, e := w.of(m.root, rawVal(raw))
		switch e {
		case gave:
			return [][]byte{out}, true
		case nothing:
			return nil, true
		}
		return nil, false
	}
	of, e := m.root.eval(&run, rawVal(raw))
	switch {
	case e == nothing:
		return nil, true
	case e != gave || of.raw == nil || of.kind() != jsontext.Array || !run.scan(len(of.raw)):
		return nil, false
	}
	for s := jsontext.Scan(of.raw); ; {
		_, element, more := s.Next()
		if !more {
			return results, true
		}
		if results = append(results, element); len(results) > maxResults {
			return nil, false
		}
	}
}

// jsonWriter writes what nodes give.
type jsonWriter struct {
	run *filterRun
	dst []byte
}

// of is the result of a node as JSON: a part of the input, or what was written.
func (w *jsonWriter) of(n node, in val) ([]byte, end) {
	if _, made := n.(objectNode); !made {
		out, e := n.eval(w.run, in)
		if e != gave || out.raw != nil {
			return out.raw, e
		}
		raw, err := Append(nil, out.v)
		if err != nil {
			return nil, failed
		}
		return raw, gave
	}
	w.dst = make([]byte, 0, 256)
	e := w.node(n, in)
	return w.dst, e
}

// node writes the result of a node.
func (w *jsonWriter) node(n node, in val) end {
	switch n := n.(type) {
	case objectNode:
		return w.object(n, in)
	case pipe:
		first, e := n.first.eval(w.run, in)
		if e != gave {
			return e
		}
		return w.node(n.then, first)
	}
	out, e := n.eval(w.run, in)
	if e != gave {
		return e
	}
	return w.value(out)
}

func (w *jsonWriter) value(v val) end {
	if v.raw == nil {
		out, err := Append(w.dst, v.v)
		if w.dst = out; err != nil {
			return failed
		}
		return gave
	}
	if len(w.dst)+len(v.raw) > maxOutput {
		return failed
	}
	w.dst = append(w.dst, v.raw...)
	return w.run.looked(len(v.raw))
}

// writtenMember is a member of an object by its place among the node's.
type writtenMember struct {
	name string
	at   int
}

func (w *jsonWriter) object(n objectNode, in val) end {
	var room [16]writtenMember
	members := room[:0]
	for i := range n.names {
		name, e := n.names[i].eval(w.run, in)
		if e != gave {
			return e
		}
		if name.kind() != jsontext.Text {
			return failed
		}
		members = append(members, writtenMember{name.text(), i})
	}
	slices.SortStableFunc(members, func(a, b writtenMember) int { return cmp.Compare(a.name, b.name) })
	w.dst = append(w.dst, '{')
	first := true
	for i, m := range members {
		from := len(w.dst)
		if !first {
			w.dst = append(w.dst, ',')
		}
		w.dst = append(messages.AppendQuoted(w.dst, m.name), ':')
		if e := w.node(n.values[m.at], in); e != gave {
			return e
		}
		if i+1 < len(members) && members[i+1].name == m.name { // the last one counts
			w.dst = w.dst[:from]
			continue
		}
		first = false
	}
	w.dst = append(w.dst, '}')
	return gave
}
