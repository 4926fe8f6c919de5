package expr

import (
	"fmt"

	"anode/messages"
)

const (
	// maxFilter is the longest filter, in bytes.
	maxFilter = 2 << 10
	// maxScan is how many bytes one match may look at in all: some 100 ms at worst, for it holds up all
	// who are served with it. A match beyond is false.
	maxScan = 32 << 20
	// A byte of a container that is decoded counts as so many that are looked at, and so does each
	// element that a condition is tried on.
	decodeWeight, elementWeight = 64, 128
	// maxDecode is the largest container that is compared or searched as a whole, in bytes.
	maxDecode = 128 << 10
)

// Filter is a jq text of the safe subset, run on records. It is immutable and safe for
// concurrent use.
type Filter struct {
	text string
	root node
}

// CompileFilter reads a filter of at most 2 KiB. What is not in the safe subset is an error
// that names it.
func CompileFilter(text string) (*Filter, error) {
	if len(text) > maxFilter {
		return nil, fmt.Errorf("the filter has %d bytes, at most %d are allowed", len(text), maxFilter)
	}
	query, err := parse(text)
	if err != nil {
		return nil, err
	}
	root, err := (&filterCompiler{}).query(query)
	if err != nil {
		return nil, err
	}
	return &Filter{text: text, root: root}, nil
}

// String is the filter's text.
func (f *Filter) String() string { return f.text }

// Match tells whether the filter is true of a record, as an object of the interfaces. Null,
// false, nothing and errors are false. It does not keep the record.
func (f *Filter) Match(r *messages.Record) bool {
	return f.true(val{record: r})
}

// MatchJSON tells whether the filter is true of a value, given as compact JSON.
func (f *Filter) MatchJSON(raw []byte) bool { return f.true(rawVal(raw)) }

func (f *Filter) true(input val) bool {
	run := filterRun{left: maxScan, search: maxPatternWork, allowance: Allowance{left: maxText}}
	out, end := f.root.eval(&run, input)
	return end == gave && out.truthy()
}

// filterRun is what one match has left.
type filterRun struct {
	left int
	// search is what all its searches for patterns may work.
	search    int
	allowance Allowance
}

// scan pays for looking at n bytes.
func (r *filterRun) scan(n int) bool {
	r.left -= n
	return r.left >= 0
}

// looked is the end of what looked at n bytes.
func (r *filterRun) looked(n int) end {
	if r.scan(n) {
		return gave
	}
	return failed
}

// end is how an evaluation ended.
type end byte

const (
	gave    end = iota // a value
	nothing            // jq's empty
	failed             // an error
)

// node is a compiled expression with at most one result.
type node interface {
	eval(run *filterRun, in val) (val, end)
}
