package gossip

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/jsontext"
	"anode/messages/wire/frame"
)

// heard are the last ephemeral records of another node.
type heard struct {
	status, alarms []byte
	// at is when the status came.
	at time.Time
	// http is where users reach it.
	http string
	// strange: it was logged that what it says can't be read.
	strange bool
}

// stream is where readers find a node's status.
func stream(id messages.NodeID) messages.Stream { return messages.Stream("$status." + string(id)) }

// hear is what was heard of a node.
func (l *loop) hear(id messages.NodeID) *heard {
	h := l.statuses[id]
	if h == nil {
		h = &heard{}
		l.statuses[id] = h
	}
	return h
}

// greeted takes in where a node that was just linked to says that users reach it.
func (l *loop) greeted(p *peer) {
	if webURL(p.hello.HTTP) {
		l.hear(p.id).http = p.hello.HTTP
	}
}

// show takes in an ephemeral record of another node.
func (l *loop) show(r *frame.Ephemeral) {
	h := l.hear(r.Node)
	switch r.Kind {
	case command.KindStatus:
		told, err := command.ReadStatus(r.Node, r.Body)
		if err != nil {
			l.strange(r, err)
			return
		}
		text, err := jsontext.Compact(nil, r.Body, messages.MaxJSONDepth) // one line, for who is told it by lines
		if err != nil {
			l.strange(r, err)
			return
		}
		h.status, h.at = r.Body, time.Now()
		if url := told.Node.HTTP; h.http != url && webURL(url) {
			h.http = url
			l.renode()
		}
		if l.there(r.Node) {
			l.gossip.show(r.Node)
			l.cfg.Show(command.Ephemeral{Stream: stream(r.Node), JSON: text})
		}
	case command.KindAlarms:
		if _, err := command.ReadAlarms(r.Node, r.Body); err != nil {
			l.strange(r, err)
			return
		}
		h.alarms = r.Body
	}
}

// strange counts a record that can't be read, and tells of the first of a node.
func (l *loop) strange(r *frame.Ephemeral, err error) {
	l.gossip.metrics.strange.Inc()
	if h := l.statuses[r.Node]; !h.strange {
		h.strange = true
		l.log.Warn("what a node says of itself can't be read, and is left out", "peer", r.Node, "kind", r.Kind, "bytes", len(r.Body), "error", err)
	}
}

// webURL tells whether users can follow a URL.
func webURL(text string) bool {
	return strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://")
}

// there tells whether a node is a member that is there.
func (l *loop) there(id messages.NodeID) bool { return l.present != nil && l.present.Has(id) }

// forgetStatuses withdraws what nodes said of themselves that are gone, and forgets it where they are not known at all.
func (l *loop) forgetStatuses(known map[messages.NodeID]netip.AddrPort) {
	for _, id := range l.gossip.withdraw(l.there) {
		l.cfg.Show(command.Ephemeral{Stream: stream(id), Withdrawn: true})
	}
	for id, h := range l.statuses {
		if _, is := known[id]; !is && l.links[id] == nil && time.Since(h.at) > time.Minute {
			delete(l.statuses, id)
		}
	}
}

// renode makes the list of URLs anew.
func (l *loop) renode() {
	list := []string{l.cfg.HTTP}
	var others []string
	for _, m := range l.others() {
		if url := l.home(m.ID); url != "" {
			others = append(others, url)
		}
	}
	slices.Sort(others)
	list = append(list, slices.Compact(others)...)
	l.gossip.nodes.Store(&list)
	l.repage()
}

// home is where users reach another node; empty where it was not heard.
func (l *loop) home(id messages.NodeID) string {
	if h := l.statuses[id]; h != nil {
		return h.http
	}
	return ""
}
