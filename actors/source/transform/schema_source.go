package transform

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"anode/messages/spec"
	"anode/messages/units"
)

const (
	// maxSubschemas is of how many parts a schema may be: compiling takes the square of it.
	maxSubschemas = 2000
	// maxSchemaNesting is how many subschemas may be within each other for one and the same part of a value.
	maxSchemaNesting = 100
	// maxSchemaPattern is the longest pattern, in bytes, and maxSchemaPatterns the most instructions of all
	// together.
	maxSchemaPattern, maxSchemaPatterns = 1 << 10, 50_000
	// maxSchemaFaults is how many faults are told at once.
	maxSchemaFaults = 20
)

// schemaSource reads the document of a schema. The library has no bound on its work, and a place to count it only
// behind each subschema that got as far as its end. So each subschema S is put into an {"allOf":[S]} of its own,
// which always gets there, and the references follow.
type schemaSource struct {
	// id is the address that the document gives itself; empty means none.
	id string
	// places are the pointers of subschemas, as given, and where they are in what is compiled.
	places map[string]string
	// references are to be changed to where they lead.
	references []reference
	count      int
	faults     spec.Faults
}

type reference struct {
	at   string
	body map[string]any
	to   string
}

// costMark has the cost of a subschema, in the {"allOf":[…]} around it.
const costMark = "x-anode-cost"

// The keywords that have a subschema, a list of them, and some by name.
var (
	oneSchema = words("not if then else items additionalItems additionalProperties contains propertyNames unevaluatedItems unevaluatedProperties contentSchema")
	allSchema = words("allOf anyOf oneOf prefixItems items")
	mapSchema = words("properties patternProperties $defs definitions dependentSchemas dependencies")
	// rootWords belong to the document.
	rootWords = words("$schema $id id $recursiveAnchor $vocabulary")
)

func words(text string) map[string]bool {
	out := make(map[string]bool)
	for _, word := range strings.Fields(text) {
		out[word] = true
	}
	return out
}

// read makes what is compiled of the document.
func (s *schemaSource) read(document any) any {
	if root, ok := document.(map[string]any); ok {
		for _, name := range []string{"$id", "id"} {
			if id, ok := root[name].(string); ok && s.id == "" {
				s.id, _, _ = strings.Cut(id, "#")
			}
		}
	}
	out := s.schema(document, "", "")
	for _, r := range s.references {
		if to, ok := s.places[r.to]; ok {
			r.body["$ref"] = "#" + escapePointer(to)
		} else {
			s.fault(r.at, "leads to no schema")
		}
	}
	return out
}

// escapePointer makes a pointer a fragment.
func escapePointer(pointer string) string {
	tokens := strings.Split(pointer, "/")
	for i := range tokens {
		tokens[i] = url.PathEscape(tokens[i])
	}
	return strings.Join(tokens, "/")
}

// fault notes the first fault of a place.
func (s *schemaSource) fault(at, message string) {
	at = "/schema" + at
	if len(s.faults) < maxSchemaFaults && !slices.ContainsFunc(s.faults, func(f spec.Fault) bool { return f.Path == at }) {
		s.faults = append(s.faults, spec.Fault{Path: at, Message: units.Clip(message, 300)})
	}
}

// schema makes a subschema, given at one pointer and to be at another.
func (s *schemaSource) schema(v any, at, to string) any {
	s.places[at] = to
	given, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if s.count++; s.count > maxSubschemas {
		if s.count == maxSubschemas+1 {
			s.fault("", fmt.Sprintf("has more than %d subschemas", maxSubschemas))
		}
		return v
	}
	body := make(map[string]any, len(given))
	outer := map[string]any{"allOf": []any{body}}
	cost := 0
	for name, value := range given {
		where := at + "/" + pointerToken.Replace(name)
		switch {
		case name == costMark:
		case at == "" && rootWords[name]:
			outer[name] = value
		case name == "$id" || name == "$schema":
			s.fault(where, "belongs to the whole schema only")
		case name == "$dynamicRef" || name == "$recursiveRef":
			s.fault(where, "is not supported: use $ref")
		case name == "format" && value == "regex":
			s.fault(where, `"regex" is not supported`)
		default:
			body[name] = s.member(name, value, where, to+"/allOf/0/"+pointerToken.Replace(name))
			if name == "$ref" {
				s.reference(value, where, body)
			}
			cost += memberCost(name, value)
		}
	}
	outer[costMark] = json.Number(strconv.Itoa(cost))
	return outer
}

// member is the value of a keyword.
func (s *schemaSource) member(name string, v any, at, to string) any {
	switch v := v.(type) {
	case []any:
		if !allSchema[name] {
			break
		}
		out := make([]any, len(v))
		for i, e := range v {
			token := "/" + strconv.Itoa(i)
			out[i] = s.schema(e, at+token, to+token)
		}
		return out
	case map[string]any:
		if oneSchema[name] {
			return s.schema(v, at, to)
		}
		if !mapSchema[name] {
			break
		}
		out := make(map[string]any, len(v))
		for key, e := range v {
			token := "/" + pointerToken.Replace(key)
			if _, list := e.([]any); list && name == "dependencies" {
				out[key] = e
				continue
			}
			out[key] = s.schema(e, at+token, to+token)
		}
		return out
	case bool:
		if oneSchema[name] {
			return s.schema(v, at, to)
		}
	}
	s.numbers(v, at)
	return v
}

// numbers finds those whose exponents nobody can work with.
func (s *schemaSource) numbers(v any, at string) {
	switch v := v.(type) {
	case json.Number:
		if boundedNumber(v) != v {
			s.fault(at, "the exponent of the number is above 400")
		}
	case []any:
		for i, e := range v {
			s.numbers(e, at+"/"+strconv.Itoa(i))
		}
	case map[string]any:
		for name, e := range v {
			s.numbers(e, at+"/"+pointerToken.Replace(name))
		}
	}
}

// reference notes where a $ref leads. What is no text, the library has words for.
func (s *schemaSource) reference(v any, at string, body map[string]any) {
	to, ok := v.(string)
	if !ok {
		return
	}
	address, fragment, _ := strings.Cut(to, "#")
	fragment, err := url.PathUnescape(fragment)
	switch {
	case err != nil || address != "" && address != s.id:
		s.fault(at, errElsewhere.Error())
	case fragment == "" || strings.HasPrefix(fragment, "/"):
		s.references = append(s.references, reference{at, body, fragment})
	}
}

// memberCost is what a keyword costs beside the parts of the value that it looks at.
func memberCost(name string, v any) int {
	switch name {
	case "enum", "const":
		return countParts(v)
	case "required", "dependentRequired", "dependencies":
		return countParts(v) / 8
	}
	return 0
}

func countParts(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			n += countParts(e)
		}
	case map[string]any:
		for _, e := range v {
			n += countParts(e)
		}
	}
	return n
}

// explain makes faults of what the library says of the document.
func (s *schemaSource) explain(err error) spec.Faults {
	var invalid *jsonschema.SchemaValidationError
	var pattern *jsonschema.InvalidRegexError
	var where *jsonschema.ValidationError
	var remote *jsonschema.LoadURLError
	switch {
	case errors.As(err, &invalid) && errors.As(invalid.Err, &where):
		leaves(where, where.InstanceLocation, func(at []string, leaf *jsonschema.ValidationError) {
			s.fault(pointerOf(at), leaf.ErrorKind.LocalizedString(english))
		})
	case errors.As(err, &pattern):
		_, fragment, _ := strings.Cut(pattern.URL, "#")
		if at, err := url.PathUnescape(fragment); err == nil {
			fragment = at
		}
		s.fault(fragment, "the pattern is no RE2 expression: "+pattern.Err.Error())
	case errors.As(err, &remote):
		s.fault("/$schema", "is none of the drafts 4, 6, 7, 2019-09 and 2020-12 of JSON Schema")
	default:
		s.fault("", strings.ReplaceAll(err.Error(), schemaAddress, ""))
	}
	return s.faults
}

// measuredSchema counts what a subschema did.
type measuredSchema struct {
	meter *meter
	cost  int
}

// measure makes the counter of a subschema, where it has one.
func (s *schema) measure(_ *jsonschema.CompilerContext, given map[string]any) (jsonschema.SchemaExt, error) {
	mark, ok := given[costMark].(json.Number)
	if !ok {
		return nil, nil
	}
	cost, err := strconv.Atoi(string(mark))
	return measuredSchema{s.meter, cost}, err
}

// Validate implements jsonschema.SchemaExt.
func (m measuredSchema) Validate(_ *jsonschema.ValidatorContext, v any) {
	n := 1 + m.cost
	switch v := v.(type) {
	case []any:
		n += len(v)
	case map[string]any:
		n += len(v)
	case string:
		n += len(v) >> 10
	}
	m.meter.take(n)
}

// meteredPattern pays for what it may take.
type meteredPattern struct {
	*regexp.Regexp
	size  int
	meter *meter
}

// MatchString implements jsonschema.Regexp.
func (p *meteredPattern) MatchString(text string) bool {
	p.meter.take(1 + p.size*len(text)>>6)
	return p.Regexp.MatchString(text)
}

// pattern compiles one, and adds its size to that of all.
func (s *schema) pattern(text string, all *int) (jsonschema.Regexp, error) {
	if len(text) > maxSchemaPattern {
		return nil, fmt.Errorf("it has %d bytes, at most %d are allowed", len(text), maxSchemaPattern)
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	if *all += len(prog.Inst); *all > maxSchemaPatterns {
		return nil, fmt.Errorf("all patterns together are larger than %d instructions", maxSchemaPatterns)
	}
	re, err := regexp.Compile(text)
	return &meteredPattern{re, len(prog.Inst), s.meter}, err
}

var (
	errSchemaCircle  = errors.New("its references go round in a circle, without a step into the value")
	errSchemaNesting = fmt.Errorf("more than %d subschemas are within each other", maxSchemaNesting)
)

// inPlace checks that subschemas of one and the same part of a value nest within bounds.
func inPlace(root *jsonschema.Schema) error {
	walk := schemaWalk{depth: make(map[*jsonschema.Schema]int), seen: make(map[*jsonschema.Schema]bool)}
	for todo := []*jsonschema.Schema{root}; len(todo) > 0; {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if next == nil || walk.seen[next] {
			continue
		}
		walk.seen[next] = true
		if depth, err := walk.from(next, 0); err != nil {
			return err
		} else if depth > 3*maxSchemaNesting { // each is in one of its own, and references are between
			return errSchemaNesting
		}
		todo = append(append(todo, inside(next)...), below(next)...)
	}
	return nil
}

type schemaWalk struct {
	depth map[*jsonschema.Schema]int // -1 while it is on the way
	seen  map[*jsonschema.Schema]bool
}

// from is how deep subschemas nest from one on.
func (w *schemaWalk) from(s *jsonschema.Schema, above int) (int, error) {
	switch depth, known := w.depth[s]; {
	case known && depth < 0:
		return 0, errSchemaCircle
	case known:
		return depth, nil
	case above > 3*maxSchemaNesting:
		return 0, errSchemaNesting
	}
	w.depth[s] = -1
	deepest := 0
	for _, next := range inside(s) {
		depth, err := w.from(next, above+1)
		if err != nil {
			return 0, err
		}
		deepest = max(deepest, depth)
	}
	w.depth[s] = deepest + 1
	return deepest + 1, nil
}

// inside are the subschemas that look at the same part of a value.
func inside(s *jsonschema.Schema) (all []*jsonschema.Schema) {
	all = append(append(append(all, s.AllOf...), s.AnyOf...), s.OneOf...)
	for _, one := range []*jsonschema.Schema{s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else} {
		if one != nil {
			all = append(all, one)
		}
	}
	if s.DynamicRef != nil {
		all = append(all, s.DynamicRef.Ref)
	}
	for _, one := range s.DependentSchemas {
		all = append(all, one)
	}
	for _, one := range s.Dependencies {
		if one, ok := one.(*jsonschema.Schema); ok {
			all = append(all, one)
		}
	}
	return all
}

// below are the subschemas that look at parts of it.
func below(s *jsonschema.Schema) (all []*jsonschema.Schema) {
	all = append(all, s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems, s.ContentSchema)
	all = append(all, s.PrefixItems...)
	for _, one := range s.Properties {
		all = append(all, one)
	}
	for _, one := range s.PatternProperties {
		all = append(all, one)
	}
	for _, one := range []any{s.AdditionalProperties, s.Items, s.AdditionalItems} {
		switch one := one.(type) {
		case *jsonschema.Schema:
			all = append(all, one)
		case []*jsonschema.Schema:
			all = append(all, one...)
		}
	}
	return all
}
