package chaos

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// shortestStay and longestStay bound how long a reader stays on a node before it moves.
	shortestStay, longestStay = 300 * time.Millisecond, 6 * time.Second
	// connectPatience bounds a connection to a node.
	connectPatience = 2 * time.Second
	// readLimit is what the contract asks of a client.
	readLimit = 2 << 20
	// everything is the pattern of all that publishers publish.
	everything = "chaos.>"
)

// reader reads all, on one node after the other, and keeps what it saw.
type reader struct {
	run *run
	rng *rand.Rand
	// settle is closed when it is to stay where it is.
	settle <-chan struct{}

	mu  sync.Mutex // guards what follows
	log Reader
	at  Cursor
	// since is the cursor's @ms, of who began with the latest.
	since string
}

// start is what the next session begins with; empty is the beginning, or what is latest. mu is held.
func (r *reader) start() []string {
	list := r.at.List()
	if r.since != "" {
		list = append(list, r.since)
	}
	return list
}

// take takes in a message.
func (r *reader) take(session int, m Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.log.Sessions[session]
	s.Messages = append(s.Messages, m)
	r.at.seen(&m)
	for _, id := range m.After {
		if strings.HasPrefix(id, "@") {
			r.since = id
		}
	}
}

// request is a subscription to everything.
func (r *reader) request(after []string) []byte {
	var start any = map[string]any{"after": after}
	if len(after) == 0 && r.log.Latest {
		start = "latest"
	}
	text, err := json.Marshal(map[string]any{"op": "subscribe", "sub": "1", "streams": []string{everything}, "start": start})
	if err != nil {
		panic(err) // text only
	}
	return text
}

// read runs until ctx ends.
func (r *reader) read(ctx context.Context) {
	for ctx.Err() == nil {
		node := r.run.mesh.nodes[r.rng.IntN(len(r.run.mesh.nodes))]
		if node.State() == Stopped || !r.session(ctx, node) {
			sleep(ctx, retryPause)
		}
	}
}

// session reads on one node until it is time to move; false is that no connection came about.
func (r *reader) session(ctx context.Context, node *Node) bool {
	dialing, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	d := websocket.Dialer{Subprotocols: []string{"anode.v1.json"}}
	conn, res, err := d.DialContext(dialing, "ws"+strings.TrimPrefix(node.URL, "http")+"/api/v1/subscribe", nil)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	conn.SetReadLimit(readLimit)
	defer context.AfterFunc(ctx, func() { cut(conn) })()
	defer cut(conn)

	r.mu.Lock()
	after := r.start()
	r.log.Sessions = append(r.log.Sessions, Session{Node: node.Name, After: after, Begin: r.run.now()})
	mine := len(r.log.Sessions) - 1
	r.mu.Unlock()
	err = conn.WriteMessage(websocket.TextMessage, r.request(after))
	for move := r.moveAt(); err == nil; {
		err = r.message(conn, node, move, mine)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log.Sessions[mine].End, r.log.Sessions[mine].Why = r.run.now(), err.Error()
	return true
}

// moveAt is when a reader moves on.
func (r *reader) moveAt() time.Time {
	return time.Now().Add(shortestStay + time.Duration(r.rng.Int64N(int64(longestStay-shortestStay))))
}

// message takes in one message; an error is the end of the session.
func (r *reader) message(conn *websocket.Conn, node *Node, move time.Time, mine int) error {
	// Who is settled stays, unless his node goes.
	select {
	case <-r.settle:
		if node.State() == Running {
			move = time.Now().Add(longestStay * 10)
		}
	default:
	}
	if err := conn.SetReadDeadline(move); err != nil {
		return err
	}
	_, text, err := conn.ReadMessage()
	if err != nil {
		return err
	}
	m, err := parseMessage(text)
	if err != nil {
		return err
	}
	r.take(mine, m)
	return nil
}

// behind tells whether there is an origin of which the reader has not come to the given position.
func (r *reader) behind(heads Cursor) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for origin, head := range heads {
		if r.at[origin].Compare(head) < 0 {
			return true
		}
	}
	return false
}

// cut ends a connection without a word.
func cut(conn *websocket.Conn) {
	if tcp, ok := conn.UnderlyingConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
