package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// kept are the functions of the library that are let in as they are: their work and their
// result are small whatever they are given.
var kept = set(`empty/0 error/0 error/1 has/1 type/0 toboolean/0 utf8bytelength/0 startswith/1 endswith/1 ltrimstr/1 rtrimstr/1
	trimstr/1 gmtime/0 mktime/0 infinite/0 nan/0 isinfinite/0 isfinite/0 isnan/0 isnormal/0
	sin/0 cos/0 tan/0 asin/0 acos/0 atan/0 sinh/0 cosh/0 tanh/0 asinh/0 acosh/0 atanh/0 floor/0 round/0 nearbyint/0 rint/0
	ceil/0 trunc/0 significand/0 fabs/0 sqrt/0 cbrt/0 exp/0 exp10/0 exp2/0 expm1/0 frexp/0 modf/0 log/0 log10/0 log1p/0
	log2/0 logb/0 gamma/0 tgamma/0 lgamma/0 erf/0 erfc/0 j0/0 j1/0 y0/0 y1/0 atan2/2 copysign/2 drem/2 fdim/2 fmax/2
	fmin/2 fmod/2 hypot/2 nextafter/2 nexttoward/2 remainder/2 ldexp/2 scalb/2 scalbln/2 pow/2 fma/3`)

// ownKept are let in for our library only.
var ownKept = set("_range/3 _last/1")

// direct are the functions that are one of our natives.
var direct = map[string]string{
	"length/0": "__length", "keys/0": "__keys", "reverse/0": "__reverse", "add/0": "__sum", "not/0": "__not",
	"tonumber/0": "__tonumber", "tostring/0": "__text1", "tojson/0": "__tojson", "fromjson/0": "__fromjson",
	"contains/1": "__contains", "inside/1": "__inside", "indices/1": "__indices", "index/1": "__index", "rindex/1": "__rindex",
	"split/1": "__split", "split/2": "__splits", "join/1": "__join", "flatten/0": "__flatten", "flatten/1": "__flatten_to",
	"min/0": "__min", "max/0": "__max", "sort/0": "__sort", "unique/0": "__unique", "transpose/0": "__transpose",
	"bsearch/1": "__bsearch", "setpath/2": "__setpath", "delpaths/1": "__delpaths", "to_entries/0": "__entries",
	"test/1": "__test", "test/2": "__test_flags", "now/0": "__now", "uuid/0": "__uuid", "hash/2": "__hash", "hash/3": "__hash_as",
	"hmac/3": "__hmac", "hmac/4": "__hmac_as", "jwt/2": "__jwt", "jwt/3": "__jwt_with", "hexint/0": "__hexint",
}

// guards stand before and behind a function of the library whose work and result grow no more
// than its input does; the guards of its arguments stand behind those.
type guards struct{ before, arg, after string }

var guarded = map[string]guards{
	"ascii_downcase/0": {before: "__shallow"}, "ascii_upcase/0": {before: "__shallow"},
	"trim/0": {before: "__shallow"}, "ltrim/0": {before: "__shallow"}, "rtrim/0": {before: "__shallow"},
	"explode/0": {before: "__shallow"}, "implode/0": {before: "__shallow"},
	"strftime/1": {before: "__short", arg: "__short"}, "strptime/1": {before: "__short", arg: "__short"},
	"getpath/1": {arg: "__path"},
	"path/1":    {after: "__made"},
	"_tohtml/0": {before: "__small", after: "__fits"}, "_touri/0": {before: "__small", after: "__fits"},
	"_tourid/0": {before: "__small"}, "_tocsv/0": {before: "__small", after: "__fits"},
	"_totsv/0": {before: "__small", after: "__fits"}, "_tosh/0": {before: "__small", after: "__fits"},
	"_tobase64/0": {before: "__small", after: "__fits"}, "_tobase64d/0": {before: "__small"},
}

var formats = map[string]string{
	"@html": "_tohtml/0", "@uri": "_touri/0", "@urid": "_tourid/0", "@csv": "_tocsv/0", "@tsv": "_totsv/0", "@sh": "_tosh/0",
	"@base64": "_tobase64/0", "@base64d": "_tobase64d/0", "@text": "tostring/0", "@json": "tojson/0",
}

const (
	oneMessage = "an expression sees one message at a time"
	sameResult = "it gives another result on every node; gmtime and strftime give UTC"
	noProcess  = "an expression sees nothing of the process that runs it"
)

// refused are the functions that jq has and aNode does not, and why.
var refused = map[string]string{
	"input": oneMessage, "inputs": oneMessage, "input_filename": oneMessage, "input_line_number": oneMessage,
	"debug": "use the dry run to look into a program", "stderr": "use the dry run to look into a program",
	"halt": "use empty or error", "halt_error": "use error", "env": noProcess, "$ENV": noProcess, "$__prog_args": noProcess,
	"builtins": noProcess, "modulemeta": "there are no modules", "get_search_list": "there are no modules",
	"localtime": sameResult, "strflocaltime": sameResult, "jn": "its work has no bound", "yn": "its work has no bound",
	"format": `write the format itself, like @csv`, "$__loc__": "an expression has no file",
	"ascii": "use [.] | implode",
}

func set(keys string) map[string]bool {
	out := map[string]bool{}
	for _, key := range strings.Fields(keys) {
		out[key] = true
	}
	return out
}

// call rewrites a call of a function or the use of a variable.
func (w *rewriter) call(f *gojq.Func, s *binding) (*gojq.Term, error) {
	if f.Name[0] == '$' {
		b := s.find(f.Name)
		if b == nil {
			return nil, w.unknownVariable(f.Name, s)
		}
		w.key = w.key || f.Name == keyVariable && b == w.top.find(keyVariable)
		return &gojq.Term{Type: gojq.TermTypeFunc, Func: f}, nil
	}
	var args []*gojq.Query
	for _, arg := range f.Args {
		q, err := w.query(arg, s)
		if err != nil {
			return nil, err
		}
		args = append(args, q)
	}
	if len(args) > 0 {
		w.vars += 1 + len(args)
	}
	key := f.Name + "/" + strconv.Itoa(len(args))
	if b := s.find(key); b != nil {
		if b.fn != nil && b.fn.open {
			b.fn.recursive = true
		}
		return funcQuery(b.name, args...).Term, nil
	}
	return w.builtin(f.Name, key, args)
}

func (w *rewriter) builtin(name, key string, args []*gojq.Query) (*gojq.Term, error) {
	if w.own {
		if n, ok := natives[name]; ok && n.args == len(args) {
			return w.native(name, args...).Term, nil
		}
		if ownKept[key] {
			return funcQuery(name, args...).Term, nil
		}
	}
	if kept[key] {
		return funcQuery(name, args...).Term, nil
	}
	if name, ok := direct[key]; ok {
		if key == "tostring/0" {
			args = []*gojq.Query{identityQuery()}
		}
		return w.native(name, args...).Term, nil
	}
	if _, ok := w.std.defs[key]; ok && (w.own || !strings.HasPrefix(name, "_")) {
		return w.library(key, args...).Term, nil
	}
	if g, ok := guarded[key]; ok && (name[0] != '_') {
		return w.guard(name, g, args), nil
	}
	return nil, w.unknownFunction(name, len(args))
}

func (w *rewriter) guard(name string, g guards, args []*gojq.Query) *gojq.Term {
	if g.arg != "" {
		for i := range args {
			args[i] = pipeQuery(args[i], w.native(g.arg))
		}
	}
	out := funcQuery(name, args...)
	if g.before != "" {
		out = pipeQuery(w.native(g.before), out)
	}
	if g.after != "" {
		out = pipeQuery(out, w.native(g.after))
	}
	return paren(out)
}

func (w *rewriter) format(name string) (*gojq.Term, error) {
	key, ok := formats[name]
	if !ok {
		return nil, w.fault(name, "the format %s is not known; there are @text, @json, @csv, @tsv, @html, @uri, @urid, @sh, @base64 and @base64d", clip(name))
	}
	if g, ok := guarded[key]; ok {
		return w.guard(strings.TrimSuffix(key, "/0"), g, nil), nil
	}
	return w.builtin(strings.TrimSuffix(key, "/0"), key, nil)
}

func (w *rewriter) unknownVariable(name string, s *binding) error {
	if why := refused[name]; why != "" {
		return w.fault(name, "%s is not allowed: %s", name, why)
	}
	var known []string
	for ; s != nil; s = s.next {
		if s.key[0] == '$' && !strings.HasPrefix(s.key, "$__") && !slices.Contains(known, s.key) && len(known) < 10 {
			known = append(known, s.key)
		}
	}
	slices.Sort(known)
	return w.fault(name, "the variable %s is not known here; there are %s", clip(name), strings.Join(known, ", "))
}

func (w *rewriter) unknownFunction(name string, args int) error {
	if why := refused[name]; why != "" {
		return w.fault(name, "the function %s is not allowed: %s", name, why)
	}
	what := fmt.Sprintf("the function %s is not known", clip(name))
	if args > 0 {
		what = fmt.Sprintf("the function %s with %d arguments is not known", clip(name), args)
	}
	var others []string
	for n := range 5 {
		if n != args && w.knows(name, n) {
			others = append(others, strconv.Itoa(n))
		}
	}
	if len(others) > 0 {
		what = fmt.Sprintf("the function %s takes %s arguments, not %d", clip(name), strings.Join(others, " or "), args)
	}
	return w.fault(name, "%s", what)
}

func (w *rewriter) knows(name string, args int) bool {
	key := name + "/" + strconv.Itoa(args)
	_, std := w.std.defs[key]
	_, guard := guarded[key]
	return name[0] != '_' && (std || guard || kept[key] || direct[key] != "")
}
