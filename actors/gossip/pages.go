package gossip

import "time"

// pageAge is how long the page of a node that is gone may still talk to the others: as long as its death is an alarm.
const pageAge = 24 * time.Hour

// page is where a node serves its page. Since is when the node was gone; zero while it is there.
type page struct {
	url   string
	since time.Time
}

// Pages are the URLs at which other nodes of the mesh serve their page, or did until a day ago: who has one open when its
// node goes moves on to another node. Whoever is shut out is none of them. It is safe for concurrent use.
func (g *Gossip) Pages() []string {
	all := g.pages.Load()
	if all == nil {
		return nil
	}
	list := make([]string, 0, len(*all))
	for _, p := range *all {
		if p.since.IsZero() || time.Since(p.since) < pageAge {
			list = append(list, p.url)
		}
	}
	return list
}

// repage makes the list of pages anew: of those that are there first.
func (l *loop) repage() {
	var here, gone []page
	for i := range l.members {
		m := &l.members[i]
		url := l.home(m.ID)
		switch {
		case m.ID == l.cfg.Node || url == "" || l.banned(m.ID):
		case m.State.There():
			here = append(here, page{url: url})
		default:
			gone = append(gone, page{url, m.Since})
		}
	}
	list := append(here, gone...)
	l.gossip.pages.Store(&list)
}
