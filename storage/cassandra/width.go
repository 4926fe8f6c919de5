package cassandra

import (
	"fmt"
	"time"

	"anode/messages"
)

// width is how long a bucket is. The zero width is none.
type width int

const (
	byDay    width = 86_400_000
	byHour   width = 3_600_000
	byMinute width = 60_000
	bySecond width = 1_000
)

// aimed is what a bucket should hold, in bytes of rows. Partitions above 100 MB are what a server is slow with; a stream may have peaks
// of some times its mean.
const aimed = 32 << 20

// knownAfter is how much time what was seen of a stream must span for it to tell how much comes in an hour or a day.
const knownAfter = 10 * time.Minute

// pickWidth decides from the bytes that were seen in a span of time: the widest bucket that is expected to hold no more than is aimed
// at. Of a stream that is hardly known it is a minute at most, as what begins slowly may become fast, and a width is for a day.
func pickWidth(bytes int64, span time.Duration) width {
	rate := float64(bytes) / max(span, time.Second).Seconds()
	for _, w := range []width{byDay, byHour, byMinute} {
		if span < knownAfter && w > byMinute {
			continue
		}
		if rate*w.duration().Seconds() <= aimed {
			return w
		}
	}
	return bySecond
}

func (w width) duration() time.Duration { return time.Duration(w) * time.Millisecond }

// bucket is where one that holds a Unix ms begins.
func (w width) bucket(ms int64) int64 { return ms - mod(ms, int64(w)) }

func (w width) String() string {
	switch w {
	case byDay:
		return "day"
	case byHour:
		return "hour"
	case byMinute:
		return "minute"
	case bySecond:
		return "second"
	}
	return fmt.Sprintf("width of %d ms", int(w))
}

// parseWidth reads what String writes.
func parseWidth(text string) (width, error) {
	for _, w := range []width{byDay, byHour, byMinute, bySecond} {
		if w.String() == text {
			return w, nil
		}
	}
	return 0, fmt.Errorf("%q is no width of a bucket", text)
}

// day counts days of UTC from 1970.
type day int32

func dayOf(ms int64) day { return day((ms - mod(ms, int64(byDay))) / int64(byDay)) }

// mod is the remainder that is never negative.
func mod(a, b int64) int64 { return ((a % b) + b) % b }

// daysOf are the days that a time touches: from the day of fromMs to that of the last ms below toMs; without a toMs to the end of time.
func daysOf(fromMs, toMs int64) (first, last day) {
	first, last = dayOf(max(fromMs, 0)), lastDay
	if toMs > 0 {
		last = dayOf(toMs - 1)
	}
	return min(first, lastDay), min(last, lastDay)
}

// lastDay is beyond all that an HLC can say.
var lastDay = dayOf(messages.HLC(1<<64 - 1).Millis())
