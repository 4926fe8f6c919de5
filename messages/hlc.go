package messages

import "time"

// HLC is a hybrid logical clock reading: Unix milliseconds in the upper 48 bits
// and a counter in the lower 16. It grows strictly on its origin, and is never
// moved by another node's clock: one clock set to 2100 poisons nobody.
// Zero means that no reading was taken.
//
// The form is that of Kulkarni et al., "Logical Physical Clocks" (2014), without
// the merge on receipt.
type HLC uint64

const hlcCounterBits = 16

// MaxClockLead is how far a stored reading may stand ahead of the clock at start;
// one further ahead is dropped and the clock begins from now (the new epoch orders).
const MaxClockLead = 24 * time.Hour

// HLCFromMillis returns the first reading of a Unix millisecond. A negative one
// gives the zero reading.
func HLCFromMillis(ms int64) HLC {
	if ms < 0 {
		return 0
	}
	return HLC(ms) << hlcCounterBits
}

// Next returns the reading that follows h at now: the later of now's first
// reading and h + 1.
func (h HLC) Next(now time.Time) HLC {
	return max(HLCFromMillis(now.UnixMilli()), h+1)
}

// Millis is the Unix millisecond of the reading.
func (h HLC) Millis() int64 { return int64(h >> hlcCounterBits) }

// Counter tells readings of one millisecond apart.
func (h HLC) Counter() uint16 { return uint16(h) }

// Time is the reading as wall time in UTC, whole milliseconds.
func (h HLC) Time() time.Time { return time.UnixMilli(h.Millis()).UTC() }
