package sim

import (
	"fmt"
	"strings"
	"time"

	"anode/actors/gossip/core"
	"anode/messages/wire/frame"
)

// Result is what became of a run.
type Result struct {
	Seed  uint64 `json:"seed"`
	Nodes int    `json:"nodes"`
	// Up are the nodes that run at the end.
	Up int `json:"up"`
	// Simulated is how long the mesh ran, in its own time.
	Simulated time.Duration `json:"simulated_ns"`
	// Partial: the run was ended before its end.
	Partial bool `json:"partial,omitempty"`
	// Hash is over all that happened, in order: the same seed, actions and program give the same.
	Hash       string      `json:"hash"`
	Violations []Violation `json:"violations"`
	Figures    Figures     `json:"figures"`
	// Faults are the faults of the script, and how the mesh took them.
	Faults []Recovery `json:"faults,omitempty"`
	// Lasting says which faults last at the end: what is missing then breaks no promise.
	Lasting []string `json:"lasting,omitempty"`
	// Cost is what the run took of this machine.
	Cost Cost `json:"cost"`
}

// Figures are what was measured. Calm is what counts only batches that no fault was near: not at their sealing,
// nor until all nodes had them.
type Figures struct {
	// Sealed are the batches of the origins, Refused those that an origin could not take, Unstored those sealed that
	// no journal ever held, Gone those that one held and none of a node that runs does: by wipes and power cuts, not
	// counted where there is retention. Deliveries is how often a node appended a batch of another that was sealed while it
	// ran; Backfilled what it fetched of before.
	Sealed     uint64 `json:"sealed"`
	Refused    uint64 `json:"refused,omitempty"`
	Unstored   uint64 `json:"unstored,omitempty"`
	Gone       uint64 `json:"gone,omitempty"`
	Deliveries uint64 `json:"deliveries"`
	Backfilled uint64 `json:"backfilled"`
	// Missing is what somebody holds and somebody else does not, at the end, over all nodes.
	Missing uint64 `json:"missing"`
	// Latency is from the seal to the append at a node, Last to that of the last node that ran all the time.
	Latency     Quantiles `json:"latency"`
	CalmLatency Quantiles `json:"calm_latency"`
	Last        Quantiles `json:"last_delivery"`
	CalmLast    Quantiles `json:"calm_last_delivery"`
	// Status is from when a node published its status until another one was shown it, that ran then; Unshown is how many
	// pairs of nodes there are at the end of which one lacks a status of the other that is older than 3 s.
	Status  Quantiles `json:"status"`
	Unshown uint64    `json:"unshown,omitempty"`
	// Redundancy is how many copies of a batch a node gets beyond the first, on average.
	Redundancy     float64 `json:"redundancy"`
	CalmRedundancy float64 `json:"calm_redundancy"`
	// Hops are the links that a batch passes on its way by the tree.
	Hops    float64 `json:"hops_mean"`
	MaxHops int     `json:"hops_max"`
	// Repaired is the share of the deliveries to which something else was faster than the tree, Mended that to
	// which the tree came not at all.
	Repaired float64 `json:"repaired"`
	Mended   float64 `json:"mended"`
	// Control is bytes of other frames than pushes, of each node and second, in all and by the frame's type;
	// Data those of pushes.
	Control float64            `json:"control_bytes_per_node_second"`
	ByType  map[string]float64 `json:"control_bytes_per_node_second_by_type"`
	Data    float64            `json:"data_bytes_per_node_second"`
	// MaxQueue and MaxAppending are the most bytes that waited in a link's queue, and for a journal.
	MaxQueue     int `json:"max_queue_bytes"`
	MaxAppending int `json:"max_appending_bytes"`
	// GaveUp counts holes that were given up, Gaps what readers were told of, Forks batches at a place that
	// another one had, Stopped nodes whose identity was in use.
	GaveUp  uint64 `json:"gave_up"`
	Gaps    uint64 `json:"gaps"`
	Forks   uint64 `json:"forks,omitempty"`
	Stopped uint64 `json:"stopped,omitempty"`
	// Lost are the frames that the network lost.
	Lost uint64 `json:"lost_frames"`
	// Core are the sums of the cores' own counts.
	Core Counts `json:"core"`
	// Flooding is what flooding would have done with some of the calm batches.
	Flooding *Flooding `json:"flooding,omitempty"`
}

// Counts are what the cores counted, of all nodes and all their lives.
type Counts struct {
	// Pulls, Grafts and Prunes were sent; of Retries nothing came in time.
	Pulls   uint64 `json:"pulls"`
	Grafts  uint64 `json:"grafts"`
	Prunes  uint64 `json:"prunes"`
	Retries uint64 `json:"retries"`
	// Redundant are batches that came and were held, Skipped pushes that a full link did not get, Refused
	// batches for which there was no room before the journal, Ignored what made no sense.
	Redundant uint64 `json:"redundant"`
	Skipped   uint64 `json:"skipped"`
	Refused   uint64 `json:"refused"`
	Ignored   uint64 `json:"ignored"`
}

func (c *Counts) add(s core.Stats) {
	c.Pulls += s.Pulls
	c.Grafts += s.Grafts
	c.Prunes += s.Prunes
	c.Retries += s.Retries
	c.Redundant += s.Redundant
	c.Skipped += s.Skipped
	c.Refused += s.Refused
	c.Ignored += s.Ignored
}

// Flooding compares with sending each batch to everybody at first sight, on the same links: nothing is
// faster on them.
type Flooding struct {
	// Batches are how many were compared.
	Batches int `json:"batches"`
	// Last is when the last node would have had them, Ours when it did.
	Last Quantiles `json:"last_delivery"`
	Ours Quantiles `json:"ours"`
	// Ratio is of Ours to Last, at 99 of a hundred.
	Ratio float64 `json:"p99_ratio"`
	// Redundancy is how many copies beyond the first a node would have got. Missed is the share of the nodes
	// that would not have got a batch.
	Redundancy float64 `json:"redundancy"`
	Missed     float64 `json:"missed"`
}

// Recovery is how the mesh took a fault, up to the next one.
type Recovery struct {
	Fault string        `json:"fault"`
	At    time.Duration `json:"at_ns"`
	// Whole is how long after it the last batch was sealed that the tree alone did not bring to everybody.
	Whole time.Duration `json:"push_path_whole_ns"`
	// Complete is how long something was missing that was older than half a second.
	Complete time.Duration `json:"complete_ns"`
	// Never: something was still missing at the end.
	Never bool `json:"never,omitempty"`
}

// Cost is what a run took.
type Cost struct {
	Events          uint64        `json:"events"`
	Took            time.Duration `json:"took_ns"`
	EventsPerSecond float64       `json:"events_per_second"`
	// Memory is what the process had in use at the end, for each node.
	Memory uint64 `json:"memory_bytes_per_node"`
}

// OK tells whether no promise was broken.
func (r *Result) OK() bool { return len(r.Violations) == 0 }

// Err is nil where no promise was broken, and else says which were.
func (r *Result) Err() error {
	if r.OK() {
		return nil
	}
	lines := make([]string, 0, len(r.Violations))
	for _, v := range r.Violations {
		lines = append(lines, v.String())
	}
	return fmt.Errorf("seed %d: %s", r.Seed, strings.Join(lines, "\n"))
}

// Verdict says in a few words what came of the run.
func (r *Result) Verdict() string {
	f := &r.Figures
	switch {
	case len(r.Violations) == 1:
		return "BROKEN: a promise was broken"
	case !r.OK():
		return fmt.Sprintf("BROKEN: promises were broken %d times", len(r.Violations))
	case r.Partial:
		return "interrupted: what was under way then was not waited for; until then no promise was broken"
	case f.Sealed == 0 && f.Refused == 0 && f.Backfilled == 0:
		return "nothing was published: this shows little"
	case r.Up == 0:
		return "no promise was broken; no node runs at the end: this shows little"
	case f.Missing > 0 && len(r.Lasting) > 0:
		return fmt.Sprintf("no promise was broken; not everything is everywhere, which is not promised as long as %s", strings.Join(r.Lasting, ", "))
	case f.Missing > 0:
		return "no promise was broken; not everything is everywhere yet"
	case f.Sealed == f.Unstored:
		return "no promise was broken; no journal took a batch: this shows little"
	case f.Gone > 0:
		return "no promise was broken; what is left is everywhere, but some batches are on no node that runs"
	}
	return "ok: everything is everywhere, and no promise was broken"
}

// Result is what there is of the run until now.
func (s *Sim) Result() *Result {
	s.spent()
	r := &Result{
		Seed: s.cfg.Seed, Nodes: len(s.nodes), Up: s.up, Simulated: time.Duration(s.now),
		Hash: fmt.Sprintf("%016x", uint64(s.hash)), Violations: s.violations, Figures: s.measure(), Faults: s.recoveries(),
		Lasting: s.excuses(),
	}
	if r.Violations == nil {
		r.Violations = []Violation{}
	}
	r.Cost = Cost{Events: s.events, Took: s.took, Memory: memory() / uint64(len(s.nodes))}
	if s.took > 0 {
		r.Cost.EventsPerSecond = float64(s.events) / s.took.Seconds()
	}
	return r
}

// share is a part of a whole; 0 of nothing.
func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}

func (s *Sim) measure() Figures {
	c := &s.figures
	f := Figures{
		Sealed: c.sealed, Refused: c.refused, Deliveries: c.delivered, Backfilled: c.backfilled, Missing: s.missing(s.now - grace),
		Latency: c.latency.quantiles(), CalmLatency: c.calmLatency.quantiles(), Last: c.last.quantiles(), CalmLast: c.calmLast.quantiles(),
		Hops: share(float64(c.hops), float64(c.hopped)), MaxHops: int(c.maxHop), Repaired: share(float64(c.repaired), float64(c.delivered)),
		MaxQueue: c.maxQueue, MaxAppending: c.maxAppending, GaveUp: c.gaveUp, Gaps: c.gaps, Forks: c.forks, Stopped: c.stopped,
		Lost: c.lost, ByType: make(map[string]float64),
	}
	f.Status, f.Unshown = c.statuses.quantiles(), s.unshown()
	f.Redundancy, f.CalmRedundancy = s.redundancy()
	f.Unstored, f.Gone = s.unheld()
	f.Mended = share(s.mended(), float64(c.delivered))
	for t, bytes := range c.bytes {
		if bytes == 0 {
			continue
		}
		rate := share(float64(bytes)*1e9, c.upTime)
		if frame.Type(t) == frame.TypePush {
			f.Data = rate
			continue
		}
		f.ByType[typeName(frame.Type(t))] = rate
		f.Control += rate
	}
	for _, n := range s.nodes {
		if f.Core.add(n.past); n.up {
			f.Core.add(n.core.Stats())
		}
	}
	if s.flood.samples > 0 {
		f.Flooding = s.flood.compare()
	}
	return f
}

// redundancy is how many copies a node gets beyond the first, of all batches and of the calm ones.
func (s *Sim) redundancy() (all, calm float64) {
	var received, have, calmReceived, calmHave float64
	for _, b := range s.truth.batches {
		if b.old {
			continue
		}
		received += float64(b.received)
		have += float64(b.got)
		if b.calm {
			calmReceived += float64(b.received)
			calmHave += float64(b.got)
		}
	}
	return share(received-have, have), share(calmReceived-calmHave, calmHave)
}

// unheld counts the batches that no journal ever held, and those that none of a node that runs holds any more.
func (s *Sim) unheld() (unstored, gone uint64) {
	bounded := s.cfg.RetentionBytes > 0 || s.cfg.RetentionAge > 0
	for _, b := range s.truth.batches {
		switch {
		case b.holders > 0 || b.old:
		case !b.stored:
			unstored++
		case !bounded:
			gone++
		}
	}
	return unstored, gone
}

// mended counts the deliveries to which the tree came not at all.
func (s *Sim) mended() (sum float64) {
	for _, b := range s.truth.batches {
		sum += float64(len(b.mended))
	}
	return sum
}

func (f *flood) compare() *Flooding {
	r := &Flooding{
		Batches: f.samples, Last: f.last.quantiles(), Ours: f.tree.quantiles(),
		Redundancy: share(float64(f.received-f.reached), float64(f.reached)), Missed: share(float64(f.missed), float64(f.reached+f.missed)),
	}
	r.Ratio = share(float64(r.Ours.P99), float64(r.Last.P99))
	return r
}

func (s *Sim) recoveries() []Recovery {
	list := make([]Recovery, 0, len(s.phases))
	for i, p := range s.phases {
		r := Recovery{Fault: p.action, At: time.Duration(p.at)}
		r.Whole = time.Duration(s.wholeAt(i) - p.at)
		r.Complete = time.Duration(max(0, p.missedAt-p.at))
		r.Never = i == len(s.phases)-1 && !s.whole
		list = append(list, r)
	}
	return list
}
