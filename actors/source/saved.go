package source

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"anode/messages"
)

const (
	statePrefix = "$state."
	// savedVersion is of what saved is written as.
	savedVersion = 1
	// maxSince is the most bytes of a state, as JSON; maxCursor of a feed's own place.
	maxSince, maxCursor = 64 << 10, 16 << 10
)

// saved is the data of a record on $state.<source>: what the source remembers once all records before
// it, and those in its batch, are stored.
type saved struct {
	Version int `json:"v"`
	// Turn is above that of the state it went on from; the newest state has the highest one.
	Turn uint64 `json:"turn"`
	// Of names the registration: one that was removed and registered again does not go on from it.
	Of string `json:"of,omitempty"`
	// Item is what it is the state of; absent where it is the source's.
	Item json.RawMessage `json:"item,omitempty"`
	// Since is the incremental state, and From what gave it: a spec that says otherwise begins anew.
	Since json.RawMessage `json:"since,omitempty"`
	From  string          `json:"from,omitempty"`
	// Cursor is the feed's own place, such as the last id of server-sent events.
	Cursor string `json:"cursor,omitempty"`
	// Walk is when a walk over pages began that has brought records and did not end: what was stored since
	// then does not tell that what follows is known too.
	Walk *time.Time `json:"walk,omitempty"`
	// Horizon is when the oldest record was received that deduplication still needs, and Seen what it remembers of
	// older ones. They have a stream of their own.
	Horizon *time.Time `json:"horizon,omitempty"`
	Seen    []byte     `json:"seen,omitempty"`
}

// encode writes it as JSON without white space: one goes with each message, so by hand. Item and Since
// are compact.
func (s *saved) encode() []byte {
	b := make([]byte, 0, 128+len(s.Item)+len(s.Since)+len(s.Cursor))
	b = append(b, `{"v":`...)
	b = strconv.AppendInt(b, int64(s.Version), 10)
	b = append(b, `,"turn":`...)
	b = strconv.AppendUint(b, s.Turn, 10)
	for _, text := range [...]struct{ name, value string }{{"of", s.Of}, {"from", s.From}, {"cursor", s.Cursor}} {
		if text.value != "" {
			b = append(append(append(b, `,"`...), text.name...), `":`...)
			b = messages.AppendQuoted(b, text.value)
		}
	}
	for _, raw := range [...]struct {
		name  string
		value json.RawMessage
	}{{"item", s.Item}, {"since", s.Since}} {
		if raw.value != nil {
			b = append(append(append(b, `,"`...), raw.name...), `":`...)
			b = append(b, raw.value...)
		}
	}
	for _, at := range [...]struct {
		name  string
		value *time.Time
	}{{"walk", s.Walk}, {"horizon", s.Horizon}} {
		if at.value != nil {
			b = append(append(append(b, `,"`...), at.name...), `":"`...)
			b = append(at.value.AppendFormat(b, time.RFC3339Nano), '"')
		}
	}
	if s.Seen != nil {
		b = base64.StdEncoding.AppendEncode(append(b, `,"seen":"`...), s.Seen)
		b = append(b, '"')
	}
	return append(b, '}')
}

// decodeSaved reads what encode wrote; fields that a later release adds are passed over.
func decodeSaved(payload []byte) (saved, error) {
	var s saved
	if err := json.Unmarshal(payload, &s); err != nil {
		return saved{}, err
	}
	if s.Version != savedVersion {
		return saved{}, fmt.Errorf("format version %d of a source's state is not known to this version", s.Version)
	}
	return s, nil
}

// after tells whether a state is newer than another one.
func after(turn uint64, at messages.HLC, otherTurn uint64, other messages.HLC) bool {
	return turn > otherTurn || turn == otherTurn && at > other
}

// windowStream is where the window of a source's deduplication is.
func windowStream(source string) messages.Stream { return stateStream(source, nil) + ".D" }

// stateStream is where the state of a source is, or that of one of its items, which is JSON: no two
// have the same. Names of sources have no upper case, so that what follows one is no part of it.
func stateStream(source string, item []byte) messages.Stream {
	if strings.Count(source, ".")+3 > messages.MaxStreamTokens {
		source = messages.StreamToken(source) + "-" + short([]byte(source))
	}
	name := statePrefix + source
	if item != nil {
		name += ".I" + short(item)
	}
	return messages.Stream(name)
}

// short tells texts apart, in 24 characters of A-Z and 2-7.
func short(text []byte) string {
	sum := sha256.Sum256(text)
	return base32.StdEncoding.EncodeToString(sum[:15])
}

// fromMark tells the texts of since.from apart.
func fromMark(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}
