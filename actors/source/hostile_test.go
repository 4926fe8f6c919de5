package source_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"anode/actors/source"
	"anode/messages"
	"anode/messages/command"
	"anode/testkit/feeds"
	"anode/testkit/racing"
)

// hostileSpecs are sources each of which has a program that would take all there is, wherever a program may stand.
func hostileSpecs() map[string]string {
	return map[string]string{
		"map-text":   `transform: {map: '"x" * 1e9'}`,
		"map-range":  `transform: {map: '[range(1e9)]'}`,
		"map-loop":   `transform: {map: 'def f: f; f'}`,
		"map-index":  `transform: {map: '. as $n | {a: []} | .a[65000] = $n | [limit(1000; repeat(.))]'}`,
		"split-deep": `transform: {split: 'reduce range(60) as $i ([1]; [., .]) | tostream'}`,
		"split-many": `transform: {split: 'range(65000)', map: 'range(65000)'}`,
		"split-slow": `transform: {split: 'range(65000)', map: 'last(range(1e9))'}`,
		"where":      `transform: {where: '[limit(1e9; repeat("a"))] | length > 0'}`,
		"key":        `key: 'until(false; .)'`,
		"match":      `transform: {map: '("a" * 1e6) | [match("a"; "g")]'}`,
		"gsub":       `transform: {map: '("a" * 5e5) | gsub("a"; "bb")'}`,
		"patterns":   `transform: {map: '. as $n | "a" | test(("[a-z]{1000}" * 4) + "\($n)")'}`,
		"rule-when":  `on: [{when: 'last(repeat(1))', fail: no}]`,
		"rule-set":   `on: [{when: 'true', set: '{a: ("x" * 1e6), b: [range(1e5)]}'}]`,
		"rule-send":  `on: [{when: 'true', send: '${[range(1e9)]}'}]`,
		"template":   `websocket: {ping: {every: 20ms, send: '${reduce range(60) as $i ({}; {a: ., b: .})}'}}`,
		"sequence":   `sequence: {value: 'reduce range(1e9) as $i (0; . + $i)', per: '"x" * 1e9'}`,
		"since":      `since: {from: '[recurse([., .])]'}`,
		"schema":     `schema: {$ref: '#/$defs/a', $defs: {a: {allOf: [{$ref: '#/$defs/b'}, {$ref: '#/$defs/b'}]}, b: {anyOf: [{$ref: '#/$defs/c'}, {$ref: '#/$defs/c'}]}, c: {oneOf: [{$ref: '#/$defs/d'}, {$ref: '#/$defs/d'}]}, ` + deeper() + `}}`,
		"fromjson":   `transform: {map: '("[" + "1," * 400000 + "1]") | [fromjson, fromjson, fromjson, fromjson]'}`,
		"getpath":    `transform: {map: 'reduce range(1e6) as $i (null; setpath(["a", $i % 60000]; [$i]))'}`,
		"paths":      `transform: {map: '{} | [paths, tostream] | last(repeat(.))'}`,
	}
}

// deeper are definitions from d on, each of which asks twice for the next.
func deeper() string {
	var all []string
	for c := 'd'; c < 'z'; c++ {
		all = append(all, fmt.Sprintf("%c: {allOf: [{$ref: '#/$defs/%c'}, {$ref: '#/$defs/%c'}]}", c, c+1, c+1))
	}
	return strings.Join(append(all, "z: {type: object}"), ", ")
}

// disturb puts hostile sources, each of which gets ten messages a second.
func disturb(b *bench) {
	b.t.Helper()
	var steps []feeds.Step
	for i := range 10_000 {
		steps = append(steps, feeds.Send(strconv.Itoa(i)), feeds.Pause(100*time.Millisecond))
	}
	url := b.serve(feeds.NewSocket(feeds.Play(steps...))).SocketURL("/x")
	for name, fields := range hostileSpecs() {
		b.put("name: %s\nkind: websocket\nurl: %s\nliveness: {transport: 0, protocol: 0}\n%s", name, url, fields)
	}
}

// sink is an intake that keeps nothing, and tells when what came.
type sink struct {
	mu      sync.Mutex
	arrived map[messages.Stream]chan arrival
}

type arrival struct {
	payload []byte
	at      time.Time
}

// stamp gives what comes on a stream.
func (s *sink) stamp(name string) <-chan arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	arrived := make(chan arrival, 1000)
	s.arrived[messages.Stream(name)] = arrived
	return arrived
}

// Submit implements command.Intake.
func (s *sink) Submit(_ context.Context, of command.Submission) error {
	s.mu.Lock()
	arrived := s.arrived[of.Drafts[0].Stream]
	s.mu.Unlock()
	for i := range of.Drafts {
		select {
		case arrived <- arrival{of.Drafts[i].Payload, time.Now()}:
		default:
		}
	}
	of.Done(command.Outcome{Positions: make([]messages.Position, len(of.Drafts))})
	return nil
}

func newSink(t *testing.T) (*bench, *sink) {
	t.Helper()
	s := &sink{arrived: make(map[messages.Stream]chan arrival)}
	return newBench(t, func(cfg *source.Config) { cfg.Intake = s }), s
}

// latencies are what 50 messages took from the feed to the journal, through a program, sorted.
func latencies(b *bench, s *sink, name string) []time.Duration {
	b.t.Helper()
	const count = 50
	var steps []feeds.Step
	for range count {
		steps = append(steps, func(c *feeds.Conn) error {
			return c.Text(fmt.Appendf(nil, `{"sent":%d,"items":[1,2,{"a":"b"}]}`, time.Now().UnixNano()))
		}, feeds.Pause(10*time.Millisecond))
	}
	arrived := s.stamp(name)
	b.put("name: %s\nkind: websocket\nurl: %s\ntransform: {map: '{sent, n: (.items | map(tostring) | add | length)}'}", name, b.serve(feeds.NewSocket(feeds.Play(append(steps, feeds.Silence())...))).SocketURL("/x"))
	var took []time.Duration
	deadline := time.After(2 * time.Minute)
	for len(took) < count {
		select {
		case at := <-arrived:
			var r struct{ Sent int64 }
			if err := json.Unmarshal(at.payload, &r); err != nil {
				b.t.Fatal(err)
			}
			took = append(took, at.at.Sub(time.Unix(0, r.Sent)))
		case <-deadline:
			b.t.Fatalf("%d of %d messages came within two minutes", len(took), count)
		}
	}
	slices.Sort(took)
	return took
}

// met tells that a source's programs ran for a message.
func met(b *bench, name string) bool {
	status, _ := b.Status(name)
	return status.Errors+status.Dropped.Filtered+status.Records > 0
}

// Hostile programs cost their own sources errors. Another source goes on as if they were not there.
func TestHostileSourcesDisturbNoOther(t *testing.T) {
	b, s := newSink(t)
	alone := latencies(b, s, "alone")
	disturb(b)
	b.await("each has met its programs", func() bool {
		for name := range hostileSpecs() {
			if !met(b, name) {
				return false
			}
		}
		return true
	})
	beside := latencies(b, s, "beside")
	median, worst := len(beside)/2, len(beside)*99/100
	t.Logf("alone: median %s, p99 %s; beside %d hostile sources: median %s, p99 %s", alone[median], alone[worst], len(hostileSpecs()), beside[median], beside[worst])
	// A machine that is busy with other things shows in both.
	most := max(100*time.Millisecond, 20*alone[median])
	if racing.Enabled {
		most *= 10 // its cost is the programs', which share the processors
	}
	if beside[median] > most {
		t.Errorf("the median is %s, at most %s is meant", beside[median], most)
	}
	for name := range hostileSpecs() {
		status, _ := b.Status(name)
		t.Logf("%s: %d records, %+v, %d errors, %.150s", name, status.Records, status.Dropped, status.Errors, status.LastError)
	}
}

// The memory of the process stays within 200 MB of what it was without them: one unbounded program would take a
// gigabyte, and a collector that is late on a busy machine some tens of megabytes.
func TestHostileSourcesTakeLittleMemory(t *testing.T) {
	if racing.Enabled {
		t.Skip("it measures memory")
	}
	const child = "ANODE_TEST_HOSTILE"
	if os.Getenv(child) != "" {
		b, s := newSink(t)
		latencies(b, s, "alone")
		before := peak(t)
		disturb(b)
		b.await("each has met its programs", func() bool {
			for name := range hostileSpecs() {
				if !met(b, name) {
					return false
				}
			}
			return true
		})
		latencies(b, s, "beside")
		fmt.Printf("grown by %d KiB\n", peak(t)-before)
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("looks into /proc")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestHostileSourcesTakeLittleMemory$")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, text, _ := strings.Cut(string(out), "grown by ")
	var grown int
	if _, err := fmt.Sscanf(text, "%d KiB", &grown); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	t.Logf("resident memory grew by %d MiB", grown>>10)
	if grown > 200<<10 {
		t.Errorf("resident memory grew by %d MiB", grown>>10)
	}
}

// peak is the most memory that the process had, in KiB.
func peak(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(status), "VmHWM:")
	var n int
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
