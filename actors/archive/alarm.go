package archive

import (
	"cmp"
	"fmt"
	"time"

	"anode/messages/command"
	"anode/messages/units"
)

// What people are told, and when not any more. A blip is nothing to be told of.
const (
	awayAlarm = 10 * time.Second
	lagAlarm  = time.Minute
	lagEnd    = 20 * time.Second
	lostAlarm = time.Hour
)

// health is how archiving is at a time.
type health struct {
	lag
	// seconds is how old the oldest record is that is not archived.
	seconds float64
	// away tells that the archive does not take records, since when and why; why may be empty.
	away  bool
	since time.Time
	why   string
	// barred tells that it never will until this node starts again, and helped that others archive what is here.
	barred, helped bool
	// refusal is what the archive says of what it refuses.
	refusal string
	// lost is how many batches the journal dropped before they were archived, lostAt when that was seen last.
	lost   uint64
	lostAt time.Time
	// erased is how many batches the archive has forgotten that the journal had dropped, erasedAt when that was seen last.
	erased   uint64
	erasedAt time.Time
}

// lately tells whether something was lost a moment ago.
func lately(at, now time.Time) bool { return !at.IsZero() && now.Sub(at) < lostAlarm }

// alarm tells what is wrong, with hysteresis: its zero value tells nothing. It is pure.
type alarm struct {
	away, behind bool
}

// next looks again, and gives a component's state and detail.
func (a *alarm) next(h *health, now time.Time) (state, detail string) {
	a.away = h.away && (a.away || now.Sub(h.since) >= awayAlarm)
	if a.behind {
		a.behind = h.seconds >= lagEnd.Seconds()
	} else {
		a.behind = h.seconds >= lagAlarm.Seconds()
	}
	behind := h.behind()
	switch {
	case h.barred && h.helped:
		return command.StateFailed, h.why + ": it is not used until this node starts again, and other nodes archive what is here"
	case h.barred:
		return command.StateFailed, h.why + ": it is not used until this node starts again, and what is here waits in the journal"
	case a.away:
		return command.StateDegraded, fmt.Sprintf("away since %s, %s behind: %s", h.since.UTC().Format("15:04:05"), behind, cmp.Or(h.why, "it does not answer"))
	case h.lag.refused > 0:
		return command.StateDegraded, fmt.Sprintf("it refuses %s: %s", units.Count(h.lag.refused, "batch"), h.refusal)
	case a.behind:
		return command.StateDegraded, behind + " behind"
	case lately(h.erasedAt, now):
		return command.StateDegraded, fmt.Sprintf("the archive has forgotten %s that it had confirmed, and the journal has dropped them", units.Count(h.erased, "batch"))
	case lately(h.lostAt, now):
		return command.StateDegraded, fmt.Sprintf("the journal dropped %s before they were archived", units.Count(h.lost, "batch"))
	case h.batches == 0 && h.away:
		return command.StateOK, "it does not answer just now"
	case h.batches == 0:
		return command.StateOK, "all is archived"
	}
	return command.StateOK, behind + " behind"
}

// behind is the lag in words.
func (h *health) behind() string {
	least := ""
	switch {
	case h.unread > 0:
		least = "at least "
	case h.recalled > 0:
		least = "about "
	}
	records := "records"
	if h.records == 1 {
		records = "record"
	}
	return fmt.Sprintf("%s%s %s (%s)", least, units.Grouped(h.records), records, long(time.Duration(h.seconds*float64(time.Second))))
}

// long is a span in words, in one unit.
func long(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}
