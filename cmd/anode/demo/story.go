package demo

import (
	"fmt"
	"strings"
	"time"
)

// story is what happened, oldest first. It is pure; the zero value is empty.
type story struct {
	episodes []*episode
	// told is how many of all that ever were have been taken by untold.
	begun, told int
}

// mostEpisodes bounds what a story keeps: the oldest are forgotten.
const mostEpisodes = 50

// episode is one thing that happened, and what came of it.
type episode struct {
	at time.Time
	// node is whom it is about; -1 is nobody.
	node  int
	verb  string
	parts []string
	// awaited is what is still to come of it, by what is said where it does not.
	awaited map[awaited]string
	// target is how many records a node is to hold to have caught up.
	target uint64
	// counted tells that missed records are told at the end.
	counted bool
	closed  bool
}

// awaited is what an episode waits for.
type awaited int

const (
	untilDead awaited = iota
	untilAlive
	untilMoved
	untilServing
	untilCaughtUp
)

// awaitFor is how long an episode waits.
const awaitFor = 20 * time.Second

// say is something that happened and is over.
func (s *story) say(at time.Time, text string) { s.begin(&episode{at: at, node: -1, verb: text}) }

// begin is something of which more is to come, where it awaits any. What went on about the same node is over.
func (s *story) begin(e *episode) {
	for _, before := range s.episodes {
		if e.node >= 0 && before.node == e.node && !before.closed {
			before.awaited = nil
		}
	}
	s.begun++
	s.episodes = append(s.episodes, e)
	if extra := len(s.episodes) - mostEpisodes; extra > 0 {
		s.episodes = s.episodes[extra:]
	}
}

// came is that an awaited thing happened to a node. text says it after the time since the episode began.
func (s *story) came(node int, what awaited, at time.Time, text string) bool {
	for _, e := range s.episodes {
		if _, waits := e.awaited[what]; !waits || e.node != node || e.closed {
			continue
		}
		delete(e.awaited, what)
		e.parts = append(e.parts, fmt.Sprintf(text, span(at.Sub(e.at))))
		return true
	}
	return false
}

// awaits tells whether something of a node is awaited, and how many records it is to hold.
func (s *story) awaits(node int, what awaited) (target uint64, ok bool) {
	for _, e := range s.episodes {
		if _, waits := e.awaited[what]; waits && e.node == node && !e.closed {
			return e.target, true
		}
	}
	return 0, false
}

// busy tells whether anything is awaited.
func (s *story) busy() bool {
	for _, e := range s.episodes {
		if len(e.awaited) > 0 {
			return true
		}
	}
	return false
}

// close ends what has come to its end, or waits too long.
func (s *story) close(now time.Time, missed int) {
	for _, e := range s.episodes {
		if e.closed {
			continue
		}
		if len(e.awaited) > 0 && now.Sub(e.at) < awaitFor {
			continue
		}
		for what := untilDead; what <= untilCaughtUp; what++ {
			if failed, waits := e.awaited[what]; waits {
				e.parts = append(e.parts, fmt.Sprintf("%s after %s", failed, span(now.Sub(e.at))))
			}
		}
		e.awaited, e.closed = nil, true
		if e.counted {
			e.parts = append(e.parts, fmt.Sprintf("missed %d", missed))
		}
	}
}

// untold are episodes that are over and were not given yet, in order.
func (s *story) untold() []*episode {
	first := s.begun - len(s.episodes)
	var list []*episode
	for s.told = max(s.told, first); s.told < s.begun && s.episodes[s.told-first].closed; s.told++ {
		list = append(list, s.episodes[s.told-first])
	}
	return list
}

// text is what an episode says.
func (e *episode) text() string {
	text := strings.Join(append([]string{e.verb}, e.parts...), "; ")
	if len(e.awaited) > 0 {
		text += " …"
	}
	return text
}

// span is a time for people: 40 ms, 2.6 s, 1m05s.
func span(d time.Duration) string {
	switch {
	case d < 100*time.Microsecond:
		return "<0.1 ms"
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
