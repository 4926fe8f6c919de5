package feeds

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Event is what a line of a capture tells.
type Event uint8

// The events of a capture.
const (
	// Connected is a connection that was opened.
	Connected Event = iota + 1
	// Sent is a frame that the client sent.
	Sent
	// Frame is a frame that the server sent.
	Frame
	// Answered is an answer over HTTP.
	Answered
)

// Entry is one line of a capture.
type Entry struct {
	Event Event
	// At is when it came, to the digits that the line has.
	At time.Time
	// URL is set for all but frames.
	URL string
	// Body is the frame or the answer's body; nil for Connected.
	Body []byte
	// Header is an answer's, where the line has one.
	Header map[string]string
	// Line is where it stands, from 1.
	Line int
}

// Capture is what was seen of a feed, in order:
//
//	wss://host/path <-> 1618677816.84                 connected
//	wss://host/path <- 1618677817.02: {"type":…}      a frame the client sent
//	1618677817.11: {"type":…}                         a frame the server sent
//	https://host/path?query -> 1633998512.32: {…}     an answer; may end in " header: {…}"
//
// Times are Unix seconds; blank lines mean nothing. It is not changed after it was read.
type Capture struct{ Entries []Entry }

// OpenCapture reads a file.
func OpenCapture(name string) (*Capture, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	c, err := ReadCapture(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// ReadCapture reads a capture to its end. An error names the line.
func ReadCapture(r io.Reader) (*Capture, error) {
	c := &Capture{}
	lines := bufio.NewReader(r)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		last := err != nil
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
			e, err := parseLine(line)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
			e.Line = number
			c.Entries = append(c.Entries, e)
		}
		if last {
			return c, nil
		}
	}
}

var arrows = map[string]Event{"<->": Connected, "<-": Sent, "->": Answered}

func parseLine(line []byte) (Entry, error) {
	if c := line[0]; c >= '0' && c <= '9' {
		return withBody(Entry{Event: Frame}, line)
	}
	address, rest, _ := bytes.Cut(line, []byte(" "))
	arrow, rest, _ := bytes.Cut(rest, []byte(" "))
	e := Entry{URL: string(address), Event: arrows[string(arrow)]}
	if e.Event == 0 {
		return Entry{}, fmt.Errorf("begins with neither a time nor a URL and one of <->, <- and ->: %.60q", line)
	}
	if u, err := url.Parse(e.URL); err != nil || u.Host == "" {
		return Entry{}, fmt.Errorf("%.200q is no URL", address)
	}
	if e.Event == Connected {
		at, err := parseSeconds(string(rest))
		e.At = at
		return e, err
	}
	e, err := withBody(e, rest)
	if err != nil || e.Event != Answered {
		return e, err
	}
	return withHeader(e)
}

// withBody reads "<time>: <body>".
func withBody(e Entry, text []byte) (Entry, error) {
	at, body, found := bytes.Cut(text, []byte(": "))
	if !found {
		return Entry{}, fmt.Errorf("has no \": \" after the time: %.60q", text)
	}
	var err error
	e.At, err = parseSeconds(string(at))
	e.Body = body
	return e, err
}

// withHeader takes a header off an answer that is not one JSON value with it.
func withHeader(e Entry) (Entry, error) {
	const mark = " header: {"
	at := bytes.LastIndex(e.Body, []byte(mark))
	if at < 0 || json.Valid(e.Body) {
		return e, nil
	}
	if err := json.Unmarshal(e.Body[at+len(mark)-1:], &e.Header); err != nil {
		return Entry{}, fmt.Errorf("the header is no object of texts: %w", err)
	}
	e.Body = e.Body[:at]
	return e, nil
}

// parseSeconds reads Unix seconds with up to nine decimals, exactly.
func parseSeconds(text string) (time.Time, error) {
	whole, part, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 40)
	if err != nil || seconds < 0 || len(part) > 9 {
		return time.Time{}, fmt.Errorf("%.60q is no time in Unix seconds", text)
	}
	nanos, err := strconv.ParseUint((part + "000000000")[:9], 10, 32)
	if err != nil {
		return time.Time{}, fmt.Errorf("%.60q is no time in Unix seconds", text)
	}
	return time.Unix(seconds, int64(nanos)).UTC(), nil
}

// Of gives the entries of one event, in order.
func (c *Capture) Of(event Event) []Entry {
	var of []Entry
	for _, e := range c.Entries {
		if e.Event == event {
			of = append(of, e)
		}
	}
	return of
}

// URL is the address of the first entry that has one.
func (c *Capture) URL() string {
	for _, e := range c.Entries {
		if e.URL != "" {
			return e.URL
		}
	}
	return ""
}
