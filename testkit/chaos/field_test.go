package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anode/testkit/chaos"
	"anode/testkit/feeds"
)

// field is a feed for sources of all kinds: each gets the numbers 1, 2, 3 and so on, behind the one it asks for, at /KIND/NAME?from=N. It
// keeps who asked for what and when; who it is, nodes say in the header X-Node.
type field struct {
	server *feeds.Server

	mu   sync.Mutex // guards what follows
	made int64
	// more is closed when numbers are made.
	more  chan struct{}
	calls map[string][]*call
	// refuses gives the status of an answer to a node; nil, or 0, is none.
	refuses func(node, source string) int
}

// call is a request, or a connection, of a source.
type call struct {
	node string
	// from is the number it has, to the last that it was given, made the last there was when it came.
	from, to, made int64
	status         int
	// begin and end are when it came and was gone; a zero end is not yet.
	begin, end time.Time
	// peer is the socket that it came from, beside those of the same source from which a call was open when it came.
	peer   string
	beside []string
}

// onItsWay are so many of the last numbers that were made when a node came: what the other one just got it may not have heard of. Where a disk
// stood still for seconds it is what was made meanwhile.
const onItsWay, onItsWayStalled = 10, 200

// onTheWay tells how many numbers that is, as things went.
func onTheWay(t *testing.T, m *chaos.Mesh) int64 {
	t.Helper()
	for _, n := range m.Nodes() {
		if strings.Contains(n.Log(), "the journal took nothing") {
			t.Logf("the disk of %s stood still for a while", n.Name)
			return onItsWayStalled
		}
	}
	return onItsWay
}

// nearly is how close to each other two polls have nodes that don't know yet what the other one got.
const nearly = 500 * time.Millisecond

// both tells whether two nodes got a number at once: over connections that both stood when it was made, or by two polls one right after the
// other. Then both may store it; late is how many numbers before the last count too.
func both(calls []call, number, late int64) bool {
	var live []call
	for _, c := range calls {
		if c.from < number && number <= c.to {
			live = append(live, c)
		}
	}
	for _, a := range live {
		for _, b := range live {
			poll := a.begin.Sub(b.begin).Abs() < nearly
			if a.node != b.node && (a.made-late < number && b.made-late < number || poll) {
				return true
			}
		}
	}
	return false
}

// mostGiven is how many numbers a poll gets at most.
const mostGiven = 500

// newField serves one that ends with the test, and makes a number each pace; 0 makes none by itself.
func newField(t *testing.T, pace time.Duration) *field {
	t.Helper()
	f := &field{more: make(chan struct{}), calls: make(map[string][]*call)}
	server, err := feeds.Start(f)
	if err != nil {
		t.Fatal(err)
	}
	f.server = server
	ctx, cancel := context.WithCancel(context.Background())
	var growing sync.WaitGroup
	if pace > 0 {
		growing.Go(func() { f.grow(ctx, pace) })
	}
	t.Cleanup(func() {
		cancel()
		growing.Wait()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *field) grow(ctx context.Context, pace time.Duration) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f.make(1)
		case <-ctx.Done():
			return
		}
	}
}

// make makes numbers, unless the feed was closed to more.
func (f *field) make(count int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.more != nil {
		f.made += count
		close(f.more)
		f.more = make(chan struct{})
	}
}

// stop lets no more numbers come, and gives the last.
func (f *field) stop() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.more != nil {
		close(f.more)
		f.more = nil
	}
	return f.made
}

// last is the last number, and what is closed when there are more.
func (f *field) last() (int64, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.made, f.more
}

// refuse has it answer so from now on.
func (f *field) refuse(with func(node, source string) int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuses = with
}

// callsOf are the calls of a source so far, in their order.
func (f *field) callsOf(source string) []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]call, len(f.calls[source]))
	for i, c := range f.calls[source] {
		list[i] = *c
	}
	return list
}

// beside are the calls of a source that are open, whose caller has not gone: by the kernel, as a handler may hear of that late.
func (f *field) beside(source string) (nodes []string) {
	f.mu.Lock()
	var open []call
	for _, c := range f.calls[source] {
		if c.end.IsZero() {
			open = append(open, *c)
		}
	}
	f.mu.Unlock()
	for _, c := range open {
		if stands(f.server.URL(""), c.peer) {
			nodes = append(nodes, c.node)
		}
	}
	return nodes
}

// stands tells whether the kernel has a connection as established at the server's end.
func stands(server, peer string) bool {
	form := func(text string) string { // IPv4, of a little-endian machine
		at, err := netip.ParseAddrPort(text)
		if err != nil {
			return ""
		}
		ip := at.Addr().As4()
		slices.Reverse(ip[:])
		return fmt.Sprintf("%X:%04X", ip, at.Port())
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return true // it can't be told: then the handler's word counts
	}
	const established = " 01 "
	return strings.Contains(string(table), " "+form(strings.TrimPrefix(server, "http://"))+" "+form(peer)+established)
}

// note notes a call, or changes one.
func (f *field) note(source string, c *call, change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if change == nil {
		f.calls[source] = append(f.calls[source], c)
	} else {
		change()
	}
}

// ServeHTTP implements http.Handler.
func (f *field) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, source, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	c := &call{node: r.Header.Get("X-Node"), status: http.StatusOK, begin: time.Now(), peer: r.RemoteAddr}
	c.from, _ = strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
	if text := r.Header.Get("Last-Event-ID"); text != "" {
		c.from, _ = strconv.ParseInt(text, 10, 64)
	}
	c.to = c.from
	f.mu.Lock()
	if f.refuses != nil {
		if status := f.refuses(c.node, source); status != 0 {
			c.status = status
		}
	}
	f.mu.Unlock()
	c.beside = f.beside(source)
	c.made, _ = f.last()
	f.note(source, c, nil)
	defer f.note(source, c, func() { c.end = time.Now() })
	if c.status != http.StatusOK {
		http.Error(w, "not for you", c.status)
		return
	}
	switch kind {
	case "ws":
		f.socket(w, r, source, c)
	case "sse":
		w.Header().Set("Content-Type", "text/event-stream")
		flush := http.NewResponseController(w)
		if flush.Flush() == nil {
			f.follow(r.Context(), source, c, func(n int64) error {
				_, err := fmt.Fprintf(w, "id: %d\ndata: {\"n\":%d}\n\n", n, n)
				if err == nil {
					err = flush.Flush()
				}
				return err
			})
		}
	default:
		if slow, err := time.ParseDuration(r.URL.Query().Get("slow")); err == nil {
			select {
			case <-time.After(slow):
			case <-r.Context().Done():
				return
			}
		}
		made, _ := f.last()
		list := make([]chaos.Datum, 0, 8)
		for n := c.from + 1; n <= min(made, c.from+mostGiven); n++ {
			list = append(list, chaos.Datum{Number: int(n)})
		}
		f.note(source, c, func() { c.to = c.from + int64(len(list)) })
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list)
	}
}

func (f *field) socket(w http.ResponseWriter, r *http.Request, source string, c *call) {
	conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithCancel(r.Context())
	read := make(chan struct{})
	go func() { // pings are answered, and an end is seen, by who reads
		defer close(read)
		defer cancel()
		for _, _, err := conn.NextReader(); err == nil; _, _, err = conn.NextReader() {
		}
	}()
	f.follow(ctx, source, c, func(n int64) error {
		return conn.WriteMessage(websocket.TextMessage, []byte(fmt.Sprintf(`{"n":%d}`, n)))
	})
	_ = conn.Close()
	<-read
}

// follow gives what comes until the connection ends.
func (f *field) follow(ctx context.Context, source string, c *call, give func(n int64) error) {
	n := c.from
	for {
		made, more := f.last()
		for ; n < made; n++ {
			if give(n+1) != nil {
				return
			}
			f.note(source, c, func() { c.to = n + 1 })
		}
		select {
		case <-more:
		case <-ctx.Done():
			return
		}
	}
}

// spec is a source of the field by kind and name; more are further lines of it.
func (f *field) spec(kind, name string, more ...string) string {
	url, since := f.server.URL, "transform: {split: '.[]'}\nsince: {from: '.[-1].n', start: 0}\nrest: {every: 200ms}\n"
	switch kind {
	case "websocket":
		url, since = f.server.SocketURL, "since: {from: .n, start: 0}\n"
	case "sse":
		since = "since: {from: .n, start: 0}\n"
	}
	path := map[string]string{"rest": "rest", "websocket": "ws", "sse": "sse"}[kind]
	return "name: " + name + "\nkind: " + kind + "\nurl: " + url("/"+path+"/"+name) + "?slow=50ms&from=${.since}\nnative_id: .n\n" +
		"headers: {X-Node: \"${secret:who}\"}\nbackoff: {min: 100ms, max: 1s}\n" + since + strings.Join(more, "\n")
}
