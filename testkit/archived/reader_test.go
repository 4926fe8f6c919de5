package archived_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anode/testkit/chaos"
)

// record is a record as nodes give it.
type record struct {
	ID     string          `json:"id"`
	Stream string          `json:"stream"`
	Key    string          `json:"key"`
	Native string          `json:"native_id"`
	Time   time.Time       `json:"time"`
	Kind   string          `json:"content_type"`
	Data   json.RawMessage `json:"data"`
	Text   string          `json:"text"`
	Base64 string          `json:"base64"`
}

func (r *record) datum() datum {
	d := datum{stream: r.Stream, key: r.Key, native: r.Native, time: r.Time, kind: r.Kind, payload: append(r.Data, r.Text...)}
	if r.Base64 != "" {
		d.payload, _ = base64.StdEncoding.DecodeString(r.Base64) // what can't be read is another hash
	}
	return d
}

// message is what a node says to a subscriber.
type message struct {
	Op, Origin, From, To, Reason, Code, Message string
	Pos                                         string
	After                                       []string
	Records                                     []record
}

// seen is what a reader got. It is for many goroutines.
type seen struct {
	mu   sync.Mutex // guards what follows
	got  contents
	at   chaos.Cursor
	gaps []message
	// faults are broken promises: what came twice, or out of order.
	faults []error
	// beats counts cursors that were told, live is that it was told once.
	beats int
	live  bool
	// late are times from a record's own to its arrival.
	late []time.Duration
}

func newSeen() *seen { return &seen{got: make(contents), at: make(chaos.Cursor)} }

// record takes one in.
func (s *seen) record(r *record) {
	p, ok := chaos.ParsePosition(r.ID)
	switch _, is := s.got[r.ID]; {
	case !ok:
		s.faults = append(s.faults, fmt.Errorf("a record has the id %q", r.ID))
	case is:
		s.faults = append(s.faults, fmt.Errorf("%s came twice", r.ID))
	case p.Compare(s.at[p.Origin]) <= 0:
		s.faults = append(s.faults, fmt.Errorf("%s came after %s", r.ID, s.at[p.Origin]))
	}
	d := r.datum()
	s.got[r.ID] = d.hash()
	s.at.See(r.ID)
	s.late = append(s.late, time.Since(r.Time))
}

// take takes in a message.
func (s *seen) take(m *message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m.Op {
	case "records":
		for i := range m.Records {
			s.record(&m.Records[i])
		}
		s.at.See(m.Pos)
	case "subscribed":
		s.at.See(m.After...)
	case "cursor":
		s.beats++
		s.at.See(m.After...)
	case "live":
		s.live = true
	case "gap":
		s.gaps = append(s.gaps, *m)
		s.at.See(m.To)
	default:
		s.faults = append(s.faults, fmt.Errorf("%s %s %s", m.Op, m.Code, m.Message))
	}
}

// cursor is what it has seen.
func (s *seen) cursor() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at.List()
}

// lates takes the times to the arrival of what came since the last call.
func (s *seen) lates() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.late
	s.late = nil
	return list
}

func (s *seen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

// heartbeats is how many cursors were told.
func (s *seen) heartbeats() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beats
}

// wrong is what was told that ought not to be.
func (s *seen) wrong() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	faults := slices.Clone(s.faults)
	for i := range s.gaps {
		faults = append(faults, fmt.Errorf("a gap (%s) from %s to %s", s.gaps[i].Reason, s.gaps[i].From, s.gaps[i].To))
	}
	return errors.Join(faults...)
}

// is waits until all of something was got, and demands that it was nothing else, each record once and no gap.
func (s *seen) is(t testing.TB, who string, want contents, patience time.Duration) {
	t.Helper()
	begin := time.Now()
	for s.count() < len(want) && time.Since(begin) < patience && s.wrong() == nil {
		pause(t, 20*time.Millisecond)
	}
	s.mu.Lock()
	err := s.got.differs(want)
	s.mu.Unlock()
	if err = errors.Join(err, s.wrong()); err != nil {
		t.Errorf("%s: %.2000v", who, err)
		return
	}
	t.Logf("%s got %d in %s", who, len(want), time.Since(begin).Round(time.Millisecond))
}

// follow subscribes at a node until the test ends, or stop is called.
func follow(t testing.TB, n *chaos.Node, start any, patterns ...string) (s *seen, stop func()) {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"anode.v1.json"}}
	conn, res, err := d.DialContext(t.Context(), "ws"+strings.TrimPrefix(n.URL, "http")+"/api/v1/subscribe", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	const limit = 2 << 20 // as the contract says
	conn.SetReadLimit(limit)
	ask := map[string]any{"op": "subscribe", "sub": "1", "streams": patterns, "start": start}
	if err := conn.WriteJSON(ask); err != nil {
		t.Fatal(err)
	}
	s = newSeen()
	var ended sync.WaitGroup
	var once sync.Once
	closing := make(chan struct{})
	stop = func() {
		once.Do(func() {
			close(closing)
			_ = conn.Close()
		})
		ended.Wait()
	}
	t.Cleanup(stop)
	ended.Go(func() {
		for {
			var m message
			if err := conn.ReadJSON(&m); err != nil {
				select {
				case <-closing:
				default:
					m = message{Op: "error", Message: err.Error()}
					s.take(&m)
				}
				return
			}
			s.take(&m)
		}
	})
	return s, stop
}

// isLive waits until a subscription was told that it is live.
func (s *seen) isLive(t testing.TB) {
	t.Helper()
	eventually(t, "the subscription is live", 20*time.Second, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.live {
			return errors.New("it is not")
		}
		return nil
	})
}
