package sim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/testkit/sim"
)

// What is lost from the middle of flows comes back from those that have it, and no reader notices.
func TestHolesInTheMiddleAreFilled(t *testing.T) {
	r := sim.Try(t, sim.Config{Nodes: 10, Seed: 1, Duration: 20 * time.Second, Readers: 10}, `
		2s  load origins=4 rate=10
		8s  damage 3 30%
		10s damage any:3 20%
		12s damage all 5%
	`)
	if f := r.Figures; f.GaveUp > 0 || f.Gaps > 0 {
		t.Errorf("%d holes were given up, readers had %d gaps: others held all of it", f.GaveUp, f.Gaps)
	}
}

// An origin that is cut off with one peer goes on, restarts, and goes on: the others get the end of the old epoch and
// the new one when the network is whole, and their readers the old end first.
func TestTheTailOfAnOldEpochArrivesLate(t *testing.T) {
	r := sim.Try(t, sim.Config{Nodes: 10, Seed: 2, Duration: 25 * time.Second, Readers: 10}, `
		2s  load at=0 rate=20
		6s  partition 0-1 | 2-9
		9s  crash 0 back=1s
		14s heal
	`)
	if f := r.Figures; f.GaveUp > 0 || f.Gaps > 0 {
		t.Errorf("%d holes were given up, readers had %d gaps", f.GaveUp, f.Gaps)
	}
}

// What an origin numbered just before its disk was lost, and only a peer that is away holds, is beyond the end that
// the next epoch names: it is stored when it turns up, and read by nobody in order.
func TestATailBeyondTheNamedEndIsKept(t *testing.T) {
	m := newMesh(t, sim.Config{Nodes: 6, Seed: 3, Duration: 30 * time.Second, Readers: 6}, `
		2s  load at=0 rate=20
		5s  partition 0-1 | 2-5
		7s  crash 1
		7s  crash 0 wipe
		9s  heal
		10s restart 0
		20s restart 1
	`)
	m.to(19 * time.Second)
	old := m.Core(2).Lines()[m.ID(0)].Oldest()
	before, _ := m.Core(2).Lines()[m.ID(0)].Epoch(old)
	m.Must(t)
	after, _ := m.Core(2).Lines()[m.ID(0)].Epoch(old)
	if after.Head <= before.Head || len(after.Holes) > 0 {
		t.Errorf("of the old epoch node 2 held up to %d, and now up to %d with the holes %v", before.Head, after.Head, after.Holes)
	}
}

// A reader comes to a node that is behind it: it waits there, and goes on where it was.
func TestAReaderWaitsOnANodeThatIsBehindItsCursor(t *testing.T) {
	m := newMesh(t, sim.Config{Nodes: 8, Seed: 4, Duration: 20 * time.Second}, `
		2s  load at=0 rate=50
		5s  crash 3
		12s bandwidth 3 16KiB
		12s restart 3
	`)
	m.to(12*time.Second + 200*time.Millisecond)
	cursor := m.Core(5).Lines().Head(m.ID(0)).BatchEnd()
	if step := m.Core(3).Lines().Next(cursor); step.Kind != messages.StepHead {
		t.Fatalf("on the node that is behind, after %s comes %+v", cursor, step)
	}
	m.Must(t)
	step := m.Core(3).Lines().Next(cursor)
	if step.Kind != messages.StepBatch || step.Batch.Sequence != cursor.Sequence+1 {
		t.Errorf("when it is not behind any more, after %s comes %+v", cursor, step)
	}
}

// A node that lost its disk delivers what is live at once; what is old comes behind it.
func TestAWipedNodeDeliversLiveAtOnce(t *testing.T) {
	m := newMesh(t, sim.Config{Nodes: 8, Seed: 5, Duration: 20 * time.Second, Readers: 8, Bandwidth: 1 << 20}, `
		0s  history origins=4 batches=400 size=16KiB age=1h
		1s  load at=0-3 rate=20 size=300
		6s  crash 5 wipe back=1s
	`)
	m.to(9 * time.Second)
	fresh, behind := m.Core(5).Lines().Head(m.ID(0)), m.Core(4).Lines().Head(m.ID(0))
	if fresh.Epoch != behind.Epoch || fresh.Sequence+10 < behind.Sequence {
		t.Errorf("two seconds after its start it is at %s, others at %s", fresh, behind)
	}
	if missing := m.Core(5).Stats().Missing; missing < 100 {
		t.Errorf("it misses only %d batches: nothing is shown by that", missing)
	}
	m.Must(t)
}

// Of two nodes with one identity one goes on: where both are heard of the newcomer is refused; after a partition
// the one with the higher epoch, which began later, stops.
func TestAClonedIdentityStops(t *testing.T) {
	for what, script := range map[string]string{
		"beside the original":             "2s load at=0-3 rate=5\n6s clone 0",
		"on the other side of the mesh":   "2s load at=0-3 rate=5\n6s partition 0-4\n9s clone 0\n14s heal",
		"while the original is cut off":   "2s load at=0-3 rate=5\n6s partition 0\n12s clone 0\n20s heal",
		"and the original then restarted": "2s load at=0-3 rate=5\n6s clone 0\n8s crash 1 back=1s",
	} {
		t.Run(what, func(t *testing.T) {
			m := newMesh(t, sim.Config{Nodes: 9, Seed: 6, Duration: 50 * time.Second, Converge: 40 * time.Second}, script)
			r := m.Must(t)
			if r.Figures.Stopped != 1 || !m.Up(0) {
				t.Errorf("%d nodes have stopped, the original runs: %t", r.Figures.Stopped, m.Up(0))
			}
		})
	}
}

// A clock that is set to the year 2100 concerns nobody but its node, and that one only until it is set right.
func TestAClockSetTo2100PoisonsNobody(t *testing.T) {
	m := newMesh(t, sim.Config{Nodes: 8, Seed: 7, Duration: 40 * time.Second, Readers: 8}, `
		2s  load at=0-4 rate=5
		6s  clock 0 +650000h
		10s crash 0 back=1s
		16s clock 0 -650000h
		20s crash 0 back=1s
	`)
	m.Must(t)
	next := messages.HLCFromMillis(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	lines := m.Core(7).Lines()
	for n := sim.Node(1); n < 5; n++ {
		for e := range lines[m.ID(n)].Epochs() {
			if e.HeadHLC > next {
				t.Errorf("node %d gave the reading %s", n, e.HeadHLC.Time())
			}
		}
	}
	if e, _ := lines[m.ID(0)].Epoch(lines[m.ID(0)].Newest()); e.HeadHLC > next {
		t.Errorf("after its clock was set right and it restarted node 0 gives the reading %s", e.HeadHLC.Time())
	}
}

// A node that was away for longer than the others keep what came meanwhile gets the rest, and its readers are told.
func TestANodeThatWasAwayLongerThanRetention(t *testing.T) {
	r := sim.Try(t, sim.Config{Nodes: 6, Seed: 8, Duration: 5 * time.Minute, Readers: 6, RetentionAge: 40 * time.Second}, `
		2s   load at=0-1 rate=5
		20s  crash 4
		200s restart 4
	`)
	if f := r.Figures; f.Gaps == 0 || f.Missing > 0 {
		t.Errorf("readers had %d gaps, %d batches are missing", f.Gaps, f.Missing)
	}
}

// A link that carries less than what is live holds up nobody but its own node, and that one only as long as it must.
func TestALinkSlowerThanLiveHoldsUpNobodyElse(t *testing.T) {
	const load = "2s load at=0-3 rate=20 size=1KiB spacing=even for=30s"
	run := func(script string) (*mesh, *meter) {
		meter := newMeter()
		m := newMesh(t, meter.on(sim.Config{Nodes: 9, Seed: 9, Duration: 40 * time.Second, Converge: 3 * time.Minute}), script)
		m.Must(t)
		return m, meter
	}
	_, calm := run(load)
	m, slow := run("0s bandwidth 8 16KiB\n" + load)
	if got, want := slow.quantile(0.99, m.ID(8)), calm.quantile(0.99, m.ID(8)); got > want+20*time.Millisecond {
		t.Errorf("beside the slow node 99 of 100 batches come within %s, without it within %s", got, want)
	}
	if got := slow.quantile(0.5); got > time.Second {
		t.Errorf("half of all batches take more than %s", got)
	}
}

// 10 GiB that a new node fetches don't hold up what is live.
func TestABackfillOfTenGiBBesideLiveData(t *testing.T) {
	const load = "1s load at=0-2 rate=5 size=300 spacing=even for=30s\n"
	batches := 4096
	if !long() {
		batches = 256 // 640 MiB
	}
	run := func(script string) (*meter, *mesh, *sim.Result) {
		meter := newMeter()
		cfg := sim.Config{Nodes: 10, Seed: 10, Duration: 40 * time.Second, Converge: 20 * time.Minute, Bandwidth: 32 << 20, Readers: 2}
		m := newMesh(t, meter.on(cfg), script)
		return meter, m, m.Must(t)
	}
	calm, _, _ := run(load)
	busy, m, r := run(fmt.Sprintf("0s history at=0-8 on=0-8 batches=%d size=256KiB age=6h\n", batches*10/9) + load)
	if got := m.Held(9); got < batches*9 {
		t.Errorf("the new node holds %d batches", got)
	}
	for _, share := range []float64{0.5, 0.99} {
		if got, want := busy.quantile(share), calm.quantile(share); got > want*3/2+30*time.Millisecond {
			t.Errorf("%g of the batches come within %s, without the backfill within %s", share, got, want)
		}
	}
	t.Logf("%d MiB in %s; 99 of 100 live batches within %s, without it %s", batches*10/4, r.Simulated, busy.quantile(0.99), calm.quantile(0.99))
}

// A node that restarts all the time makes thousands of epochs: digests stay as short as days are few.
func TestThousandsOfRestartsOfOneNode(t *testing.T) {
	restarts := 150
	if long() {
		restarts = 3000
	}
	var script strings.Builder
	script.WriteString("1s load at=0 rate=4\n2s load at=1 rate=1\n")
	for i := range restarts {
		fmt.Fprintf(&script, "%dms crash 0 back=200ms\n", 3000+i*1500)
	}
	meter := newMeter()
	span := time.Duration(restarts)*1500*time.Millisecond + 10*time.Second
	m := newMesh(t, meter.on(sim.Config{Nodes: 6, Seed: 11, Duration: span, Readers: 3}), script.String())
	r := m.Must(t)
	epochs := 0
	for range m.Core(5).Lines()[m.ID(0)].Epochs() {
		epochs++
	}
	if epochs < restarts/2 {
		t.Fatalf("there are only %d epochs", epochs)
	}
	largest := 0
	for _, size := range meter.digests {
		largest = max(largest, size)
	}
	if largest > 500 {
		t.Errorf("with %d epochs the largest digest has %d bytes", epochs, largest)
	}
	t.Logf("%d epochs: digests of at most %d bytes, %d lists of closed epochs, %.0f bytes of digests a node and second", epochs, largest, len(meter.lists), r.Figures.ByType["digest"])
	if rate := r.Figures.ByType["digest"]; rate > 40_000 {
		t.Errorf("digests take %.0f bytes a node and second", rate)
	}
}

// Five seconds after both halves of a mesh have their links again, each has what the other one had.
func TestAPartitionOfTwentySecondsHealsInFive(t *testing.T) {
	seeds(t, 5, 50, func(t *testing.T, seed uint64) {
		m := newMesh(t, sim.Config{Nodes: 20, Seed: seed, Duration: 60 * time.Second}, `
			2s  load origins=6 rate=10
			8s  partition 0-9 | 10-19
			28s stop
			28s heal
		`)
		m.to(28 * time.Second)
		linked := m.until("all links are up", 20*time.Second, m.linked)
		whole := m.until("everything is everywhere", 30*time.Second, m.whole)
		if took := whole - linked; took > 5*time.Second {
			t.Errorf("it took %s after the links were up, which took %s", took, linked-28*time.Second)
		}
		m.Must(t)
	})
}

// TCP lets nothing be lost; the mesh would stand it.
func TestFramesThatAreLost(t *testing.T) {
	for _, loss := range []float64{0.01, 0.05} {
		t.Run(fmt.Sprintf("%g%%", loss*100), func(t *testing.T) {
			seeds(t, 3, 30, func(t *testing.T, seed uint64) {
				cfg := sim.Config{Nodes: 50, Seed: seed, Duration: 20 * time.Second, Loss: loss}
				r := sim.Try(t, cfg, "2s load origins=5 rate=10")
				if f := r.Figures; f.Missing > 0 || f.Deliveries < f.Sealed*uint64(r.Nodes-1) || f.GaveUp > 0 {
					t.Errorf("%d batches of %d were delivered %d times, %d are missing", f.Sealed, f.Sealed, f.Deliveries, f.Missing)
				}
			})
		})
	}
}
