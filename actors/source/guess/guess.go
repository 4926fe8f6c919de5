package guess

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"anode/actors/source/transform"
	"anode/messages/spec"
)

// Message is one that the feed sent.
type Message struct {
	Data    []byte
	Event   string
	Headers map[string]string
}

// Input is what is known of a feed.
type Input struct {
	// Given are the members of the spec that stand; url is one. They are kept.
	Given map[string]json.RawMessage
	// Kind is how it was asked.
	Kind     string
	Messages []Message
}

// Guess is a spec that was made.
type Guess struct {
	Spec *spec.Spec
	// YAML is its document, with remarks.
	YAML string
	// Split tells that the messages are split.
	Split bool
}

// ErrNothing marks an Input from which nothing can be guessed.
var ErrNothing = errors.New("nothing came that a spec could be guessed from")

// maxValues is the most values that are looked at.
const maxValues = 2000

// Of guesses a spec.
func Of(in Input) (*Guess, error) {
	if len(in.Messages) == 0 {
		return nil, ErrNothing
	}
	g := &guesser{in: in, doc: &document{given: in.Given}}
	if err := json.Unmarshal(in.Given["url"], &g.url); err != nil {
		return nil, ErrNothing
	}
	g.names = namesOf(g.url)
	g.parse = ParseOf(&in.Messages[0], g.url)
	if err := json.Unmarshal(in.Given["parse"], &g.parse); len(in.Given["parse"]) > 0 && err != nil {
		return nil, ErrNothing
	}
	var values []any
	for i := range in.Messages {
		m := &in.Messages[i]
		values = append(values, transform.Decode(g.parse, m.Data, m.Headers["content-type"], maxValues-len(values))...)
		if len(values) >= maxValues {
			break
		}
	}
	if len(values) == 0 {
		return nil, ErrNothing
	}
	return g.make(values)
}

// guesser makes one spec.
type guesser struct {
	in    Input
	url   string
	names []string
	parse string
	doc   *document
}

// stream tells that the feed sends what happens, where others are asked for what is.
func (g *guesser) stream() bool { return g.in.Kind != spec.KindREST }

func (g *guesser) make(values []any) (*Guess, error) {
	d := g.doc
	d.set("name", strings.Join(g.names, "-"))
	d.set("kind", g.in.Kind)
	d.raw("url", g.in.Given["url"])
	if g.parse != spec.ParseAuto {
		d.set("parse", g.parse)
	}
	values, where := g.mine(values)
	r := g.rowsOf(values)
	if r.remark != "" {
		d.remark("transform", r.remark)
	}
	if where != "" {
		d.set("transform.where", where)
	}
	if r.split != "" {
		d.set("transform.split", r.split)
	}
	role := cast(leavesOf(r.list))
	g.stand(role, r)
	if g.in.Kind == spec.KindREST {
		g.every(role)
	}
	text := d.yaml()
	s, err := spec.Parse([]byte(text), true)
	if err != nil {
		return nil, err
	}
	return &Guess{Spec: s, YAML: text, Split: r.split != ""}, nil
}

// rowsOf finds the rows of all messages; the split is that of the largest.
func (g *guesser) rowsOf(values []any) rows {
	if len(values) == 1 {
		return findRows(values[0], g.stream())
	}
	if g.parse == spec.ParseCSV || g.parse == spec.ParseNDJSON && !g.stream() { // rows already
		return rows{list: values[:min(len(values), mostSample)], count: len(values), remark: fmt.Sprintf("%d rows", len(values))}
	}
	splits := make(map[string]*rows)
	var best *rows
	for _, v := range values {
		found := findRows(v, g.stream())
		r := splits[found.split]
		if r == nil {
			r = &found
			splits[found.split] = r
		} else if len(r.list) < mostSample {
			r.list, r.count = append(r.list, found.list...), r.count+found.count
		}
		if best == nil || r.count > best.count {
			best = r
		}
	}
	return *best
}

// stand writes stream, key, native id, time and dedupe.
func (g *guesser) stand(role roles, r rows) {
	d := g.doc
	stream := strings.Join(g.names, ".")
	if role.key != nil && role.key.jq != "" && tokens(role.key) && strings.HasPrefix(role.key.jq, ".") {
		if _, err := spec.StreamPieces(stream + ".{" + inside(role.key.jq) + "}"); err == nil && (r.count > 1 || g.stream()) {
			stream += ".{" + inside(role.key.jq) + "}"
		}
	}
	d.set("stream", stream)
	if role.key != nil {
		d.set("key", role.key.jq)
	}
	at := ""
	if role.time != nil {
		at = expression(role.time.leaf.jq, role.time.format)
	}
	switch {
	case role.id != nil && role.things:
		d.remark("native_id", "what "+role.id.jq+" names changes: each of its states is one record")
		d.set("native_id", fmt.Sprintf(`"\(%s)/\(%s)"`, role.id.jq, role.time.leaf.jq))
	case role.id != nil:
		d.set("native_id", role.id.jq)
	case role.time != nil && !g.stream() && g.told(role, r):
		d.remark("native_id", "there is no id: what has the same key and time is the same")
		d.set("native_id", role.time.leaf.jq)
	}
	if at != "" {
		d.set("time", at)
	}
	switch {
	case g.stream():
	case role.time == nil && role.id != nil:
		if role.key == nil || !role.key.unique() && r.count > 1 {
			d.set("key", role.id.jq)
		}
		d.remark("dedupe", "there is no time: a record comes when something changed")
		d.block("dedupe", "{by: change}")
	case role.id == nil && role.time == nil && (r.count == 1 || role.key != nil && role.key.unique()):
		d.remark("dedupe", "a record comes when something changed")
		d.block("dedupe", "{by: change}")
	case role.id == nil && !d.has("native_id"):
		d.remark("dedupe", "no id tells what came before: a record with the same data is the same")
		d.block("dedupe", "{by: payload, window: 1h}")
	}
}

// told tells whether key and time together tell rows apart.
func (g *guesser) told(role roles, r rows) bool {
	if r.count == 1 {
		return true
	}
	if role.time.leaf.unique() {
		return true
	}
	if role.key == nil || role.key.missing > 0 || role.time.leaf.missing > 0 {
		return false
	}
	seen := make(map[string]bool)
	for i := range role.key.values {
		k, _ := text(role.key.values[i])
		t, _ := text(role.time.leaf.values[i])
		if seen[k+"\x00"+t] {
			return false
		}
		seen[k+"\x00"+t] = true
	}
	return true
}

// inside is a path as a stream template has it.
func inside(jq string) string { return strings.TrimPrefix(jq, ".") }

// every guesses how often to ask: as the feed says, or as often as something new is in it.
func (g *guesser) every(role roles) {
	if g.in.Given["rest"] != nil {
		return
	}
	headers := g.in.Messages[0].Headers
	every, why := 10*time.Second, ""
	if len(g.in.Messages[0].Data) > 256<<10 {
		every, why = time.Minute, "the answer is large"
	}
	if role.time != nil && role.time.format == formatPlain {
		if pause := role.time.recent(); pause >= time.Minute {
			every, why = min(pause/4, 5*time.Minute), "new data comes about each "+units(pause)
		}
	}
	if age, found := maxAge(headers["cache-control"]); found && age > every {
		every, why = age, "the feed lets answers be kept so long"
	}
	if seconds, err := strconv.Atoi(headers["x-poll-interval"]); err == nil && seconds > 0 && seconds <= 3600 {
		every, why = time.Duration(seconds)*time.Second, "the feed says so"
	}
	if why != "" {
		g.doc.remark("rest", why)
	}
	g.doc.set("rest.every", units(every))
}

func maxAge(header string) (time.Duration, bool) {
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		seconds, err := strconv.Atoi(strings.Trim(value, `"`))
		if strings.EqualFold(name, "max-age") && err == nil && seconds > 0 && seconds <= 3600 {
			return time.Duration(seconds) * time.Second, true
		}
	}
	return 0, false
}

// units is a duration in whole seconds, minutes or hours.
func units(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d >= time.Hour && d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d >= time.Minute && d%time.Minute == 0:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	case d >= 10*time.Minute:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	}
	return strconv.Itoa(max(1, int(d/time.Second))) + "s"
}

// ParseOf guesses how a message is parsed: auto for JSON.
func ParseOf(m *Message, address string) string {
	kind, _, err := mime.ParseMediaType(m.Headers["content-type"])
	if err != nil {
		kind = ""
	}
	data := bytes.TrimSpace(m.Data)
	if json.Valid(data) {
		return spec.ParseAuto
	}
	if lines := bytes.SplitN(data, []byte("\n"), 4); len(lines) > 1 && json.Valid(bytes.TrimSpace(lines[0])) && json.Valid(bytes.TrimSpace(lines[1])) {
		return spec.ParseNDJSON
	}
	ending := ""
	if u, err := url.Parse(address); err == nil {
		ending = strings.ToLower(path.Ext(u.Path))
	}
	switch {
	case bytes.HasPrefix(data, []byte("<?xml")), bytes.HasPrefix(data, []byte("<rss")), bytes.HasPrefix(data, []byte("<feed")),
		strings.HasSuffix(kind, "/xml") || strings.HasSuffix(kind, "+xml") && kind != "application/xhtml+xml":
		return spec.ParseXML
	case kind == "text/csv", ending == ".csv", kind == "text/tab-separated-values", ending == ".tsv":
		return spec.ParseCSV
	case (kind == "" || kind == "text/plain") && table(data):
		return spec.ParseCSV
	}
	return spec.ParseAuto
}

// table tells whether lines have the same number of delimiters, more than one field each.
func table(data []byte) bool {
	lines := bytes.Split(data, []byte("\n"))
	if len(lines) < 3 {
		return false
	}
	for _, delimiter := range []byte{',', ';', '\t', '|'} {
		n := bytes.Count(lines[0], []byte{delimiter})
		same := n > 0
		for _, line := range lines[1:min(len(lines), 6)] {
			same = same && bytes.Count(line, []byte{delimiter}) == n
		}
		if same {
			return true
		}
	}
	return false
}
