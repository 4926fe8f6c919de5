package source_test

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"anode/actors/source"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/testkit/feeds"
	"anode/testkit/racing"
)

// The feeds are in a process of their own, so that only the sources are measured. costFeeds makes the test
// binary that process.
const costFeeds = "ANODE_TEST_COST_FEEDS"

// costHosts is how many hosts there are: each gets fifty connections a second.
const costHosts = 20

func TestMain(m *testing.M) {
	if os.Getenv(costFeeds) == "" {
		os.Exit(m.Run())
	}
	if err := serveCost(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serveCost serves until its standard input ends. Each connection gets a message at once, and one each ten
// seconds.
func serveCost() error {
	mux := http.NewServeMux()
	mux.Handle("/ws", feeds.NewSocket(feeds.Play(feeds.Await(1), func(c *feeds.Conn) error {
		for i := 0; ; i++ {
			if err := c.Text(fmt.Appendf(nil, `{"type":"match","product_id":"BTC-USD","price":"64000.10","size":"0.1","time":"2026-11-22T10:00:00.123Z","trade_id":%d}`, i)); err != nil {
				return err
			}
			if err := c.Pause(10 * time.Second); err != nil {
				return err
			}
		}
	})))
	mux.Handle("/sse", feeds.Events(func(f *feeds.Flow) error {
		for i := 0; ; i++ {
			if err := f.Write(fmt.Sprintf("id: %d\nevent: match\ndata: {\"type\":\"match\",\"product_id\":\"BTC-USD\",\"price\":\"64000.10\",\"size\":\"0.1\",\"time\":\"2026-11-22T10:00:00.123Z\",\"trade_id\":%d}\n\n", i, i)); err != nil {
				return err
			}
			if err := f.Pause(10 * time.Second); err != nil {
				return err
			}
		}
	}))
	mux.Handle("/rest", feeds.JSON(`{"type":"match","product_id":"BTC-USD","price":"64000.10","size":"0.1","time":"2026-11-22T10:00:00.123Z","trade_id":1}`))
	var servers []*feeds.Server
	for range costHosts {
		server, err := feeds.Start(mux)
		if err != nil {
			return err
		}
		servers = append(servers, server)
		fmt.Println(server.URL(""))
	}
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // its end
	var err error
	for _, server := range servers {
		err = errors.Join(err, server.Close())
	}
	return err
}

// costServer starts the process, and gives where it serves.
func costServer(t *testing.T) []string {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env, c.Stderr = append(os.Environ(), costFeeds+"=1"), os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	})
	var urls []string
	for lines := bufio.NewScanner(out); len(urls) < costHosts && lines.Scan(); {
		urls = append(urls, lines.Text())
	}
	if len(urls) < costHosts {
		t.Fatal("the feeds do not start")
	}
	return urls
}

// inUse is what the process holds in heap and stacks.
func inUse() (heap, stacks uint64) {
	runtime.GC()
	runtime.GC() // pools are empty after the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, m.StackInuse
}

// mostCost is the most that a source may cost beyond its socket, in bytes. That of rest keeps its connection
// between polls, for which net/http has two goroutines and their buffers, 10 KB: they count as the socket.
func mostCost(kind string) uint64 {
	if kind == spec.KindREST {
		return 50 << 10
	}
	return 40 << 10
}

func TestASourceCostsLittle(t *testing.T) {
	if testing.Short() || racing.Enabled {
		t.Skip("it starts many sources, and measures memory")
	}
	sources := uint64(500)
	if n, err := strconv.ParseUint(os.Getenv("ANODE_TEST_SOURCES"), 10, 32); err == nil && n > 0 {
		sources = n
	}
	for kind, c := range map[string]struct{ scheme, path, more string }{
		spec.KindWebSocket: {"ws", "/ws", "websocket: {open: [{type: subscribe, product_ids: ['BTC-USD']}], ping: {every: 60s}}\non: [{when: 'has(\"ping\")', send: {pong: '${.frame.ping}'}}]"},
		spec.KindSSE:       {"http", "/sse", "sse: {events: [match]}"},
		spec.KindREST:      {"http", "/rest", "rest: {every: 60s}"},
	} {
		t.Run(kind, func(t *testing.T) {
			urls := costServer(t)
			b := newBench(t, nil)
			heapBefore, stacksBefore := inUse()
			goroutines := runtime.NumGoroutine()
			for i := range sources {
				name := fmt.Sprintf("feed-%d", i)
				s, err := spec.Parse(fmt.Appendf(nil, `name: %s
kind: %s
url: %s
stream: market.{product_id}
transform: {where: '.type == "match"', map: '{product_id, price, size, t: .time, n: .trade_id}'}
key: .product_id
native_id: .n
time: .t
%s`, name, kind, c.scheme+strings.TrimPrefix(urls[i%costHosts], "http")+c.path, c.more), true)
				if err != nil {
					t.Fatal(err)
				}
				b.list[name] = source.Assignment{Spec: s}
			}
			b.assign()
			for name := range b.list {
				deadline := time.Now().Add(2 * time.Minute)
				for s, _ := b.Status(name); s.State != command.SourceRunning || s.Records == 0; s, _ = b.Status(name) {
					if time.Now().After(deadline) {
						t.Fatalf("%s: %+v", name, s)
					}
					time.Sleep(10 * time.Millisecond)
				}
			}
			b.intake.mu.Lock()
			b.intake.drafts = nil // the journal's, not the sources'
			b.intake.mu.Unlock()
			heap, stacks := inUse()
			heap, stacks = (heap-heapBefore)/sources, (stacks-stacksBefore)/sources
			t.Logf("%s: %d bytes a source, of which stacks are %d, in %.1f goroutines", kind, heap+stacks, stacks, float64(runtime.NumGoroutine()-goroutines)/float64(sources))
			if heap+stacks > mostCost(kind) {
				t.Errorf("%s: a source costs %d bytes, at most %d are allowed", kind, heap+stacks, mostCost(kind))
			}
			if out := os.Getenv("ANODE_TEST_HEAP"); out != "" {
				writeHeap(t, out+"-"+kind)
			}
		})
	}
}

// writeHeap writes where the memory is, for who looks for it.
func writeHeap(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := pprof.WriteHeapProfile(f); err != nil {
		t.Fatal(err)
	}
}
