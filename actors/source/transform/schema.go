package transform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	text "golang.org/x/text/language"
	"golang.org/x/text/message"

	"anode/actors/expr"
	"anode/messages/spec"
	"anode/messages/units"
)

const (
	// maxSchemaWork is what one value may cost: about one for each part that is looked at by each subschema.
	// schemaPatience is how long that may take, looked at as the one of jq is: what passes between two looks counts
	// as schemaStall at most.
	maxSchemaWork  = 250_000
	schemaPatience = 50 * time.Millisecond
	schemaStall    = schemaPatience / 8
	// maxSchemaParts is the most parts of a value that is checked.
	maxSchemaParts = 100_000
	// maxSchemaReasons is how many reasons are told, and maxSchemaReason how long each is, in bytes.
	maxSchemaReasons, maxSchemaReason = 3, 160
)

// schema checks mapped values. Its work is bounded, whatever schema and value are. It is used by one at a time.
type schema struct {
	compiled *jsonschema.Schema
	meter    *meter
	language Language
	// heat is for how many values it still counts as heavy.
	heat int
}

// meter is what is left of the work on one value.
type meter struct {
	left, unseen int
	patience     time.Duration
	looked       time.Time
}

// errWork is thrown where nothing is left: the library has no other way out.
var errWork = errors.New("it takes more work than is allowed to check the value")

func (m *meter) begin() {
	*m = meter{left: maxSchemaWork, patience: schemaPatience, looked: time.Now()}
}

func (m *meter) take(n int) {
	m.left -= n
	if m.unseen += n; m.unseen > 256 {
		now := time.Now()
		m.patience -= min(now.Sub(m.looked), schemaStall)
		m.unseen, m.looked = 0, now
	}
	if m.left < 0 || m.patience < 0 {
		panic(errWork)
	}
}

// compileSchema makes nil of no schema; its faults are all that can be told at once.
func compileSchema(language Language, document json.RawMessage) (*schema, spec.Faults) {
	if len(document) == 0 {
		return nil, nil
	}
	value, err := expr.Decode(document)
	if err != nil {
		return nil, spec.Faults{{Path: "/schema", Message: err.Error()}}
	}
	source := &schemaSource{places: map[string]string{"": ""}}
	metered := source.read(value)
	if len(source.faults) > 0 {
		return nil, source.faults
	}
	s := &schema{language: language, meter: &meter{left: math.MaxInt, patience: math.MaxInt64}}
	if _, err := s.compile(value); err != nil { // as it is, so that what is wrong with it has its own place
		return nil, source.explain(err)
	}
	if s.compiled, err = s.compile(metered); err != nil {
		return nil, source.explain(err)
	}
	if err := inPlace(s.compiled); err != nil {
		return nil, spec.Faults{{Path: "/schema", Message: err.Error()}}
	}
	return s, nil
}

// schemaAddress is where schemas are taken to be: relative references lead nowhere.
const schemaAddress = "https://anode.invalid/schema.json"

func (s *schema) compile(document any) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.UseLoader(nowhere{})
	patterns := 0
	c.UseRegexpEngine(func(text string) (jsonschema.Regexp, error) { return s.pattern(text, &patterns) })
	c.AssertFormat()
	c.AssertVocabs()
	c.RegisterVocabulary(&jsonschema.Vocabulary{URL: "https://anode.invalid/meter", Compile: s.measure})
	if err := c.AddResource(schemaAddress, document); err != nil {
		return nil, err
	}
	return c.Compile(schemaAddress)
}

// nowhere loads nothing: a schema can't read what is outside of it.
type nowhere struct{}

var errElsewhere = errors.New("only references within the schema are followed, such as #/$defs/name")

func (nowhere) Load(string) (any, error) { return nil, errElsewhere }

// A check is heavy that takes so much work, about 2 ms; so many after one that is wait for a turn.
const heavyWork, heavyFor = 10_000, 100

// check tells what is wrong with a value.
func (s *schema) check(ctx context.Context, v *value) error {
	if s.heat > 0 {
		leave, err := s.language.Heavy(ctx)
		if err != nil {
			return err
		}
		defer leave()
		s.heat--
	}
	err := s.look(v)
	if s.meter.left < maxSchemaWork-heavyWork || s.meter.patience < schemaPatience/2 {
		s.heat = heavyFor
	}
	return err
}

func (s *schema) look(v *value) (err error) {
	input, err := v.any()
	if err != nil {
		return err
	}
	parts := maxSchemaParts
	if input, _, err = plain(input, &parts); err != nil {
		return err
	}
	defer func() {
		if thrown := recover(); thrown != nil {
			if thrown != errWork { //nolint:errorlint // the very same
				thrown = fmt.Errorf("the schema library failed: %.200v", thrown)
			}
			err, _ = thrown.(error)
		}
	}()
	s.meter.begin()
	var invalid *jsonschema.ValidationError
	if err := s.compiled.Validate(input); errors.As(err, &invalid) {
		return reasons(invalid)
	}
	return nil
}

var english = message.NewPrinter(text.English)

// schemaError is why a value does not fit: the first reasons in words.
type schemaError struct {
	told []string
	more int
}

func (e *schemaError) Error() string {
	told := strings.Join(e.told, "; ")
	if e.more > 0 {
		told += fmt.Sprintf("; and %d more", e.more)
	}
	return told
}

func reasons(of *jsonschema.ValidationError) *schemaError {
	e := &schemaError{}
	leaves(of, nil, func(location []string, leaf *jsonschema.ValidationError) {
		if len(e.told) == maxSchemaReasons {
			e.more++
			return
		}
		at := "the value"
		if len(location) > 0 {
			at = pointerOf(location)
		}
		e.told = append(e.told, units.Clip(at, maxSchemaReason)+": "+units.Clip(leaf.ErrorKind.LocalizedString(english), maxSchemaReason))
	})
	slices.Sort(e.told) // the library looks at members in any order
	return e
}

// leaves visits what went wrong first, and where. The name of a member is where the member is.
func leaves(e *jsonschema.ValidationError, name []string, visit func(at []string, e *jsonschema.ValidationError)) {
	at := e.InstanceLocation
	if len(at) == 0 {
		at = name
	}
	if len(e.Causes) == 0 {
		visit(at, e)
	}
	if names, ok := e.ErrorKind.(*kind.PropertyNames); ok {
		name = append(slices.Clone(at), names.Property)
	}
	for _, cause := range e.Causes {
		leaves(cause, name, visit)
	}
}

var pointerToken = strings.NewReplacer("~", "~0", "/", "~1")

func pointerOf(tokens []string) string {
	var b strings.Builder
	for _, token := range tokens {
		b.WriteByte('/')
		pointerToken.WriteString(&b, token) //nolint:errcheck // a Builder has none
	}
	return b.String()
}

var errSchemaParts = fmt.Errorf("has more than %d parts, too many to be checked by a schema", maxSchemaParts)

// plain makes a value what the library takes: numbers that it can work with. It shares what needs no change.
func plain(v any, left *int) (_ any, changed bool, err error) {
	if *left--; *left < 0 {
		return nil, false, errSchemaParts
	}
	switch v := v.(type) {
	case json.Number:
		n := boundedNumber(v)
		return n, n != v, nil
	case *big.Int:
		return json.Number(v.String()), true, nil
	case float64:
		switch {
		case math.IsNaN(v):
			return nil, true, nil // as in JSON
		case math.IsInf(v, 0):
			return math.Copysign(math.MaxFloat64, v), true, nil
		}
	case []any:
		out := v
		for i, e := range v {
			next, other, err := plain(e, left)
			if err != nil {
				return nil, false, err
			}
			if other && !changed {
				out, changed = slices.Clone(v), true
			}
			if other {
				out[i] = next
			}
		}
		return out, changed, nil
	case map[string]any:
		out := v
		for name, e := range v {
			next, other, err := plain(e, left)
			if err != nil {
				return nil, false, err
			}
			if other && !changed {
				out, changed = maps.Clone(v), true
			}
			if other {
				out[name] = next
			}
		}
		return out, changed, nil
	}
	return v, false, nil
}

// boundedNumber is a number whose exponent the library can work with: it writes them out.
func boundedNumber(n json.Number) json.Number {
	const most = 400
	i := strings.IndexAny(string(n), "eE")
	if i < 0 {
		return n
	}
	if e, err := strconv.Atoi(string(n[i+1:])); err == nil && e >= -most && e <= most {
		return n
	}
	sign := ""
	if n[0] == '-' {
		sign = "-"
	}
	switch {
	case !strings.ContainsAny(string(n[:i]), "123456789"):
		return "0"
	case n[i+1] == '-':
		return json.Number(sign + "1e-400")
	}
	return json.Number(sign + "1e400")
}
