package sim_test

import (
	"math"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
	"anode/testkit/sim"
)

// world is two flooders, and what comes to them.
type world struct {
	*sim.Sim
	t     *testing.T
	cores []*flooder
	times []time.Duration // when pings came to node 1
	seen  []uint64        // their numbers
}

func newWorld(t *testing.T, change func(*sim.Config)) *world {
	w := &world{t: t}
	cfg := sim.Config{Nodes: 2, Seed: 1, Duration: time.Hour, Latency: sim.Span{Min: 10 * time.Millisecond, Max: 10 * time.Millisecond}, Readers: -1}
	cfg.New = func(c core.Config) (sim.Core, error) {
		f := newFlooder(c)
		f.got = func(_ *flooder, _ messages.NodeID, x frame.Frame) {
			f.heard = append(f.heard, x)
			if p, ok := x.(*frame.Ping); ok {
				w.times = append(w.times, w.Now())
				w.seen = append(w.seen, p.Nonce)
			}
		}
		w.cores = append(w.cores, f)
		return f, nil
	}
	if change != nil {
		change(&cfg)
	}
	s, err := sim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Sim = s
	w.to(2 * time.Second)
	if len(w.cores) > 1 && cfg.Nodes == 2 && len(w.Links(0))+len(w.Links(1)) != 2 {
		t.Fatalf("links are %v and %v", w.Links(0), w.Links(1))
	}
	return w
}

func (w *world) to(at time.Duration) {
	w.t.Helper()
	if err := w.RunTo(w.t.Context(), at); err != nil {
		w.t.Fatal(err)
	}
}

// ping has node 0 send so many pings to node 1, now.
func (w *world) ping(count int) {
	for i := range count {
		w.cores[0].send(w.ID(1), &frame.Ping{Nonce: uint64(i)}, core.Control)
	}
	w.wake()
}

// wake lets node 0 put out what it has.
func (w *world) wake() { w.At(w.Now(), sim.Register(sim.These(0), 1)) }

// Frames take the latency, and those of a link come in the order in which they went.
func TestFramesTakeTheLatencyInOrder(t *testing.T) {
	w := newWorld(t, func(c *sim.Config) { c.Jitter = 5 * time.Millisecond })
	for range 50 {
		w.ping(4)
		from := w.Now()
		w.times, w.seen = nil, nil
		w.to(from + 100*time.Millisecond)
		if len(w.times) != 4 {
			t.Fatalf("%d frames came", len(w.times))
		}
		for i, at := range w.times {
			if took := at - from; took < 10*time.Millisecond || took > 15*time.Millisecond {
				t.Errorf("a frame took %s", took)
			}
			if w.seen[i] != uint64(i) {
				t.Fatalf("they came in the order %v", w.seen)
			}
		}
	}
}

// A lost frame does not come; as many are lost as it is said.
func TestFramesAreLost(t *testing.T) {
	w := newWorld(t, func(c *sim.Config) { c.Loss = 0.2 })
	w.ping(10_000)
	w.to(3 * time.Second)
	if got := float64(len(w.times)) / 10_000; math.Abs(got-0.8) > 0.02 {
		t.Errorf("%g came, want 0.8", got)
	}
}

// Some frames come twice, and some are overtaken, where that is asked for.
func TestFramesAreDoubledAndOvertaken(t *testing.T) {
	w := newWorld(t, func(c *sim.Config) { c.Duplicate, c.Reorder = 0.1, 0.1 })
	for range 1000 {
		w.ping(1)
		w.to(w.Now() + time.Millisecond)
	}
	w.to(w.Now() + time.Second)
	if n := len(w.times); n < 1050 || n > 1150 {
		t.Errorf("%d of 1,000 frames came", n)
	}
	w = newWorld(t, func(c *sim.Config) { c.Reorder = 0.1 })
	w.ping(1000)
	w.to(w.Now() + time.Second)
	behind := 0
	for i := 1; i < len(w.seen); i++ {
		if w.seen[i] < w.seen[i-1] {
			behind++
		}
	}
	if behind < 20 || len(w.seen) != 1000 {
		t.Errorf("%d of %d frames were overtaken", behind, len(w.seen))
	}
}

// A narrow link sends one frame after the other, what is urgent first, and says what waits.
func TestNarrowLinksTakeTheirTime(t *testing.T) {
	w := newWorld(t, func(c *sim.Config) { c.Bandwidth = 10_000 })
	ping := (&frame.Ping{}).Size()
	body := &frame.Status{Records: []frame.Ephemeral{{Node: "n00000", Body: make([]byte, 2000)}}}
	from := w.Now()
	w.times = nil
	w.cores[0].send(w.ID(1), body, core.Repair)
	w.cores[0].send(w.ID(1), body, core.Live)
	w.ping(2)
	w.to(from + 5*time.Second)
	// The first body is on its way when the pings come; they go before the second.
	frames := w.cores[1].heard
	if len(frames) != 4 || frames[0] != frame.Frame(body) || frames[1].Type() != frame.TypePing || frames[3] != frame.Frame(body) {
		t.Fatalf("%d frames came: %v", len(frames), frames)
	}
	want := from + 10*time.Millisecond + time.Duration(body.Size()+2*ping)*time.Second/10_000
	if at := w.times[1]; at < want-time.Millisecond || at > want+time.Millisecond {
		t.Errorf("the second ping came at %s, want %s", at, want)
	}
	if w.cores[1].parts != 4 { // each body takes 0.2 s
		t.Errorf("parts of frames were heard of %d times", w.cores[1].parts)
	}
	if q, told := w.cores[0].queued[w.ID(1)]; !told || q != 0 {
		t.Errorf("the core was told of %d bytes in the queue (%t)", q, told)
	}
}

// Between the sides of a partition nothing comes, and in one direction nothing where only that is blocked.
func TestPartitionsAreSilent(t *testing.T) {
	for script, want := range map[string][2]int{"partition 0": {0, 0}, "block 0 1": {0, 0}, "oneway 0 1": {0, 1}, "oneway 1 0": {1, 0}} {
		w := newWorld(t, nil)
		if err := w.Play("2s " + script); err != nil {
			t.Fatal(err)
		}
		w.to(2100 * time.Millisecond)
		w.cores[0].send(w.ID(1), &frame.Ping{}, core.Control)
		w.cores[1].send(w.ID(0), &frame.Ping{}, core.Control)
		w.At(w.Now(), sim.Register(sim.Range(0, 1), 1))
		w.to(2200 * time.Millisecond)
		if got := [2]int{len(w.cores[1].heard), len(w.cores[0].heard)}; got != want {
			t.Errorf("%s: %v frames came, want %v", script, got, want)
		}
		w.At(w.Now(), sim.Heal())
		w.ping(1)
		w.to(2300 * time.Millisecond)
		if len(w.cores[1].heard) != want[0]+1 {
			t.Errorf("%s: nothing comes after the heal", script)
		}
	}
}

// A process that ends resets its links, a machine that ends leaves silence.
func TestEndsAreHeardOrNot(t *testing.T) {
	for script, down := range map[string]bool{"crash 1": true, "crash 1 machine": false} {
		w := newWorld(t, nil)
		before := w.cores[0].down
		if err := w.Play("2s " + script); err != nil {
			t.Fatal(err)
		}
		w.to(2015 * time.Millisecond)
		if got := w.cores[0].down > before; got != down {
			t.Errorf("%s: the other side heard of it: %t, want %t", script, got, down)
		}
	}
}

// A paused node gets everything later, in order.
func TestPausedNodesGetAllAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.At(w.Now(), sim.Pause(sim.These(1), time.Second))
	w.to(w.Now() + time.Millisecond)
	w.ping(3)
	w.to(2900 * time.Millisecond)
	if len(w.seen) != 0 {
		t.Fatalf("%d frames came in the pause", len(w.seen))
	}
	w.to(3100 * time.Millisecond)
	if len(w.seen) != 3 || w.seen[0] != 0 || w.times[2] != w.times[0] {
		t.Errorf("frames %v came at %v", w.seen, w.times)
	}
}
