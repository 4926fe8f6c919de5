package source

import (
	"maps"
	"regexp"
	"slices"

	"anode/messages/spec"
)

// itemText finds .item, but not .items, in jq.
var itemText = regexp.MustCompile(`(\.\s*"?|\[\s*"|\{\s*"?)item\b`)

// itemsText finds .items.
var itemsText = regexp.MustCompile(`(\.\s*"?|\[\s*"|\{\s*"?)items\b`)

// pageText finds .page.
var pageText = regexp.MustCompile(`(\.\s*"?|\[\s*"|\{\s*"?)page\b`)

// UsesPage tells whether it asks for .page.
func UsesPage(template any) bool { return uses(template, pageText) }

// UsesItem tells whether a template, JSON whose texts may have ${…}, asks for .item.
func UsesItem(template any) bool { return uses(template, itemText) }

// UsesItems tells whether it asks for .items.
func UsesItems(template any) bool { return uses(template, itemsText) }

// OnlyItems refuses .item in the address and the headers, for the reason that is given.
func (s *Setup) OnlyItems(why string, faults *spec.Faults) {
	refuse := func(path, text string) {
		if UsesItem(text) {
			*faults = append(*faults, spec.Fault{Path: path, Message: "has .item, but " + why})
		}
	}
	refuse("/url", s.Spec.URL)
	for _, name := range slices.Sorted(maps.Keys(s.Spec.Headers)) {
		refuse("/headers/"+pointer(name), s.Spec.Headers[name])
	}
}

func uses(template any, what *regexp.Regexp) bool {
	switch v := template.(type) {
	case string:
		pieces, err := spec.Pieces(v)
		if err != nil { // Parse lets none pass
			return false
		}
		for _, p := range pieces {
			if p.Expr && what.MatchString(p.Text) {
				return true
			}
		}
	case []any:
		for _, element := range v {
			if uses(element, what) {
				return true
			}
		}
	case map[string]any:
		for _, member := range v {
			if uses(member, what) {
				return true
			}
		}
	}
	return false
}
