package expr

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	// maxPattern is the longest regular expression, in bytes.
	maxPattern = 1 << 10
	// maxPatternWork bounds instructions times bytes of one search of a program, and of all searches of
	// one match of a filter, which holds up all who are served with it: about 50 ms at worst.
	maxPatternWork = 4 << 20
	// maxPatternSize is how large a pattern may be, in instructions: a short one may repeat a thousand times.
	maxPatternSize = 5000
	// maxPatterns is how many compiled patterns are kept, and maxPatternsSize how large all of them together are;
	// beyond, all are dropped. Each instruction takes about 100 bytes.
	maxPatterns     = 256
	maxPatternsSize = 100_000
)

// pattern is a compiled RE2 expression. Matching takes time linear in the text.
type pattern struct {
	re *regexp.Regexp
	// next finds the first match behind the character that it begins with, so that a search goes
	// on in the middle of a text and still sees what stands before.
	next   *regexp.Regexp
	size   int // instructions
	global bool
	// plain tells that what stands before a match does not matter to it.
	plain bool
}

// compilePattern compiles a pattern with jq's flags g, i and m… as the library reads them.
func compilePattern(text, flags string) (*pattern, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("the pattern has %d bytes, at most %d are allowed", len(text), maxPattern)
	}
	if i := strings.IndexFunc(flags, func(r rune) bool { return !strings.ContainsRune("gim", r) }); i >= 0 {
		return nil, fmt.Errorf("the flags %q of the pattern are not of g, i and m", clip(flags))
	}
	if strings.Contains(flags, "i") {
		text = "(?i)" + text
	}
	if strings.Contains(flags, "m") {
		text = "(?s)" + text
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("the pattern is no RE2 expression: %w", err)
	}
	if patternSize(tree) > maxPatternSize {
		return nil, fmt.Errorf("the pattern is larger than %d instructions", maxPatternSize)
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("the pattern is no RE2 expression: %w", err)
	}
	p := &pattern{re: re, global: strings.Contains(flags, "g")}
	if p.next, err = regexp.Compile(`\A(?s:.)(?s:.*?)(` + text + `)`); err != nil {
		return nil, fmt.Errorf("the pattern is no RE2 expression: %w", err)
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	p.size = len(prog.Inst)
	p.plain = !slices.ContainsFunc(prog.Inst, func(i syntax.Inst) bool { return i.Op == syntax.InstEmptyWidth })
	return p, nil
}

// patternSize is about how many instructions a pattern is compiled to.
func patternSize(re *syntax.Regexp) int {
	size := 1
	if re.Op == syntax.OpLiteral || re.Op == syntax.OpCharClass {
		size = max(1, len(re.Rune))
		if re.Op == syntax.OpCharClass {
			size = 1 + len(re.Rune)/64
		}
	}
	for _, sub := range re.Sub {
		if size += patternSize(sub); size > maxPatternSize {
			return size
		}
	}
	if re.Op == syntax.OpRepeat {
		size = 1 + (size-1)*max(re.Min, re.Max, 1)
	}
	return size
}

func (p *pattern) cost(text string) int { return p.size * len(text) }

// from finds the first match at or behind a byte; nil means none.
func (p *pattern) from(text string, at int) []int {
	if at == 0 {
		return p.re.FindStringSubmatchIndex(text)
	}
	if p.plain {
		m := p.re.FindStringSubmatchIndex(text[at:])
		for i := range m {
			if m[i] >= 0 {
				m[i] += at
			}
		}
		return m
	}
	_, width := utf8.DecodeLastRuneInString(text[:at])
	m := p.next.FindStringSubmatchIndex(text[at-width:])
	if m == nil {
		return nil
	}
	m = m[2:]
	for i := range m {
		if m[i] >= 0 {
			m[i] += at - width
		}
	}
	return m
}

// patterns keeps compiled patterns. The mutex guards the map.
type patterns struct {
	mu   sync.Mutex
	kept map[[2]string]*pattern
	size int
}

// get compiles a pattern, or gives the one that is kept; fresh tells that it was compiled.
func (c *patterns) get(text, flags string) (p *pattern, fresh bool, err error) {
	key := [2]string{text, flags}
	c.mu.Lock()
	p = c.kept[key]
	c.mu.Unlock()
	if p != nil {
		return p, false, nil
	}
	if p, err = compilePattern(text, flags); err != nil {
		return nil, false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || len(c.kept) >= maxPatterns || c.size+p.size > maxPatternsSize {
		c.kept, c.size = make(map[[2]string]*pattern), 0
	}
	if c.kept[key] == nil {
		c.size += p.size
	}
	c.kept[key] = p
	return p, true, nil
}
