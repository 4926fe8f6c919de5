package archived_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"anode/testkit/chaos"
)

// datum is what is compared of a record.
type datum struct {
	stream, key, native string
	time                time.Time
	// kind is the content type; empty for JSON.
	kind    string
	payload []byte
}

// hash is over all of it.
func (d *datum) hash() uint64 {
	h := fnv.New64a()
	for _, text := range []string{d.stream, d.key, d.native, strconv.FormatInt(d.time.UnixNano(), 10), d.kind} {
		_, _ = h.Write([]byte(text))
		_, _ = h.Write([]byte{0})
	}
	_, _ = h.Write(d.payload)
	return h.Sum64()
}

// contents are records by their ids, as hashes.
type contents map[string]uint64

// ledger knows what was published and acknowledged. It is for many goroutines.
type ledger struct {
	// prefix is what its streams begin with.
	prefix  string
	streams int
	pad     int

	mu     sync.Mutex // guards what follows
	rng    *rand.Rand
	number int
	acked  contents
	// of is the stream of each id.
	of map[string]string
	// maybe are the hashes of what was refused: some of a request may be stored.
	maybe map[uint64]bool
}

func newLedger(rng *rand.Rand, prefix string, streams, pad int) *ledger {
	return &ledger{prefix: prefix, streams: streams, pad: pad, rng: rng, acked: make(contents), of: make(map[string]string), maybe: make(map[uint64]bool)}
}

// stream is the name of one, all the pattern of all, half that of every other one.
func (l *ledger) stream(i int) string {
	return fmt.Sprintf("%s.%s.s%d", l.prefix, []string{"even", "odd"}[i%2], i)
}
func (l *ledger) all() string  { return l.prefix + ".>" }
func (l *ledger) half() string { return l.prefix + ".even.>" }

// inHalf tells whether a stream is of half.
func (l *ledger) inHalf(stream string) bool { return strings.HasPrefix(stream, l.prefix+".even.") }

// sentRecord is a record as the API takes it.
type sentRecord struct {
	Stream string          `json:"stream"`
	Key    string          `json:"key"`
	Native string          `json:"native_id"`
	Time   time.Time       `json:"time"`
	Kind   string          `json:"content_type,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
	Text   *string         `json:"text,omitempty"`
	Base64 []byte          `json:"base64,omitempty"`
}

// draw draws records: most are JSON, and some are text or bytes. Their times are now, in ns.
func (l *ledger) draw(count int) (drawn []datum, body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]sentRecord, count)
	for i := range list {
		l.number++
		const kinds = 32
		d := datum{
			stream: l.stream(l.number % l.streams), key: fmt.Sprint("k", l.rng.IntN(9)), native: strconv.Itoa(l.number), time: time.Now().UTC(),
			payload: fmt.Appendf(nil, `{"n":%d,"x":%d.50,"pad":%q}`, l.number, l.rng.IntN(1000), l.noise(l.pad)),
		}
		sent := sentRecord{Stream: d.stream, Key: d.key, Native: d.native, Time: d.time}
		switch l.rng.IntN(kinds) {
		case 0:
			d.kind, d.payload = "text/plain", fmt.Appendf(nil, "no. %d, „%s“", l.number, l.noise(l.pad))
			text := string(d.payload)
			sent.Kind, sent.Text = d.kind, &text
		case 1:
			d.kind, d.payload = "application/octet-stream", fmt.Appendf(nil, "\x00\xff%d", l.number)
			sent.Kind, sent.Base64 = d.kind, d.payload
		default:
			sent.Data = d.payload
		}
		list[i], drawn = sent, append(drawn, d)
	}
	body, err := json.Marshal(map[string]any{"records": list})
	if err != nil {
		panic(err) // text and numbers
	}
	return drawn, body
}

// noise is text that hardly compresses. mu is held.
func (l *ledger) noise(length int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var b strings.Builder
	for range length {
		b.WriteByte(letters[l.rng.IntN(len(letters))])
	}
	return b.String()
}

// errRefused tells that a node did not acknowledge.
var errRefused = errors.New("refused")

// publish publishes as many records at once, and takes in what is acknowledged: all or none.
func (l *ledger) publish(ctx context.Context, n *chaos.Node, count int) error {
	drawn, body := l.draw(count)
	status, answer, err := n.Do(ctx, http.MethodPost, "/api/v1/records", "application/vnd.anode.records+json", body)
	if err != nil {
		return err
	}
	var told struct {
		Records []struct{ ID string }
	}
	if status != http.StatusCreated {
		l.doubt(drawn)
		return fmt.Errorf("%w: %d %.300s", errRefused, status, answer)
	}
	if err := json.Unmarshal(answer, &told); err != nil || len(told.Records) != count {
		return fmt.Errorf("%d records are answered by %.300s: %w", count, answer, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range drawn {
		id := told.Records[i].ID
		if id == "" {
			return fmt.Errorf("record %d of %d is not acknowledged: %.300s", i, count, answer)
		}
		l.acked[id], l.of[id] = drawn[i].hash(), drawn[i].stream
	}
	return nil
}

// doubt takes in that it is not known of some records whether they are stored.
func (l *ledger) doubt(drawn []datum) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range drawn {
		l.maybe[drawn[i].hash()] = true
	}
}

// certain is contents without what was refused.
func (l *ledger) certain(c contents) contents {
	l.mu.Lock()
	defer l.mu.Unlock()
	c = maps.Clone(c)
	maps.DeleteFunc(c, func(_ string, hash uint64) bool { return l.maybe[hash] })
	return c
}

// bulk publishes so many records, or a few less, by some publishers, each so many at a time and as fast as they are acknowledged.
func (l *ledger) bulk(t testing.TB, count, publishers, each int, nodes ...*chaos.Node) {
	t.Helper()
	begin := time.Now()
	var work sync.WaitGroup
	errs := make([]error, publishers)
	for p := range publishers {
		work.Go(func() {
			for range count / publishers / each {
				if errs[p] = l.publish(t.Context(), nodes[p%len(nodes)], each); errs[p] != nil {
					return
				}
			}
		})
	}
	work.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	count -= count % (publishers * each)
	t.Logf("%d records are published: %.0f/s", count, float64(count)/time.Since(begin).Seconds())
}

// steady publishes at a rate until stop is called, which gives the times to the acknowledgement, and the first error. Nothing is tried
// again.
func (l *ledger) steady(ctx context.Context, n *chaos.Node, rate float64) (stop func() ([]time.Duration, error)) {
	ctx, cancel := context.WithCancel(ctx)
	var times []time.Duration
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		for begin, sent := time.Now(), 0; ctx.Err() == nil; {
			due := int(time.Since(begin).Seconds()*rate) - sent
			if due = min(due, mostSteady); due > 0 {
				at := time.Now()
				// What was begun has an outcome.
				if failed = l.publish(context.WithoutCancel(ctx), n, due); failed != nil {
					return
				}
				sent += due
				times = append(times, time.Since(at))
			}
			if due < mostSteady {
				select {
				case <-ctx.Done():
				case <-time.After(steadyPause):
				}
			}
		}
	}()
	return func() ([]time.Duration, error) {
		cancel()
		<-done
		return times, failed
	}
}

const (
	// steadyPause lies between two requests of steady, unless it is late.
	steadyPause = 10 * time.Millisecond
	// mostSteady are the most records of one.
	mostSteady = 500
)

// snapshot is what was acknowledged until now, of streams of which want says true; nil is all.
func (l *ledger) snapshot(want func(stream string) bool) contents {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := maps.Clone(l.acked)
	if want != nil {
		maps.DeleteFunc(all, func(id string, _ uint64) bool { return !want(l.of[id]) })
	}
	return all
}

// after is what was acknowledged that stands above a cursor.
func (c contents) after(at chaos.Cursor) contents {
	rest := make(contents)
	for id, hash := range c {
		if p, ok := chaos.ParsePosition(id); ok && p.Compare(at[p.Origin]) > 0 {
			rest[id] = hash
		}
	}
	return rest
}

// differs says how some contents are not what they are to be; nil is that they are.
func (c contents) differs(want contents) error {
	var missing, extra, other []string
	for id, hash := range want {
		switch got, is := c[id]; {
		case !is:
			missing = append(missing, id)
		case got != hash:
			other = append(other, id)
		}
	}
	for id := range c {
		if _, is := want[id]; !is {
			extra = append(extra, id)
		}
	}
	if len(missing)+len(extra)+len(other) == 0 {
		return nil
	}
	return fmt.Errorf("of %d %d are missing (%s), %d are other than published (%s), and %d are too many (%s)",
		len(want), len(missing), some(missing), len(other), some(other), len(extra), some(extra))
}

// some are the first and the last of a list.
func some(list []string) string {
	slices.SortFunc(list, func(a, b string) int {
		p, _ := chaos.ParsePosition(a)
		q, _ := chaos.ParsePosition(b)
		return p.Compare(q)
	})
	if most := 3; len(list) > most {
		list = []string{list[0], list[1], "…", list[len(list)-1]}
	}
	return strings.Join(list, " ")
}
