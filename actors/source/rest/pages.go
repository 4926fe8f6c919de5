package rest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"anode/actors/expr"
	"anode/actors/source"
	"anode/actors/source/transform"
	"anode/messages/spec"
)

// pages is how a walk goes on.
type pages struct {
	*spec.Pages
	// placed tells that a template has .page.
	placed bool
}

// compilePages makes nil where the spec has none. Its jq is the pipeline's.
func compilePages(s *spec.Spec) *pages {
	if s.REST.Pages == nil {
		return nil
	}
	of := *s.REST.Pages
	p := &pages{Pages: &of, placed: source.UsesPage(requestTemplates(s))}
	if of.Next == spec.NextOffset && of.Param == "" && !p.placed {
		of.Param = "offset"
	}
	return p
}

// walk is one over the pages of a target, from the first on. Its place is kept where a page fails.
type walk struct {
	// number is that of the page that is asked for, from 1; values are those of the pages before.
	number, values int
	// cursor is where the page is; nil on the first, and where only the offset counts.
	cursor any
	// at is what the cursor is, where it is a URL.
	at *url.URL
	// seen are the places that were asked for.
	seen map[string]bool
	// tries counts the failures of the page.
	tries int
}

func newWalk() *walk { return &walk{number: 1, seen: make(map[string]bool)} }

// page is what templates see; nil on the first.
func (w *walk) page() any {
	if w.number == 1 {
		return nil
	}
	return map[string]any{"cursor": w.cursor, "offset": w.values, "number": w.number}
}

// detour is where the page is asked for.
func (w *walk) detour(p *pages) (source.Detour, error) {
	switch {
	case p == nil || w.number == 1:
		return source.Detour{}, nil
	case w.at != nil:
		return source.Detour{URL: w.at}, nil
	case p.Param == "":
		return source.Detour{}, nil
	case p.Next == spec.NextOffset:
		return source.Detour{Param: p.Param, Value: fmt.Sprint(w.values)}, nil
	}
	text, err := cursorText(w.cursor)
	return source.Detour{Param: p.Param, Value: text}, err
}

func cursorText(cursor any) (string, error) {
	switch cursor.(type) {
	case map[string]any, []any:
		return "", errors.New("the cursor is no text or number, so that it can't be sent as a parameter: place it with ${.page.cursor}")
	}
	if text, ok := cursor.(string); ok {
		return text, nil
	}
	raw, err := expr.Append(nil, cursor)
	return string(raw), err
}

// errLast is the end of a walk in order.
var errLast = errors.New("there are no more pages")

// next moves to the page after one that was answered; errLast is the end, any other error is the end with
// a report.
func (w *walk) next(p *pages, page transform.Page, answer *source.Answer) error {
	w.tries = 0
	w.values += page.Values
	w.number++
	w.cursor, w.at = nil, nil
	if page.Last {
		return errLast
	}
	from := answer.Request.URL
	if w.number == 2 { // a link may lead back to where the walk began
		w.seen[from.String()] = true
	}
	switch p.Next {
	case spec.NextOffset:
		if page.Values == 0 {
			return errLast
		}
		return nil // it grows
	case spec.NextLink:
		link := nextLink(answer.Response.Header)
		if link == "" {
			return errLast
		}
		return w.follow(link, from)
	}
	if page.Failed || done(page.Next) {
		return errLast
	}
	w.cursor = page.Next
	if text, ok := page.Next.(string); ok && (absolute(text) || p.Param == "" && !p.placed) {
		return w.follow(text, from)
	}
	if p.Param == "" && !p.placed {
		return errors.New("rest.pages.next gives a cursor, and neither rest.pages.param nor ${.page.cursor} takes it")
	}
	raw, err := expr.Append(nil, page.Next)
	if err != nil {
		return err
	}
	return w.once(string(raw))
}

// done tells that there is no next page.
func done(next any) bool { return next == nil || next == false || next == "" }

func absolute(text string) bool {
	return strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")
}

// follow goes to a URL of the same host.
func (w *walk) follow(text string, from *url.URL) error {
	u, err := from.Parse(text)
	if err != nil || u.Host == "" {
		return fmt.Errorf("the next page is at %q, which is no URL", source.Words([]byte(text)))
	}
	if u.Scheme == "http" && from.Scheme == "https" && u.Port() == "" && from.Port() == "" {
		u.Scheme = "https" // servers behind a proxy do not know better
	}
	u.Fragment, u.RawFragment = "", ""
	if !strings.EqualFold(u.Host, from.Host) || u.Scheme != from.Scheme {
		return fmt.Errorf("the next page is on another host, %s: it is not asked for", u.Host)
	}
	u.User = from.User
	w.at = u
	return w.once(u.String())
}

// once refuses a place that was asked for in this walk.
func (w *walk) once(place string) error {
	if w.seen[place] {
		return fmt.Errorf("the feed gave the same next page twice (%s): the walk ends", source.Words([]byte(place)))
	}
	w.seen[place] = true
	return nil
}

// nextLink is the target of rel=next in the Link headers (RFC 8288); empty where there is none.
func nextLink(h http.Header) string {
	for _, text := range h.Values("Link") {
		for text != "" {
			_, rest, found := strings.Cut(text, "<")
			if !found {
				break
			}
			target, params, found := strings.Cut(rest, ">")
			if !found {
				break
			}
			params, text = cutLink(params)
			if isNext(params) {
				return strings.TrimSpace(target)
			}
		}
	}
	return ""
}

// cutLink cuts the parameters of one link off those that follow; commas in texts are none.
func cutLink(text string) (params, rest string) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quoted:
			i++
		case text[i] == '"':
			quoted = !quoted
		case text[i] == ',' && !quoted:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

// isNext looks for rel=next among the parameters of a link.
func isNext(params string) bool {
	for part := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(part, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for rel := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(value), `"`)) {
			if strings.EqualFold(rel, "next") {
				return true
			}
		}
		return false // only the first counts
	}
	return false
}
