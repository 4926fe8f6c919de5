package guess

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"anode/messages"
)

// The forms of times: those that a record takes as they are, and those that a program must rewrite.
const (
	formatPlain   = "plain"   // RFC 3339, or a Unix time
	formatSpaced  = "spaced"  // 2026-11-22 10:00:00, perhaps with a zone
	formatLocal   = "local"   // 2026-11-22T10:00:00, without a zone
	formatMinutes = "minutes" // 2026-11-22T10:00
	formatDate    = "date"    // 2026-11-22
	formatMail    = "mail"    // Sun, 22 Nov 2026 10:00:00 GMT, or with +0000
)

var (
	spacedTime  = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$`)
	localTime   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$`)
	minutesTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d$`)
	dateTime    = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
	mailTime    = regexp.MustCompile(`^[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d ([+-]\d{4}|GMT|UTC|Z)$`)
	digits      = regexp.MustCompile(`^\d{9,19}(\.\d+)?$`)
)

// formatOf is the form of a time that a text has; empty where it is none.
func formatOf(text string) string {
	switch {
	case spacedTime.MatchString(text):
		return formatSpaced
	case localTime.MatchString(text):
		return formatLocal
	case minutesTime.MatchString(text):
		return formatMinutes
	case dateTime.MatchString(text):
		return formatDate
	case mailTime.MatchString(text):
		return formatMail
	case digits.MatchString(text) || strings.Contains(text, "T") && strings.Contains(text, "-"):
		at, err := messages.ParseTime(text)
		if err == nil && at.Year() >= 2000 && at.Year() <= 2100 {
			return formatPlain
		}
	}
	return ""
}

// expression is the jq of a time, in a form that records take.
func expression(jq, format string) string {
	switch format {
	case formatSpaced:
		return jq + ` | sub(" "; "T") + "Z"`
	case formatLocal:
		return jq + ` + "Z"`
	case formatMinutes:
		return jq + ` + ":00Z"`
	case formatDate:
		return jq + ` + "T00:00:00Z"`
	case formatMail:
		return jq + ` | sub("(GMT|UTC|Z)$"; "+0000") | strptime("%a, %d %b %Y %H:%M:%S %z") | mktime`
	}
	return jq
}

// moment is a leaf that may be the time.
type moment struct {
	leaf   *leaf
	format string
	score  int
	// updates tells that it is when a thing changed last, not when something happened.
	updates bool
}

var momentNames = map[string]int{
	"time": 100, "eventtime": 99, "timestamp": 98, "ts": 96, "datetime": 95, "occurredat": 94, "occurred": 92, "observedat": 92, "observationtime": 92,
	"timems": 92, "timestampms": 92, "timestampmillis": 92, "unixtime": 90, "timeutc": 92, "utctime": 92, "timetag": 92, "measuredat": 92, "recordedat": 90, "sampledat": 90,
	"createdat": 90, "created": 88, "creationtime": 86, "createtime": 86, "createdutc": 88, "date": 85, "dateutc": 86, "pubdate": 87, "published": 87, "publishedat": 87, "publicationdate": 80, "sentat": 84,
	"tradetime": 95, "transacttime": 90, "microtimestamp": 94, "servertime": 60, "receivedat": 60, "dt": 80, "t": 80, "e": 70, "at": 78, "when": 78, "epoch": 78,
	"start": 60, "starttime": 62, "startedat": 64, "begin": 58, "onset": 58, "blocktime": 90, "blocktimestamp": 92, "dcdate": 80, "timesec": 92, "closetime": 50, "opentime": 86,
	"updated": 70, "updatedat": 70, "lastupdated": 70, "lastupdatedat": 70, "lastupdate": 70, "updatetime": 70, "lastmodified": 66, "modified": 66, "modifiedat": 66, "lastseen": 60, "lastreported": 66,
	"lastcontact": 60, "timeposition": 64, "lastchanged": 66, "changedat": 60, "lastrun": 40,
}

// bestTime is the leaf that is most likely the time.
func bestTime(all []*leaf) (best moment, found bool) {
	for _, l := range all {
		m, is := momentOf(l)
		if is && (!found || m.score > best.score) {
			best, found = m, true
		}
	}
	return best, found
}

func momentOf(l *leaf) (moment, bool) {
	m := moment{leaf: l}
	numeric := false
	for i, v := range l.values {
		t, is := text(v)
		if _, whole := v.(json.Number); whole {
			numeric = true
		}
		format := formatOf(t)
		if !is || format == "" || i > 0 && format != m.format {
			return m, false
		}
		m.format = format
	}
	if l.missing*2 > l.rows {
		return m, false
	}
	name := l.name()
	m.updates = strings.Contains(name, "updat") || strings.Contains(name, "modif") || strings.HasPrefix(name, "last") || strings.Contains(name, "changed")
	score, known := momentNames[name]
	first, _ := text(l.values[0])
	switch {
	case known:
		m.score = score
	case strings.Contains(name, "expir") || strings.Contains(name, "end") || strings.Contains(name, "until") || strings.Contains(name, "next") || strings.Contains(name, "birth") || strings.Contains(name, "sunrise") || strings.Contains(name, "sunset"):
		m.score = 10
	case strings.Contains(name, "time") || strings.Contains(name, "date") || strings.HasSuffix(name, "at") && m.format != formatPlain:
		m.score = 50
	case !numeric && !digits.MatchString(first):
		m.score = 30
	case strings.HasPrefix(name, "[") && len(strings.SplitN(first, ".", 2)[0]) >= 10, len(strings.SplitN(first, ".", 2)[0]) >= 13 && strings.HasSuffix(name, "ms"):
		m.score = 25
	default:
		return m, false // a number that might be anything
	}
	if m.score >= 60 && m.format == formatDate {
		m.score -= 15
	}
	m.score -= 2 * (len(l.path) - 1)
	return m, true
}

// recent is the median pause between the newest times, 0 where it can't be told.
func (m moment) recent() time.Duration {
	var times []time.Time
	for _, v := range m.leaf.values {
		t, _ := text(v)
		if at, err := messages.ParseTime(t); err == nil {
			times = append(times, at)
		}
	}
	return medianPause(times)
}
