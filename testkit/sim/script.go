package sim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"anode/messages/units"
)

// parseScript reads a script: an action a line, led by its time. The first faults are named, with their lines.
func parseScript(text string) ([]step, error) {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, errors.New("this is no text")
	}
	var steps []step
	var faults []error
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		st, err := parseLine(words)
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %s", number, units.Clip(err.Error(), 1000)))
			continue
		}
		st.line = number
		steps = append(steps, st)
	}
	return steps, joined(faults)
}

// clip cuts a word that nobody would read to its end.
func clip(word string) string { return units.Clip(word, 60) }

func parseLine(words []string) (step, error) {
	at, err := units.ParseDuration(words[0])
	if err != nil {
		return step{}, fmt.Errorf("a line begins with a time such as 2s: %q is none", clip(words[0]))
	}
	if len(words) == 1 {
		return step{}, errors.New("nothing is to be done: want a time and an action")
	}
	i := slices.IndexFunc(verbs, func(v Verb) bool { return v.Name == words[1] })
	if i < 0 {
		return step{}, fmt.Errorf("unknown action %q: there are %s", clip(words[1]), strings.Join(verbNames(), ", "))
	}
	a := newArguments(words[2:])
	action := verbs[i].parse(a)
	if err := a.end(); err != nil {
		return step{}, fmt.Errorf("%s: %w", words[1], err)
	}
	return step{at: int64(at), action: action}, nil
}

// arguments are the words after an action's name: in order, or as name=value. What is not understood is
// noted, and told by end.
type arguments struct {
	words  []string
	named  map[string]string
	faults []error
}

func newArguments(words []string) *arguments {
	a := &arguments{named: make(map[string]string)}
	for _, w := range words {
		if name, value, ok := strings.Cut(w, "="); ok {
			if _, twice := a.named[name]; twice {
				a.fault("%s is given twice", name)
			}
			a.named[name] = value
		} else {
			a.words = append(a.words, w)
		}
	}
	return a
}

func (a *arguments) fault(format string, args ...any) {
	a.faults = append(a.faults, fmt.Errorf(format, args...))
}

// end tells what was wrong, and what is left over.
func (a *arguments) end() error {
	for _, w := range a.words {
		a.fault("what is %q to say?", clip(w))
	}
	for _, name := range slices.Sorted(maps.Keys(a.named)) {
		a.fault("there is no %s=", clip(name))
	}
	return errors.Join(a.faults...)
}

// next takes the next word.
func (a *arguments) next(what string) (string, bool) {
	if len(a.words) == 0 {
		a.fault("%s is missing", what)
		return "", false
	}
	w := a.words[0]
	a.words = a.words[1:]
	return w, true
}

// take takes a named value.
func (a *arguments) take(name string) (string, bool) {
	text, ok := a.named[name]
	delete(a.named, name)
	return text, ok
}

// read reads a value, if there is one.
func read[T any](a *arguments, text string, ok bool, other T, parse func(string) (T, error)) T {
	if !ok {
		return other
	}
	v, err := parse(text)
	if err != nil {
		a.faults = append(a.faults, err)
		return other
	}
	return v
}

func (a *arguments) nodes() Pick {
	text, ok := a.next("which nodes")
	return read(a, text, ok, Pick{}, ParsePick)
}

func (a *arguments) picked(name string, other Pick) Pick {
	text, ok := a.take(name)
	return read(a, text, ok, other, ParsePick)
}

// origins are at=PICK, or origins=N for so many at random.
func (a *arguments) origins() Pick {
	at, named := a.take("at")
	count, counted := a.take("origins")
	if named && counted {
		a.fault("origins= and at= exclude each other")
	}
	if !counted {
		return read(a, at, named, Any(1), ParsePick)
	}
	return read(a, count, true, Any(1), func(text string) (Pick, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return Pick{}, fmt.Errorf("origins=%s: want a number of nodes", clip(text))
		}
		return Any(n), nil
	})
}

// groups are picks with | between.
func (a *arguments) groups() []Pick {
	var list []Pick
	for part := range strings.SplitSeq(strings.Join(a.words, " "), "|") {
		list = append(list, read(a, strings.TrimSpace(part), true, Pick{}, ParsePick))
	}
	a.words = nil
	return list
}

func (a *arguments) duration(name string, other time.Duration) time.Duration {
	text, ok := a.take(name)
	return read(a, text, ok, other, units.ParseDuration)
}

func (a *arguments) size(name string, other int64) int64 {
	text, ok := a.take(name)
	return int64(read(a, text, ok, units.Size(other), units.ParseSize))
}

// body is the size of a batch.
func (a *arguments) body() int {
	text, ok := a.take("size")
	size := read(a, text, ok, 300, units.ParseSize)
	if size < 1 {
		a.fault("size=%s: a batch has at least a byte", text)
	}
	return int(size)
}

func (a *arguments) bytes() int64 {
	text, ok := a.next("how many bytes a second")
	return int64(read(a, strings.TrimSuffix(text, "/s"), ok, 0, units.ParseSize))
}

func (a *arguments) number(name string, other float64) float64 {
	text, ok := a.take(name)
	return read(a, text, ok, other, func(text string) (float64, error) {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n > 0) || n > 1e9 {
			return 0, fmt.Errorf("%s=%s: want a number above 0, up to 1000000000", name, clip(text))
		}
		return n, nil
	})
}

func (a *arguments) count() int {
	text, ok := a.next("how many")
	return read(a, text, ok, 1, func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return 0, fmt.Errorf("%q is no number of things", clip(text))
		}
		return n, nil
	})
}

func (a *arguments) share() float64 {
	text, ok := a.next("a share")
	return read(a, text, ok, 0, ParseShare)
}

// ParseShare reads "5%" or "0.05".
func ParseShare(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(number, 64)
	if percent {
		n /= 100
	}
	if err != nil || !(n >= 0 && n <= 1) {
		return 0, fmt.Errorf("%q is no share: write 5%% or 0.05", clip(text))
	}
	return n, nil
}

func (a *arguments) span(name string) Span {
	text, ok := a.take(name)
	return read(a, text, ok, Span{}, ParseSpan)
}

func (a *arguments) spanNext() Span {
	text, ok := a.next("how long")
	return read(a, text, ok, Span{}, ParseSpan)
}

// ParseSpan reads "1ms-50ms" or "20ms".
func ParseSpan(text string) (Span, error) {
	low, high, ranged := strings.Cut(text, "-")
	if !ranged {
		high = low
	}
	first, err1 := units.ParseDuration(low)
	last, err2 := units.ParseDuration(high)
	if err := errors.Join(err1, err2); err != nil || first > last {
		return Span{}, fmt.Errorf("%q is no span: write 20ms or, the lower first, 1ms-50ms", clip(text))
	}
	return Span{first, last}, nil
}

// shift is by how much a clock jumps: +1h, -5m.
func (a *arguments) shift() time.Duration {
	text, ok := a.next("by how much")
	return read(a, text, ok, 0, func(text string) (time.Duration, error) {
		d, err := units.ParseDuration(strings.TrimLeft(text, "+-"))
		if err != nil || text == "" || !strings.ContainsAny(text[:1], "+-") {
			return 0, fmt.Errorf("%q is no shift: write +1h or -5m", clip(text))
		}
		if text[0] == '-' {
			d = -d
		}
		return d, nil
	})
}

func (a *arguments) flag(name string) bool {
	for i, w := range a.words {
		if w == name {
			a.words = append(a.words[:i:i], a.words[i+1:]...)
			return true
		}
	}
	return false
}

// either tells whether a value is the first of two.
func (a *arguments) either(name, yes, no string) bool {
	text, ok := a.take(name)
	if ok && text != yes && text != no {
		a.fault("%s=%s: want %s or %s", name, clip(text), yes, no)
	}
	return text == yes
}

func (a *arguments) ailment() (Pick, Health, time.Duration) {
	text, ok := a.next("what the journal does")
	h := Health(text)
	if ok && h != Healthy && h != Failing && h != Stalled {
		a.fault("%q: a journal can be ok, fail or stall", clip(text))
	}
	return a.nodes(), h, a.duration("for", 0)
}
