package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"anode/messages"
	"anode/messages/command"
)

// Record is what a Reader got.
type Record struct {
	// Position is where it stands; zero for records without one, as those of $status.
	Position messages.Position
	Stream   string
	Data     json.RawMessage
}

// Gap says that what stands between two positions of an origin is not to be had.
type Gap struct {
	From, To messages.Position
	Reason   string
}

// Reader is a subscriber that remembers all it got, also over nodes. It is safe for concurrent use.
type Reader struct {
	patterns []string

	mu sync.Mutex // guards what follows; the outlet's is taken under it
	// out is the present connection, end ends it; nil where there was none.
	out     *outlet
	end     func()
	rest    []byte
	records []Record
	gaps    []Gap
	cursor  messages.Cursor
	live    bool
	ended   error
}

// Subscribe subscribes to streams, by the way of any client's session. What comes is to be read with Records and Gaps.
func (n *Node) Subscribe(ctx context.Context, start command.Start, patterns ...string) (*Reader, error) {
	r := &Reader{patterns: patterns}
	if err := r.connect(ctx, n, start); err != nil {
		return nil, err
	}
	return r, nil
}

// Move ends its connection, and goes on at another node from its cursor, as a client does.
func (r *Reader) Move(ctx context.Context, to *Node) error {
	r.Close()
	at := r.Cursor()
	return r.connect(ctx, to, command.Start{After: &at})
}

// Close ends its connection. What it got can be read still.
func (r *Reader) Close() {
	r.mu.Lock()
	end := r.end
	r.take()
	r.out = nil
	r.mu.Unlock()
	if end != nil {
		end()
	}
}

func (r *Reader) connect(ctx context.Context, n *Node, start command.Start) error {
	fail := func(err error) error { return fmt.Errorf("subscribe at %s: %w", n.Name(), err) }
	l, err := n.alive()
	if err != nil {
		return fail(err)
	}
	out := &outlet{}
	session, err := command.Ask(ctx, l.node, command.OpenSession{Outlet: out, Remote: "simulated"})
	if err != nil {
		return fail(err)
	}
	end := sync.OnceFunc(func() {
		out.Close()
		session.Hangup()
	})
	n.cluster.work.Go(func() {
		select {
		case <-session.Gone():
		case <-l.over:
		}
		end()
	})
	r.mu.Lock()
	r.out, r.end, r.rest, r.live, r.ended = out, end, nil, false, nil
	r.mu.Unlock()
	if err := session.Ask(ctx, command.Subscribe{Sub: "1", Streams: r.patterns, Start: start}); err != nil {
		end()
		return fail(err)
	}
	return nil
}

// Records are all that came so far, in order. The list must not be changed.
func (r *Reader) Records() []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.take()
	return r.records[:len(r.records):len(r.records)]
}

// Gaps are all that came so far, in order. The list must not be changed.
func (r *Reader) Gaps() []Gap {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.take()
	return r.gaps[:len(r.gaps):len(r.gaps)]
}

// Cursor is what it has seen.
func (r *Reader) Cursor() messages.Cursor {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.take()
	return r.cursor.Clone()
}

// Live tells whether the node has said that it has given all that there was.
func (r *Reader) Live() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.take()
	return r.live
}

// ErrCut is why a connection ended of which the node said nothing.
var ErrCut = errors.New("the connection is lost")

// Ended is why the connection has ended, ErrCut where the node said nothing; nil while it has not, and after Close.
func (r *Reader) Ended() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.take()
	return r.ended
}

// message is a message of anode.v1.json.
type message struct {
	Op, Stream, From, To, Reason, Code, Message string
	Pos                                         string
	After                                       []string
	Records                                     []struct {
		ID   string
		Data json.RawMessage
	}
}

// take reads what was written. Its caller has mu.
func (r *Reader) take() {
	if r.out == nil || r.ended != nil {
		return
	}
	written, closed := r.out.take()
	r.rest = append(r.rest, written...)
	for {
		line, rest, ok := bytes.Cut(r.rest, []byte{'\n'})
		if !ok {
			if closed {
				r.ended = ErrCut
			}
			return
		}
		r.rest = rest
		if err := r.heed(line); err != nil {
			r.ended = err
			return
		}
	}
}

// heed takes a message in; an error is the end.
func (r *Reader) heed(line []byte) error {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		return fmt.Errorf("a message that is none, %q: %w", line, err)
	}
	switch m.Op {
	case "subscribed", "cursor":
		return r.moveTo(m.After)
	case "records":
		return r.add(&m)
	case "gap":
		return r.skip(&m)
	case "live":
		r.live = true
	case "error":
		return fmt.Errorf("refused: %s %s", m.Code, m.Message)
	case "closed":
		return errors.New(m.Message)
	}
	return nil
}

func (r *Reader) moveTo(list []string) error {
	c, err := messages.ParseCursor(list)
	if err != nil {
		return err
	}
	if _, timed := c.From(); !timed {
		r.cursor.Merge(c)
		return nil
	}
	c.Merge(r.cursor)
	r.cursor = c
	return nil
}

func (r *Reader) add(m *message) error {
	for _, one := range m.Records {
		record := Record{Stream: m.Stream, Data: one.Data}
		if one.ID != "" {
			var err error
			if record.Position, err = messages.ParsePosition(one.ID); err != nil {
				return err
			}
		}
		r.records = append(r.records, record)
	}
	if m.Pos == "" {
		return nil
	}
	return r.advance(m.Pos)
}

func (r *Reader) skip(m *message) error {
	from, errFrom := messages.ParsePosition(m.From)
	to, errTo := messages.ParsePosition(m.To)
	if err := errors.Join(errFrom, errTo); err != nil {
		return err
	}
	r.gaps = append(r.gaps, Gap{from, to, m.Reason})
	if m.Reason == "late" {
		return nil // it stands behind what was seen
	}
	return r.advance(m.To)
}

func (r *Reader) advance(text string) error {
	p, err := messages.ParsePosition(text)
	if err == nil {
		r.cursor.Advance(p)
	}
	return err
}
