package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// swarm is many connections that read.
type swarm struct {
	conns    []*conn
	times    latencies
	stride   int
	measures atomic.Bool
	work     sync.WaitGroup
	ended    atomic.Int64

	// mu guards why: the reasons that the server gave when it ended connections, and how often.
	mu  sync.Mutex
	why map[string]int
}

// mostReasons bounds what is kept of them.
const mostReasons = 20

// closed notes a close frame.
func (s *swarm) closed(payload []byte) {
	reason := "no reason"
	if len(payload) >= 2 {
		reason = fmt.Sprintf("%d %s", binary.BigEndian.Uint16(payload), payload[2:])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why == nil {
		s.why = make(map[string]int)
	}
	if _, ok := s.why[reason]; ok || len(s.why) < mostReasons {
		s.why[reason]++
	}
}

// reasons are why connections ended, in words.
func (s *swarm) reasons() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for reason, count := range s.why {
		list = append(list, fmt.Sprintf("%d connections: %s", count, reason))
	}
	slices.Sort(list)
	return list
}

// conn is one that reads; its goroutine counts, anyone may look.
type conn struct {
	swarm   *swarm
	conn    net.Conn
	rest    []byte
	records atomic.Int64
	frames  atomic.Int64
	gaps    atomic.Int64
}

// dial connects to a WebSocket without a library, so that nothing of one stays in memory or on the
// way: its frames are read as they come.
func dial(ctx context.Context, base, path string, header map[string]string) (net.Conn, []byte, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, nil, err
	}
	c, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YW5vZGUgYmVuY2ggYW5vZA==\r\n", path, u.Host)
	for name, value := range header {
		fmt.Fprintf(&b, "%s: %s\r\n", name, value)
	}
	b.WriteString("\r\n")
	fail := func(err error) (net.Conn, []byte, error) { return nil, nil, errors.Join(err, c.Close()) }
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return fail(err)
	}
	if _, err := c.Write([]byte(b.String())); err != nil {
		return fail(err)
	}
	r := bufio.NewReaderSize(c, 1024)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return fail(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fail(fmt.Errorf("%s%s answers %s", base, path, resp.Status))
	}
	rest, err := r.Peek(r.Buffered())
	if err != nil {
		return fail(err)
	}
	return c, bytes.Clone(rest), c.SetDeadline(time.Time{})
}

// connect opens so many connections, several at a time; path gives each its own.
func (s *swarm) connect(ctx context.Context, count int, base string, path func(i int) string, p progress) error {
	s.conns = make([]*conn, count)
	var made atomic.Int64
	var group sync.WaitGroup
	var mu sync.Mutex
	var failed error
	slots := make(chan struct{}, 16)
	for i := range count {
		slots <- struct{}{}
		group.Add(1)
		go func() {
			defer group.Done()
			defer func() { <-slots }()
			c, rest, err := dial(ctx, base, path(i), map[string]string{"Sec-WebSocket-Protocol": "anode.v1.json"})
			if err != nil {
				mu.Lock()
				failed = err
				mu.Unlock()
				return
			}
			s.conns[i] = &conn{swarm: s, conn: c, rest: rest}
			if n := made.Add(1); n%100 == 0 {
				p.say("connected %d of %d", n, count)
			}
		}()
	}
	group.Wait()
	if failed != nil {
		return errors.Join(failed, s.close())
	}
	for _, c := range s.conns {
		s.work.Add(1)
		go c.read()
	}
	return nil
}

// close ends all connections and waits for their readers.
func (s *swarm) close() error {
	var faults []error
	for _, c := range s.conns {
		if c != nil {
			faults = append(faults, c.conn.Close())
		}
	}
	s.work.Wait()
	return errors.Join(faults...)
}

// totals are what all connections got.
func (s *swarm) totals() (records, frames, gaps int64) {
	for _, c := range s.conns {
		records += c.records.Load()
		frames += c.frames.Load()
		gaps += c.gaps.Load()
	}
	return records, frames, gaps
}

// closeFrame is the opcode of a close frame.
const closeFrame = 8

// settle is how long a load goes on after it was measured, so that all samples are handed in.
const settle = time.Second

// read counts until the connection ends.
func (c *conn) read() {
	defer c.swarm.work.Done()
	defer c.swarm.ended.Add(1)
	buf := make([]byte, 16<<10)
	have := copy(buf, c.rest)
	c.rest = nil
	var samples []time.Duration
	seen, handed := 0, time.Now()
	for {
		now := time.Now()
		used := 0
		for {
			payload, size := frame(buf[used:have])
			if size == 0 || used+size > have {
				if size > len(buf) {
					buf = append(buf, make([]byte, size-len(buf))...)
				}
				break
			}
			if buf[used]&0xf == closeFrame {
				c.swarm.closed(payload)
			}
			n := c.count(payload)
			if seen += n; n > 0 && seen >= c.swarm.stride {
				seen = 0
				if at, ok := sentAt(payload, len(samples)%2 == 0); ok && c.swarm.measures.Load() {
					samples = append(samples, time.Duration(now.UnixNano()-at))
				}
			}
			used += size
		}
		have = copy(buf, buf[used:have])
		if len(samples) > 0 && now.Sub(handed) > settle/4 {
			c.swarm.times.add(samples)
			samples, handed = samples[:0], now
		}
		n, err := c.conn.Read(buf[have:])
		have += n
		if err != nil {
			c.swarm.times.add(samples)
			return
		}
	}
}

var (
	recordMark = []byte(`{"id":"`)
	gapMark    = []byte(`{"op":"gap"`)
	opMark     = []byte(`{"op":"`)
	timeMark   = []byte(`"t":`)
)

// count tells how many records are in a message: the node's, or one that is nothing but data.
func (c *conn) count(payload []byte) int {
	n := 1
	if bytes.HasPrefix(payload, opMark) {
		if n = bytes.Count(payload, recordMark); n == 0 {
			if bytes.HasPrefix(payload, gapMark) {
				c.gaps.Add(1)
			}
			return 0
		}
	}
	c.frames.Add(1)
	c.records.Add(int64(n))
	return n
}

// sentAt reads when the first or the last record of a message was sent, in Unix ns.
func sentAt(payload []byte, last bool) (int64, bool) {
	if last {
		if at := bytes.LastIndex(payload, timeMark); at > 0 {
			payload = payload[at:]
		}
	}
	return number64(payload, timeMark)
}

// number64 reads the number behind a mark.
func number64(text, mark []byte) (int64, bool) {
	at := bytes.Index(text, mark)
	if at < 0 {
		return 0, false
	}
	var n int64
	for _, c := range text[at+len(mark):] {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int64(c-'0')
	}
	return n, n > 0
}

// frame finds a server's frame at the start of b (RFC 6455, 5.2): its payload, as far as it is
// there, and its whole size; 0 where its head is not whole.
func frame(b []byte) (payload []byte, size int) {
	if len(b) < 2 {
		return nil, 0
	}
	head, length := 2, int(b[1]&0x7f)
	switch length {
	case 126:
		if len(b) < 4 {
			return nil, 0
		}
		head, length = 4, int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if len(b) < 10 {
			return nil, 0
		}
		head, length = 10, int(binary.BigEndian.Uint64(b[2:]))
	}
	return b[min(head, len(b)):min(head+length, len(b))], head + length
}
