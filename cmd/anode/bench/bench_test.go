package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTail reads the end of a log while it is written, as who waits for a process that does not start does.
func TestTail(t *testing.T) {
	var log tail
	written := make(chan struct{})
	go func() {
		defer close(written)
		for range 1000 {
			_, _ = log.Write([]byte("a line\n"))
		}
	}()
	for done := false; !done; {
		select {
		case <-written:
			done = true
		default:
		}
		if text := log.String(); len(text) > 2000 || text != "" && !strings.HasSuffix(text, "line") {
			t.Fatalf("%q", text)
		}
	}
}

// TestAMeshThatRefusesIsNoResult publishes to a node that takes nothing.
func TestAMeshThatRefusesIsNoResult(t *testing.T) {
	asked := make(chan struct{}, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		http.Error(w, "the disk is full", http.StatusInsufficientStorage)
	}))
	defer s.Close()
	m := &mesh{nodes: 1, bulk: 2, size: leastSize, streams: 1, rate: 1000}
	stop, err := m.publish(t.Context(), []*process{{url: s.URL}})
	if err != nil {
		t.Fatal(err)
	}
	<-asked
	if sent, err := stop(); err == nil || sent != 0 || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("%d were sent, %v", sent, err)
	}
}

// TestFrame finds frames of each form of length, and says what is missing of one.
func TestFrame(t *testing.T) {
	for _, test := range []struct {
		name    string
		in      []byte
		payload string
		size    int
	}{
		{"empty", nil, "", 0},
		{"half a head", []byte{0x81}, "", 0},
		{"short", append([]byte{0x81, 3}, "abcd"...), "abc", 5},
		{"not whole", append([]byte{0x81, 5}, "ab"...), "ab", 7},
		{"16 bits, half a head", []byte{0x81, 126, 1}, "", 0},
		{"16 bits", append([]byte{0x81, 126, 0, 200}, strings.Repeat("x", 200)...), strings.Repeat("x", 200), 204},
		{"64 bits", append([]byte{0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}, strings.Repeat("x", 65536)...), strings.Repeat("x", 65536), 65546},
	} {
		payload, size := frame(test.in)
		if string(payload) != test.payload || size != test.size {
			t.Errorf("%s: %d bytes of payload and a size of %d, want %d and %d", test.name, len(payload), size, len(test.payload), test.size)
		}
	}
}

// TestCount counts records, not messages, and a gap as none.
func TestCount(t *testing.T) {
	c := &conn{swarm: &swarm{}}
	for message, want := range map[string]int{
		`{"op":"records","sub":"0","records":[{"id":"a-1-1-0","data":{"t":1}},{"id":"a-1-1-1","data":{"t":2}}]}`: 2,
		`{"op":"cursor","sub":"0","after":[]}`:       0,
		`{"op":"gap","sub":"0","from":"a","to":"b"}`: 0,
		`{"t":5,"p":"xx"}`:                           1,
	} {
		if got := c.count([]byte(message)); got != want {
			t.Errorf("%s: %d records, want %d", message, got, want)
		}
	}
	if records, frames, gaps := c.records.Load(), c.frames.Load(), c.gaps.Load(); records != 3 || frames != 2 || gaps != 1 {
		t.Errorf("%d records, %d frames, %d gaps, want 3, 2, 1", records, frames, gaps)
	}
}

func TestSentAt(t *testing.T) {
	message := []byte(`{"records":[{"data":{"t":12,"p":""}},{"data":{"t":34,"p":""}}]}`)
	if at, ok := sentAt(message, false); !ok || at != 12 {
		t.Errorf("the first was sent at %d", at)
	}
	if at, ok := sentAt(message, true); !ok || at != 34 {
		t.Errorf("the last was sent at %d", at)
	}
	if _, ok := sentAt([]byte(`{"op":"live"}`), true); ok {
		t.Error("a message without records was sent at a time")
	}
}

// TestData is JSON of exactly the size that was asked for.
func TestData(t *testing.T) {
	for _, size := range []int{leastSize, 256, 4000} {
		if got := data(nil, size, time.Now()); len(got) != size || !json.Valid(got) {
			t.Errorf("%d bytes: got %d, JSON is %t", size, len(got), json.Valid(got))
		}
	}
}

func TestQuantiles(t *testing.T) {
	var l latencies
	if got := l.quantile(0.99); got != 0 {
		t.Errorf("of none: %s", got)
	}
	for n := range 1000 {
		l.add([]time.Duration{time.Duration(1000 - n)})
	}
	for share, want := range map[float64]time.Duration{0.5: 501, 0.99: 991, 0.999: 1000, 1: 1000} {
		if got := l.quantile(share); got != want {
			t.Errorf("%g: %d, want %d", share, got, want)
		}
	}
}

// TestLoadOfABroadcast runs the whole of a fan-out against the plain loop, in this process.
func TestLoadOfABroadcast(t *testing.T) {
	b, handler := newBroadcast()
	server := httptest.NewServer(handler)
	defer server.Close()
	defer b.end()
	f := &fanout{subscribers: 6, streams: 3, size: 64, rate: 300, warm: 100 * time.Millisecond}
	f.length = time.Second
	r, err := f.measure(t.Context(), progress{}, "plain", "/subscribe?stream=", "/publish",
		func(context.Context) (*process, error) { return &process{url: server.URL}, nil }, f.plain)
	if err != nil {
		t.Fatal(err)
	}
	figures := make(map[string]float64)
	for _, g := range r.figures {
		figures[g.name] = g.value
	}
	if got := figures["of"]; got < 50 || got > 150 {
		t.Errorf("%.0f %% of what was sent came", got)
	}
	if figures["p50"] <= 0 || figures["p99"] < figures["p50"] {
		t.Errorf("latencies %v and %v", figures["p50"], figures["p99"])
	}
}

// TestReport prints a table with units in its head, and JSON with units in its names.
func TestReport(t *testing.T) {
	r := result{name: "anode"}
	r.add("delivered", "/s", 1234.5)
	r.add("p99.9", "ms", 0.5)
	r.add("cpu", "µs/record", 5)
	r.notes = []string{"2 connections: 4408 slow"}
	var table, lines bytes.Buffer
	if err := report(&table, "table", []result{r}); err != nil {
		t.Fatal(err)
	}
	if got, want := table.String(), "         delivered /s  p99.9 ms  cpu µs/record\n  anode          1234      0.50              5\nanode: 2 connections: 4408 slow\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := report(&lines, "json", []result{r}); err != nil {
		t.Fatal(err)
	}
	if got, want := lines.String(), `{"cpu_us_per_record":5,"delivered_per_s":1234.5,"name":"anode","notes":["2 connections: 4408 slow"],"p99_9_ms":0.5}`+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestMisuse names the flag and the rule.
func TestMisuse(t *testing.T) {
	for args, want := range map[string]string{
		"fanout --subscribers 0":                       "--subscribers 0: 1 to 100000 are allowed",
		"fanout --rate 0":                              "--rate 0: above 0",
		"fanout --size 3":                              "--size 3: 40 to 1048576 are allowed",
		"ingest --via pigeon":                          "--via pigeon: websocket and rest are known",
		"ingest -o xml":                                "-o xml: table and json are known",
		"journal --durability maybe":                   "--durability maybe: sync and none are known",
		"journal --batch 1024 --size 4096":             "at most 262144 bytes",
		"idle --for 1ms":                               "--for 1ms: 1s to 1h are allowed",
		"idle --server http://x --serve-flag=--demo=1": "--serve-flag is for a node that is started",
	} {
		cmd := Command()
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		cmd.SetArgs(strings.Fields(args))
		if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("bench %s: %v, want %q", args, err, want)
		}
	}
}

// TestJournal writes and reads a small one.
func TestJournal(t *testing.T) {
	cmd := Command()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"journal", "--dir", t.TempDir(), "--for", "1s", "--durability", "none", "-o", "json"})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		var figures map[string]any
		if err := json.Unmarshal([]byte(line), &figures); err != nil {
			t.Fatal(err)
		}
		if rate, _ := figures["records_per_s"].(float64); rate <= 0 {
			t.Errorf("%s: no records", line)
		}
	}
}

func TestServerIsAPlainAddress(t *testing.T) {
	for server, good := range map[string]bool{
		"": true, "http://127.0.0.1:8080": true, "http://[::1]:8080/": true,
		"https://node:8443": false, "http://node": false, "node:8080": false, "http://:x": false,
	} {
		c := common{server: server, output: "table", length: time.Second}
		if err := c.check(); (err == nil) != good {
			t.Errorf("--server %q: %v", server, err)
		}
	}
}
