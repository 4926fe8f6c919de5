package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"anode/messages/units"
)

// view is the model as lines, for a terminal of some size: never more than its height, none wider.
//
// What must be there (title, nodes, counts, keys) is there first; what else there is room for follows by its worth: the
// flow, some of what happened, some streams, what to paste, some blank lines, all families of streams, more blank lines,
// and then more of what happened and of streams.
func (m *model) view(now time.Time, size size) []line {
	v := &viewing{model: m, now: now, wide: size.width}
	head, nodes, counts, keys := v.title(), v.nodeTable(), v.counts(), v.legend()
	room := size.height - len(nodes) - 3
	take := func(want, least int) int {
		if room < least || want < least {
			return 0
		}
		want = min(want, room)
		room -= want
		return want
	}
	streams, happened, paste := v.tally.sorted(countStream), v.events(), v.paste()
	families := families(streams)
	flow := v.flow()[:take(1, 1)]
	told := 0
	for _, e := range happened {
		told += len(e)
	}
	events := take(min(2, told), 1)
	rows := take(min(4, 1+len(families)), min(3, 1+len(families)))
	if len(families) == 0 {
		rows = 0
	}
	paste = paste[:take(len(paste), max(len(paste), 1))]
	blanks := take(3, 1)
	rows += take(1+len(families)-rows, 1)
	blanks += take(3, 1)
	events += take(min(6, told-events), 1)
	if rows > 0 && room >= len(streams)-len(families) {
		rows += take(1+len(streams)-rows, 1)
	} else {
		streams = families
	}
	gap := func(lines []line, worth int) []line {
		if blanks < worth || len(lines) == 0 {
			return lines
		}
		return append([]line{nil}, lines...)
	}
	all := slices.Concat([]line{head}, gap(nodes, 6), gap(append(flow, counts), 1), gap(v.streams(streams, rows), 2),
		gap(newest(happened, events), 3), gap(paste, 4))
	for len(all) < size.height-1 {
		all = append(all, nil)
	}
	all = append(all[:max(size.height-1, 0)], keys)
	for i := range all {
		all[i] = all[i].cut(size.width)
	}
	return all
}

// size is that of a terminal.
type size struct{ width, height int }

// viewing is one drawing of a model.
type viewing struct {
	*model
	now  time.Time
	wide int
}

// margin is at the left of all lines.
func (v *viewing) margin() string {
	if v.wide < 60 {
		return " "
	}
	return "  "
}

func (v *viewing) title() line {
	l := line{}.add(plain, v.margin()).add(strong, "aNode demo").
		add(faint, "   "+plural(len(v.nodes), "node, a process", "nodes, each a process"))
	if url := v.nodes[0].url; url != "" {
		l = l.add(faint, "   ").add(plain, url+"/")
	}
	clock := clockText(v.now.Sub(v.began))
	if fill := v.wide - l.cells() - len(clock) - len(v.margin()); fill > 0 {
		return l.add(plain, strings.Repeat(" ", fill)).add(faint, clock)
	}
	return l
}

// clockText is a time as 1:05 or 2:00:05.
func clockText(d time.Duration) string {
	s := int(d.Seconds())
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// nodeTable has a line for each node, and a head.
func (v *viewing) nodeTable() []line {
	full := v.wide >= 70
	row := func(s style, name, state string, of style, pid, held, rate, links, role string) line {
		l := line{}.add(plain, v.margin()).add(s, left(name, 8)).add(of, left(state, 15))
		if full {
			l = l.add(faint, right(pid, 7))
		}
		l = l.add(s, right(held, 9)+right(rate, 8))
		return l.add(plain, "   ").add(faint, left(links, v.linksWide())).add(accent, role)
	}
	lines := []line{row(faint, "NODE", "STATE", faint, "PID", "HELD", "IN/s", "LINKS", "")}
	for i := range v.nodes {
		n := &v.nodes[i]
		pid, held, rate := "–", "–", "–"
		if n.pid > 0 && n.life != down {
			pid = fmt.Sprint(n.pid)
		}
		if n.held > 0 {
			held = units.Grouped(n.held)
		}
		if r, known := n.rate(); known {
			rate = fmt.Sprintf("%.1f", r)
		}
		s, of := plain, stateStyle(n)
		if n.life == down || n.life == paused {
			s = faint
		}
		lines = append(lines, row(s, n.name, n.state(), of, pid, held, rate, v.links(n), v.role(i)))
	}
	return lines
}

func stateStyle(n *nodeState) style {
	switch {
	case n.life == down:
		return bad
	case n.life == alive && n.mesh == "":
		return good
	}
	return warn
}

// linksWide is the width of the column of links.
func (v *viewing) linksWide() int {
	switch long := 9 * (len(v.nodes) - 1); {
	case len(v.nodes) == 1:
		return 7
	case v.wide >= 78+long:
		return max(long, 7) + 2
	}
	return shortLinks
}

// shortLinks is the width of how many links there are, and the slowest.
const shortLinks = 10

// links are a node's, each with the time of a ping where there is room.
func (v *viewing) links(n *nodeState) string {
	if len(v.nodes) == 1 {
		return "–"
	}
	var each []string
	up, slowest := 0, 0.0
	for _, l := range n.links {
		if !l.up {
			continue
		}
		up++
		slowest = max(slowest, l.rttMS)
		each = append(each, left(fmt.Sprintf("%d %s", l.to+1, ping(l.rttMS)), 7))
	}
	if n.life != alive || up == 0 {
		return "–"
	}
	if v.linksWide() > shortLinks {
		return strings.Join(each, "  ")
	}
	return fmt.Sprintf("%d  %s", up, ping(slowest))
}

// ping is the time of one, in milliseconds; nodes tell none below one.
func ping(ms float64) string {
	switch {
	case ms < 0.01:
		return "<1ms"
	case ms < 10:
		return fmt.Sprintf("%.1fms", ms)
	}
	return fmt.Sprintf("%.0fms", ms)
}

// role is what a node does besides.
func (v *viewing) role(i int) string {
	var roles []string
	if i == feedsAt {
		roles = append(roles, "feeds")
	}
	if i == v.reader {
		roles = append(roles, "subscriber")
	}
	return strings.Join(roles, ", ")
}

// flow is how many records come a second, and how long they take.
func (v *viewing) flow() []line {
	t := v.tally
	tail := line{}.add(plain, fmt.Sprintf("  %.1f/s", t.all.rate(v.now, t.start)))
	if q, known := v.delays.quantiles(0.5, 0.99); known {
		tail = tail.add(faint, "   publish to subscriber ").add(plain, span(q[0])).add(faint, " p50  ").add(plain, span(q[1])).add(faint, " p99")
	}
	l := line{}.add(plain, v.margin()).add(faint, "FLOW   ")
	bars := min(max(v.wide-l.cells()-tail.cells()-2, 8), 24+max(0, v.wide-80)/2, 60)
	return []line{append(l.add(accent, left(spark(t.all.recent(v.now, t.start, bars)), bars)), tail...)}
}

// counts are what became of the numbered records.
func (v *viewing) counts() line {
	c := v.count
	l := line{}.add(plain, v.margin()).add(faint, "COUNT  ")
	number := func(name string, n uint64, of style) {
		l = l.add(faint, name+" ").add(of, units.Grouped(n)).add(plain, "  ")
	}
	wrong := func(n uint64, of style) style {
		if n > 0 {
			return of
		}
		return good
	}
	if v.wide >= 70 {
		number("stored", c.published, plain)
	}
	number("seen", c.delivered(), plain)
	missed := uint64(len(c.missed))
	l = l.add(wrong(missed, bad), fmt.Sprintf("missed %d", missed)).add(plain, "  ")
	number("doubled", c.doubled, wrong(c.doubled, warn))
	number("gaps", uint64(c.gaps), wrong(uint64(c.gaps), bad))
	if waiting := v.waiting(); waiting != "" {
		l = l.add(warn, waiting)
	}
	return l
}

// waiting says where records are that are to come, if it is worth it.
func (v *viewing) waiting() string {
	for i := range v.nodes {
		if n := &v.nodes[i]; n.life != alive {
			if count := v.count.waitingAt(i); count > 0 {
				return fmt.Sprintf("%d with %s", count, n.name)
			}
		}
	}
	if len(v.count.waiting) > 20 {
		return fmt.Sprintf("%d to come", len(v.count.waiting))
	}
	return ""
}

// streams are lines for streams, or families of them, in so many rows.
func (v *viewing) streams(all []*streamTally, room int) []line {
	if room < 2 {
		return nil
	}
	column := len("STREAM")
	for _, s := range all {
		column = max(column, min(cells(s.name), 32))
	}
	head := line{}.add(plain, v.margin()).add(faint, left("STREAM", column)+right("RECORDS", 9)+right("/s", 7)+"   NEWEST")
	if l := v.nodes[feedsAt].life; l == down || l == paused {
		head = head.add(warn, fmt.Sprintf("   feeds rest until %s is back", v.nodes[feedsAt].name))
	}
	lines := []line{head}
	for i, s := range all {
		if i == room-2 && len(all) > room-1 {
			return append(lines, line{}.add(plain, v.margin()).add(faint, fmt.Sprintf("… %d more", len(all)-i)))
		}
		lines = append(lines, line{}.add(plain, v.margin()+left(clean(s.name), column)+right(units.Grouped(s.total), 9)).
			add(plain, right(fmt.Sprintf("%.1f", s.rate(v.now, v.began)), 7)).add(faint, "   "+clean(s.latest)))
	}
	return lines
}

// events are what happened, each as one line or several.
func (v *viewing) events() (list [][]line) {
	for _, e := range v.story.episodes {
		at := right(clockText(e.at.Sub(v.began)), 5) + "  "
		var lines []line
		for i, text := range wrap(clean(e.text()), v.wide-len(v.margin())-len(at)) {
			if i > 0 {
				at = strings.Repeat(" ", len(at))
			}
			lines = append(lines, line{}.add(plain, v.margin()).add(faint, at).add(plain, text))
		}
		list = append(list, lines)
	}
	return list
}

// newest are the last of them that go whole into so many lines, and of the very last what goes in.
func newest(list [][]line, room int) (lines []line) {
	for _, e := range slices.Backward(list) {
		if len(lines) > 0 && len(e) > room-len(lines) {
			break
		}
		lines = append(slices.Clone(e[max(0, len(e)-room):]), lines...)
	}
	return lines
}

// pasted is what to try in another terminal: each at a node that lives, another one where there are several.
func (m *model) pasted() []string {
	at := func(i int) string {
		for j := range m.nodes {
			if n := &m.nodes[(i+j)%len(m.nodes)]; n.life == alive {
				return n.url
			}
		}
		return m.nodes[0].url
	}
	return []string{
		fmt.Sprintf("%s subscribe lab. sea. --server %s", m.called, at(0)),
		fmt.Sprintf("%s publish lab.desk '{\"hi\":1}' --server %s", m.called, at(1)),
		fmt.Sprintf("curl %s/api/v1/cluster", at(2)),
	}
}

// paste is that, once all nodes serve.
func (v *viewing) paste() (lines []line) {
	if !v.up {
		return nil
	}
	label := "PASTE  "
	for _, text := range v.pasted() {
		lines = append(lines, line{}.add(plain, v.margin()).add(faint, label).add(plain, text))
		label = strings.Repeat(" ", len(label))
	}
	return lines
}

// legend says what keys do now.
func (v *viewing) legend() line {
	l := line{}.add(plain, v.margin())
	key := func(name, does string) { l = l.add(strong, name).add(faint, " "+does+"   ") }
	switch {
	case !v.keys:
		key("Ctrl-C", "ends the demo")
	case v.asked != 0:
		l = l.add(warn, map[byte]string{'k': "kill", 'p': "pause or resume", 'r': "revive"}[v.asked]+" which?   ")
		for _, i := range v.can(v.asked) {
			key(fmt.Sprint(i+1), v.short(i))
		}
		key("esc", "none")
	default:
		if v.up {
			key("k", "kill")
			if pausable {
				key("p", "pause")
			}
			key("r", "revive")
		}
		key("q", "quit")
	}
	return l
}

// short is a node's name, where there is room for all of them.
func (v *viewing) short(i int) string {
	if len(v.nodes) > 4 {
		return ""
	}
	return v.nodes[i].name
}
