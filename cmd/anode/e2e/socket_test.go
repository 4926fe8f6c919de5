package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// message is one message of the node.
type message struct {
	Op      string   `json:"op"`
	Sub     string   `json:"sub"`
	Stream  string   `json:"stream"`
	Pos     string   `json:"pos"`
	After   []string `json:"after"`
	From    string   `json:"from"`
	To      string   `json:"to"`
	Reason  string   `json:"reason"`
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Records []record `json:"records"`
}

// subscription is a client's side of one subscription, over any number of connections.
type subscription struct {
	streams []string
	start   any // of the first connection
	where   string

	cursor *cursor // nil before the first "subscribed"
	got    []record
	gaps   []message
	live   int
	// within guards the promises of one connection: what was delivered on it.
	within map[string]bool
	last   map[string]position // by origin and stream
	faults []string
}

func (s *subscription) request(sub string) []byte {
	start := s.start
	if s.cursor != nil {
		start = map[string]any{"after": s.cursor.list()}
	}
	s.within, s.last = map[string]bool{}, map[string]position{}
	text, err := json.Marshal(map[string]any{"op": "subscribe", "sub": sub, "streams": s.streams, "start": start, "where": s.where})
	if err != nil {
		panic(err)
	}
	return text
}

// take takes in a message, and notes what breaks a promise.
func (s *subscription) take(m message) {
	if s.cursor == nil && m.Op == "subscribed" {
		s.cursor = newCursor()
	}
	switch m.Op {
	case "subscribed", "cursor":
		s.cursor.see(m.After...)
	case "live":
		s.live++
	case "gap":
		s.gaps = append(s.gaps, m)
		s.cursor.see(m.To)
	case "error":
		s.faults = append(s.faults, m.Code+": "+m.Message)
	case "records":
		for _, r := range m.Records {
			s.record(r)
		}
		if m.Pos != "" {
			s.cursor.see(m.Pos)
		}
	}
}

func (s *subscription) record(r record) {
	p := parsePosition(r.ID)
	switch line := p.origin + " " + r.Stream; {
	case s.within[r.ID]:
		s.faults = append(s.faults, "delivered twice within a subscription: "+r.ID)
	case s.last[line].origin != "" && !p.above(s.last[line]):
		s.faults = append(s.faults, fmt.Sprintf("out of order: %s after %v", r.ID, s.last[line]))
	default:
		s.last[line] = p
	}
	s.within[r.ID] = true
	if !s.cursor.covers(r.ID) {
		s.got = append(s.got, r)
	}
}

// subscriber is a client with several subscriptions on one socket.
type subscriber struct {
	mu   sync.Mutex
	subs map[string]*subscription
	conn *websocket.Conn
}

// connect opens a socket and subscribes all.
func (c *subscriber) connect(url string) error {
	dialer := websocket.Dialer{Subprotocols: []string{"anode.v1.json"}, HandshakeTimeout: 5 * time.Second}
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/api/v1/subscribe", nil)
	if err != nil {
		return err
	}
	conn.SetReadLimit(2 << 20)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
	for name, s := range c.subs {
		if err := conn.WriteMessage(websocket.TextMessage, s.request(name)); err != nil {
			return err
		}
	}
	return nil
}

// read takes messages until the connection ends.
func (c *subscriber) read() error {
	for {
		_, text, err := c.conn.ReadMessage()
		if err != nil {
			return err
		}
		var m message
		if err := json.Unmarshal(text, &m); err != nil {
			return err
		}
		c.mu.Lock()
		if s := c.subs[m.Sub]; s != nil {
			s.take(m)
		}
		c.mu.Unlock()
	}
}

// cut ends the connection without a word, in the middle of whatever is under way.
func (c *subscriber) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		if tcp, ok := c.conn.UnderlyingConn().(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.conn.Close()
	}
}

// count is what a subscription has.
func (c *subscriber) count(sub string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.subs[sub].got)
}

// events is a client of server-sent events, over any number of connections.
type events struct {
	mu     sync.Mutex
	id     string
	got    []record
	gaps   int
	cancel func()
}

// read reads one connection to its end. Records that no id stands behind yet come again.
func (e *events) read(url, pattern string) error {
	r, err := http.NewRequest(http.MethodGet, url+"/api/v1/streams/"+pattern+"/events", nil)
	if err != nil {
		return err
	}
	e.mu.Lock()
	if e.id != "" {
		r.Header.Set("Last-Event-ID", e.id)
	} else {
		r.URL.RawQuery = "start=earliest"
	}
	e.mu.Unlock()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("events: %s", res.Status)
	}
	e.mu.Lock()
	e.cancel = func() { _ = res.Body.Close() }
	e.mu.Unlock()
	s := bufio.NewScanner(res.Body)
	s.Buffer(nil, 4<<20)
	var pending []record
	var id, event string
	var data []string
	for s.Scan() {
		name, value, _ := strings.Cut(s.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case s.Text() == "":
			if len(data) > 0 && event == "" {
				var r record
				if err := json.Unmarshal([]byte(strings.Join(data, "\n")), &r); err != nil {
					return err
				}
				pending = append(pending, r)
			}
			e.mu.Lock()
			if event == "gap" {
				e.gaps++
			}
			if id != "" {
				e.id = id
				e.got, pending = append(e.got, pending...), nil
			}
			e.mu.Unlock()
			id, event, data = "", "", nil
		case name == "id":
			id = value
		case name == "event":
			event = value
		case name == "data":
			data = append(data, value)
		}
	}
	return s.Err()
}

// cut ends the connection.
func (e *events) cut() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cancel != nil {
		e.cancel()
	}
}

// missing compares what came with what is to come, in order within each stream.
func missing(t *testing.T, who string, want, got []record) {
	t.Helper()
	count := map[string]int{}
	for _, r := range got {
		count[r.ID]++
	}
	lost, twice := 0, 0
	for _, r := range want {
		switch n := count[r.ID]; {
		case n == 0:
			lost++
		case n > 1:
			twice++
		}
		delete(count, r.ID)
	}
	if lost+twice+len(count) > 0 {
		t.Errorf("%s: of %d records %d are missing, %d came twice, %d were not to come", who, len(want), lost, twice, len(count))
	}
}
