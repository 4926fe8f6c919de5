package sessiontest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"anode/messages"
)

// mostMessage is the most bytes of a message with more than one record.
const mostMessage = 256 << 10

// Client follows one session of anode.v1.json, and fails its test where a rule is broken:
// positions of an origin only grow within a subscription, each record stands above what was
// seen and not above its message's pos, and no message of several records is above 256 KiB.
type Client struct {
	t    testing.TB
	Name string
	Out  *Pipe
	// Subs is what each subscription got.
	Subs map[string]*Received
	// Ended is the close message, once it came.
	Ended *Message
	// Rest is what came of a message that is not whole yet.
	Rest []byte
	// Said is what came last, for a failure to show.
	Said []string
}

// Received is what one subscription got.
type Received struct {
	// IDs are the records in order, Streams and Data theirs.
	IDs, Streams []string
	Data         []json.RawMessage
	// Loose are records without an id.
	Loose int
	// At is the highest position of each origin.
	At map[messages.NodeID]messages.Position
	// After is subscribed.after, nil until it came; Lives, Cursors and Gaps are what came of those.
	After   []string
	Lives   int
	Cursors []Message
	Gaps    []Message
	// Log is the ops in order, with what tells them apart.
	Log []string
	// Last: records at or below At are the newest that were asked for, until the first live.
	Last   bool
	Closed bool
}

// Message is a server's message.
type Message struct {
	Op, Sub, Stream, Pos, Origin, From, To, Reason, Code, Message, Node string
	After, Nodes                                                        []string
	Records                                                             []Record
}

// Record is a record in a message.
type Record struct {
	ID, Stream, Key string
	Data            json.RawMessage
}

// NewClient follows what is written to an outlet.
func NewClient(t testing.TB, name string, out *Pipe) *Client {
	return &Client{t: t, Name: name, Out: out, Subs: make(map[string]*Received)}
}

// Again follows another connection, with nothing known of what came before.
func (c *Client) Again(out *Pipe) {
	c.Out, c.Rest, c.Ended, c.Subs = out, nil, nil, make(map[string]*Received)
}

// fail ends the test with what came last.
func (c *Client) fail(format string, args ...any) {
	c.t.Helper()
	c.t.Fatalf("%s: %s\n%s", c.Name, fmt.Sprintf(format, args...), strings.Join(c.Said, "\n"))
}

// Sub is what a subscription got.
func (c *Client) Sub(name string) *Received {
	r := c.Subs[name]
	if r == nil {
		r = &Received{At: make(map[messages.NodeID]messages.Position)}
		c.Subs[name] = r
	}
	return r
}

// Read takes what was written, and makes room for so much more.
func (c *Client) Read(room int) {
	c.t.Helper()
	c.Rest = append(c.Rest, c.Out.Take(room)...)
	for {
		line, rest, ok := bytes.Cut(c.Rest, []byte{'\n'})
		if !ok {
			return
		}
		c.Rest = rest
		c.Said = append(c.Said[max(0, len(c.Said)-30):], string(line[:min(len(line), 200)]))
		var m Message
		if err := json.Unmarshal(line, &m); err != nil {
			c.fail("%q: %v", line, err)
		}
		if len(line) > mostMessage && len(m.Records) > 1 {
			c.fail("a message of %d records has %d bytes", len(m.Records), len(line))
		}
		c.take(m)
	}
}

func (c *Client) take(m Message) {
	c.t.Helper()
	if m.Op == "closed" {
		c.Ended = &m
		return
	}
	r := c.Sub(m.Sub)
	if r.Closed && m.Op == "subscribed" { // the name is used again
		*r = Received{At: make(map[messages.NodeID]messages.Position), Last: r.Last}
	}
	r.Log = append(r.Log, m.Op+m.Reason)
	if r.Closed {
		c.fail("%s came after unsubscribed", m.Op)
	}
	if r.After == nil && m.Op != "error" && m.Op != "subscribed" {
		c.fail("%s came before subscribed", m.Op)
	}
	switch m.Op {
	case "subscribed":
		if r.After != nil {
			c.fail("subscribed twice")
		}
		r.After = m.After
		r.move(c, m.After)
	case "records":
		c.records(r, m)
	case "gap":
		r.Gaps = append(r.Gaps, m)
		if m.Reason != "late" {
			r.advance(c, c.position(m.To))
		}
	case "cursor":
		r.Cursors = append(r.Cursors, m)
		r.move(c, m.After)
	case "live":
		r.Lives++
	case "unsubscribed":
		r.Closed = true
	default:
		c.fail("%+v", m)
	}
}

func (c *Client) records(r *Received, m Message) {
	c.t.Helper()
	if m.Pos == "" {
		r.Loose += len(m.Records)
		return
	}
	pos := c.position(m.Pos)
	for _, rec := range m.Records {
		p := c.position(rec.ID)
		if rec.Stream != m.Stream {
			c.fail("%s: a record of %s in a message of %s", m.Sub, rec.Stream, m.Stream)
		}
		early := r.Last && r.Lives == 0
		if at, ok := r.At[p.Origin]; ok && at.Compare(p) >= 0 && !early {
			c.fail("%s: %s came at or below %s", m.Sub, p, at)
		}
		if p.Compare(pos) > 0 {
			c.fail("%s: %s is beyond its message's %s", m.Sub, p, pos)
		}
		r.IDs, r.Streams, r.Data = append(r.IDs, rec.ID), append(r.Streams, rec.Stream), append(r.Data, rec.Data)
	}
	if at, ok := r.At[pos.Origin]; r.Last && r.Lives == 0 && ok && at.Compare(pos) >= 0 {
		return
	}
	r.advance(c, pos)
}

func (c *Client) position(text string) messages.Position {
	c.t.Helper()
	p, err := messages.ParsePosition(text)
	if err != nil {
		c.fail("%v", err)
	}
	return p
}

func (r *Received) move(c *Client, list []string) {
	c.t.Helper()
	for _, text := range list {
		if text[0] != '@' {
			r.advance(c, c.position(text))
		}
	}
}

func (r *Received) advance(c *Client, p messages.Position) {
	c.t.Helper()
	if at, ok := r.At[p.Origin]; ok && at.Compare(p) > 0 {
		c.fail("went back from %s to %s", at, p)
	}
	r.At[p.Origin] = p
}

// Cursor is what a client that resumes sends.
func (r *Received) Cursor() messages.Cursor {
	var c messages.Cursor
	for _, text := range r.After {
		if text[0] == '@' {
			d, _ := messages.ParseCursor([]string{text}) // the server wrote it
			ms, _ := d.From()
			c.SetFrom(ms)
		}
	}
	for _, p := range r.At {
		c.Advance(p)
	}
	return c
}
