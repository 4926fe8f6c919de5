package source

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"anode/messages"
)

// Secrets are the operator's: files of a directory, or variables of the environment. They are
// read when they are used, so that one that is changed or added later is found. It is safe for
// concurrent use.
type Secrets struct {
	// Dir has a file a secret, named as the secret, and with NAME.hosts the hosts to which it may
	// go; empty means no directory.
	Dir string
	// Getenv reads a variable of the environment; nil means that there are none.
	Getenv func(name string) string
}

// maxSecret is the most bytes of a secret.
const maxSecret = 64 << 10

// get gives a secret for a host, with or without a port.
func (s Secrets) get(name, host string) (string, error) {
	if err := s.allowed(name, host); err != nil {
		return "", err
	}
	return s.read(name)
}

// NoSecret is the error of a secret that can't be had: it is not there, or not for that host.
type NoSecret struct{ error }

// Unwrap gives its cause.
func (n *NoSecret) Unwrap() error { return n.error }

func noSecret(format string, args ...any) error { return &NoSecret{fmt.Errorf(format, args...)} }

// read gives a secret, wherever it is to go.
func (s Secrets) read(name string) (string, error) {
	if s.Dir != "" {
		text, err := readSmall(filepath.Join(s.Dir, name))
		switch {
		case err == nil:
			return checked(name, strings.TrimRight(string(text), "\r\n"))
		case !errors.Is(err, fs.ErrNotExist):
			return "", noSecret("secret %s can't be read: %w", name, pathless(err))
		}
	}
	variable := variableOf(name)
	if s.Getenv != nil {
		if text := s.Getenv(variable); text != "" {
			return checked(name, text)
		}
	}
	return "", noSecret("secret %s is not on this node: put it into the file %s of --secrets, or into the variable %s", name, name, variable)
}

func checked(name, text string) (string, error) {
	switch {
	case text == "":
		return "", noSecret("secret %s is empty", name)
	case len(text) > maxSecret:
		return "", noSecret("secret %s has more than %d bytes", name, maxSecret)
	}
	return text, nil
}

// variableOf is the variable that holds a secret.
func variableOf(name string) string {
	return "ANODE_SECRET_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}

// allowed looks into NAME.hosts: hosts, one a line, each a name, "*.name", or either with ":port".
func (s Secrets) allowed(name, host string) error {
	if s.Dir == "" {
		return nil
	}
	text, err := readSmall(filepath.Join(s.Dir, name+".hosts"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("the hosts of secret %s can't be read: %w", name, pathless(err))
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		for _, pattern := range strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
			if hostMatches(strings.ToLower(pattern), strings.ToLower(host)) {
				return nil
			}
		}
	}
	return noSecret("secret %s may not go to %s: its file %s.hosts does not name it", name, host, name)
}

func hostMatches(pattern, host string) bool {
	if !strings.Contains(pattern, ":") || strings.HasSuffix(pattern, "]") {
		if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
			host = host[:i]
		}
	}
	if suffix, wild := strings.CutPrefix(pattern, "*"); wild && strings.HasPrefix(suffix, ".") {
		return strings.HasSuffix(host, suffix) && len(host) > len(suffix)
	}
	return pattern == host
}

func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no file")
	case info.Size() > maxSecret+2:
		return nil, fmt.Errorf("it has more than %d bytes", maxSecret)
	}
	text := make([]byte, info.Size())
	n, err := f.ReadAt(text, 0)
	if int64(n) < info.Size() && err != nil {
		return nil, err
	}
	return text[:n], nil
}

// pathless is the cause without the directory, which users of the API need not know.
func pathless(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// hidden keeps secrets that were used out of what people see. The mutex is a leaf.
type hidden struct {
	mu     sync.Mutex
	values []string
	// passing are those that come anew again and again, such as tokens: the last ones.
	passing []string
	// computed are those that the spec's expressions made of secrets: the last ones.
	computed []string
}

// mostPassing is how many of them, and of those that are computed, are remembered.
const mostPassing = 128

// shownSecret stands where a secret was.
const shownSecret = "***"

// shortest is the length from which on a secret is looked for in texts.
const shortest = 4

func (h *hidden) note(value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(value) >= shortest && !slices.Contains(h.values, value) {
		h.values = append(h.values, value)
		slices.SortFunc(h.values, func(a, b string) int { return len(b) - len(a) })
		h.values = h.values[:min(len(h.values), 256)]
	}
}

// notePassing keeps a text out of sight that is computed, or was given by a server.
func (h *hidden) notePassing(value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(value) >= shortest {
		h.passing = appendLast(h.passing, value)
	}
}

// appendLast appends a value that is not there; the first of too many goes.
func appendLast(list []string, value string) []string {
	if slices.Contains(list, value) {
		return list
	}
	if len(list) == mostPassing {
		list = slices.Delete(list, 0, 1)
	}
	return append(list, value)
}

// A text that is computed of secrets is looked for from so many bytes on, as what is shorter may be any word; one in
// an array or an object, where others stand beside it, from leastWithin on. Of each value mostWithin are.
const (
	leastComputed = 8
	leastWithin   = 16
	mostWithin    = 16
)

// noteComputed keeps the texts of a value that is computed of secrets out of sight.
func (h *hidden) noteComputed(value any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if text, ok := value.(string); ok {
		if len(text) >= leastComputed && len(text) <= maxSecret {
			h.computed = appendLast(h.computed, text)
		}
		return
	}
	left := mostWithin
	h.noteWithin(value, &left)
}

func (h *hidden) noteWithin(value any, left *int) {
	switch v := value.(type) {
	case string:
		if len(v) >= leastWithin && len(v) <= maxSecret && *left > 0 {
			*left--
			h.computed = appendLast(h.computed, v)
		}
	case []any:
		for _, element := range v {
			h.noteWithin(element, left)
		}
	case map[string]any:
		for _, member := range v {
			h.noteWithin(member, left)
		}
	}
}

// each are all of them.
func (h *hidden) each() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, list := range [][]string{h.values, h.passing, h.computed} {
			for _, value := range list {
				if !yield(value) {
					return
				}
			}
		}
	}
}

// hide puts asterisks where secrets stand, as they are or as a URL has them.
func (h *hidden) hide(text string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, form := range h.forms() {
		text = strings.ReplaceAll(text, form, shownSecret)
	}
	return text
}

// forms are all texts that are to be hidden, the longest first: one that begins with another is hidden whole. mu
// is held.
func (h *hidden) forms() []string {
	var all []string
	for value := range h.each() {
		all = append(all, forms(value)...)
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	return slices.Compact(all)
}

// hideEnd puts asterisks where the beginning of a secret is the end of a text that was cut.
func (h *hidden) hideEnd(text string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	most := 0
	for _, form := range h.forms() {
		for n := min(len(form), len(text)); n >= shortest && n > most; n-- {
			if strings.HasSuffix(text, form[:n]) {
				most = n
			}
		}
	}
	if most > 0 {
		return text[:len(text)-most] + shownSecret
	}
	return text
}

// hideCut is hide of a text that was cut where it ends with "…".
func (h *hidden) hideCut(text string) string {
	text, cut := strings.CutSuffix(h.hide(text), "…")
	if cut {
		text = h.hideEnd(text) + "…"
	}
	return text
}

// hideBytes is hide for bytes; without a secret in them they come back as they are.
func (h *hidden) hideBytes(data []byte) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, form := range h.forms() {
		if bytes.Contains(data, []byte(form)) {
			data = bytes.ReplaceAll(data, []byte(form), []byte(shownSecret))
		}
	}
	return data
}

// forms are the ways in which a text may show a secret.
func forms(value string) []string {
	quoted := string(messages.AppendQuoted(nil, value))
	all := []string{value, url.QueryEscape(value), url.PathEscape(value), escape(value), quoted[1 : len(quoted)-1]}
	slices.Sort(all)
	return slices.Compact(all)
}
