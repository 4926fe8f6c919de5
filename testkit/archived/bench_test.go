package archived_test

import (
	"slices"
	"testing"
	"time"

	"anode/testkit/cassandra"
	"anode/testkit/chaos"
)

const (
	benchRate   = 5000
	benchLength = 8 * time.Second
	benchRounds = 5
)

// turn is what a node did in one turn.
type turn struct {
	// cpu is the node's processor time a record; the rest are times to acknowledgement, and from a record's own time to a subscriber.
	cpu, acknowledged50, acknowledged99, delivered50, delivered99 time.Duration
	rate                                                          float64
}

// BenchmarkIngest has a node take records at a rate and deliver them to a subscriber: without an archive, with one, and with one that is away, in
// turns.
func BenchmarkIngest(b *testing.B) {
	_, rng := seeded(b)
	c := cassandra.ForTest(b, cassandra.Config{Steady: true})
	d := doorTo(b, c)
	plain := start(b, chaos.Config{Nodes: 1}).Node(0)
	with := start(b, chaos.Config{Nodes: 1, Args: archive(d.address(), c.Keyspace(b), "")}).Node(0)
	warm(b, with)
	l := newLedger(rng, "bench", 20, 200)
	readers := make(map[*chaos.Node]*seen)
	for _, n := range []*chaos.Node{plain, with} {
		readers[n], _ = follow(b, n, "latest", l.all())
		readers[n].isLive(b)
	}
	arms := []struct {
		name string
		node *chaos.Node
		away bool
	}{{"none", plain, false}, {"up", with, false}, {"away", with, true}}
	turns := make(map[string][]turn)
	for b.Loop() {
		for round := range benchRounds + 1 {
			for _, i := range rng.Perm(len(arms)) {
				arm := arms[i]
				if arm.away {
					d.shut()
				}
				got := l.turn(b, arm.node, readers[arm.node])
				if arm.away {
					d.unlock()
				}
				caughtUp(b, 5*time.Minute, with)
				if round > 0 { // in the first the server compiles
					turns[arm.name] = append(turns[arm.name], got)
				}
			}
		}
	}
	median := func(list []turn, of func(turn) float64) float64 {
		values := make([]float64, len(list))
		for i := range list {
			values[i] = of(list[i])
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	for _, arm := range arms {
		list := turns[arm.name]
		cpu := median(list, func(t turn) float64 { return float64(t.cpu.Nanoseconds()) / 1000 })
		p99 := median(list, func(t turn) float64 { return ms(t.delivered99) })
		b.Logf("archive %s: %.0f records/s, %.1f µs a record (%.1f to %.1f), delivered p50 %.1f ms, p99 %.1f ms (%.1f to %.1f), acknowledged p50 %.1f ms, p99 %.1f ms", arm.name,
			median(list, func(t turn) float64 { return t.rate }), cpu,
			float64(slices.MinFunc(list, byCPU).cpu.Nanoseconds())/1000, float64(slices.MaxFunc(list, byCPU).cpu.Nanoseconds())/1000,
			median(list, func(t turn) float64 { return ms(t.delivered50) }), p99,
			ms(slices.MinFunc(list, byDelivery).delivered99), ms(slices.MaxFunc(list, byDelivery).delivered99),
			median(list, func(t turn) float64 { return ms(t.acknowledged50) }), median(list, func(t turn) float64 { return ms(t.acknowledged99) }))
		b.ReportMetric(cpu, arm.name+"-µs/record")
		b.ReportMetric(p99, arm.name+"-p99-ms")
	}
}

func byCPU(a, b turn) int      { return int(a.cpu - b.cpu) }
func byDelivery(a, b turn) int { return int(a.delivered99 - b.delivered99) }

// turn publishes for a while.
func (l *ledger) turn(b *testing.B, n *chaos.Node, s *seen) turn {
	b.Helper()
	cpu := func() float64 {
		seconds, err := n.Metric(b.Context(), "process_cpu_seconds_total")
		if err != nil {
			b.Fatal(err)
		}
		return seconds
	}
	s.lates()
	before, begin := cpu(), time.Now()
	stop := l.steady(b.Context(), n, benchRate)
	pause(b, benchLength)
	times, err := stop()
	if err != nil {
		b.Fatal(err)
	}
	took, used := time.Since(begin), cpu()-before
	late := s.lates()
	return turn{
		cpu: time.Duration(used / float64(len(late)) * float64(time.Second)), rate: float64(len(late)) / took.Seconds(),
		acknowledged50: quantile(times, 0.5), acknowledged99: quantile(times, 0.99), delivered50: quantile(late, 0.5), delivered99: quantile(late, 0.99),
	}
}
