package placement

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"anode/messages"
	"anode/messages/units"
)

// Owners are the owners of a source, by rank; of one that runs everywhere all nodes that it allows. None is
// also the answer for a source that is not known.
func (p *Plan) Owners(source string) []messages.NodeID {
	i := p.sources.find(source)
	switch {
	case i < 0:
		return nil
	case p.sources.list[i].Everywhere:
		return p.hosts(i)
	}
	return p.owners(i)
}

// hosts are the nodes that run what runs everywhere.
func (p *Plan) hosts(i int) []messages.NodeID {
	var list []messages.NodeID
	for at := range p.roster.nodes {
		if n := &p.roster.nodes[at]; !n.State.shut() && n.wears(p.sources.list[i].Nodes) {
			list = append(list, n.ID)
		}
	}
	return list
}

// Why says in words why a source has the owners that it has, or none.
func (p *Plan) Why(source string) string {
	if shut := p.shut(); shut != "" {
		return shut + "; as far as it knows: " + p.why(source)
	}
	return p.why(source)
}

func (p *Plan) why(source string) string {
	i := p.sources.find(source)
	if i < 0 {
		return "there is no such source"
	}
	s, owners := &p.sources.list[i], p.Owners(source)
	switch {
	case len(owners) == 0:
		return reasonNobody + ": " + p.nobody(s)
	case s.Everywhere:
		return "runs on every node that it allows: " + p.names(owners)
	}
	candidates := len(p.roster.electors[p.sources.class[i]])
	if _, local := p.roster.local(p.sources, i); local {
		candidates++
	}
	text := fmt.Sprintf("owned by %s, of %s", p.names(owners), units.Count(candidates, "candidate"))
	if want := s.owners(); len(owners) < want {
		text += fmt.Sprintf("; it wants %d owners", want)
	}
	return text + p.yielders(i, candidates)
}

// nobody says why no node may own a source.
func (p *Plan) nobody(s *Source) string {
	active, labelled := 0, 0
	for at := range p.roster.nodes {
		n := &p.roster.nodes[at]
		if s.Everywhere && !n.State.shut() || n.State == StateActive {
			active++
			if n.wears(s.Nodes) {
				labelled++
			}
		}
	}
	switch {
	case active == 0:
		return "no node is active"
	case labelled == 0:
		return "no active node has the labels " + spoken(s.Nodes)
	}
	return "the nodes that could run it don't take it: their --own is none, or local and it was registered at another node"
}

// yielders says who yields a source, and why: of one reason once.
func (p *Plan) yielders(i int, candidates int) string {
	list := p.roster.yields[int32(i)]
	who, reasons := make(map[string][]messages.NodeID), []string(nil)
	for _, y := range list {
		n := &p.roster.nodes[y.at]
		reason := n.Yields[p.sources.list[i].Name].Reason
		if who[reason] == nil {
			reasons = append(reasons, reason)
		}
		who[reason] = append(who[reason], n.ID)
	}
	text := ""
	for _, reason := range reasons {
		verb := "yields"
		if len(who[reason]) > 1 {
			verb = "yield"
		}
		text += fmt.Sprintf("; %s %s it (%s)", p.names(who[reason]), verb, reason)
	}
	if len(list) > 0 && len(list) == candidates {
		text += "; as all do, none does"
	}
	return text
}

// spoken is a set of labels as people write it.
func spoken(labels map[string]string) string {
	var text []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		text = append(text, name+"="+labels[name])
	}
	return strings.Join(text, ", ")
}

// Called is how people call a node: by its name, where that is known and no other node's, or by its id.
func (p *Plan) Called(id messages.NodeID) string {
	at := p.roster.find(id)
	if at < 0 || p.roster.nodes[at].Name == "" {
		return string(id)
	}
	name := p.roster.nodes[at].Name
	for i := range p.roster.nodes {
		if n := &p.roster.nodes[i]; n.ID != id && (n.Name == name || string(n.ID) == name) {
			return string(id)
		}
	}
	return name
}

func (p *Plan) names(ids []messages.NodeID) string {
	text := make([]string, len(ids))
	for i, id := range ids {
		text[i] = p.Called(id)
	}
	return strings.Join(text, ", ")
}
