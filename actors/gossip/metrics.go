package gossip

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anode/actors/gossip/core"
	"anode/actors/gossip/link"
	"anode/actors/gossip/member"
	"anode/messages/wire"
)

// metrics are the mesh's. Counts of the core begin anew with each incarnation: they are summed.
type metrics struct {
	out      prometheus.Counter
	delivery prometheus.Histogram
	claims   prometheus.Counter
	strange  prometheus.Counter
	banned   prometheus.Counter
	again    prometheus.Counter
	failed   *prometheus.CounterVec
	rtt      *prometheus.GaugeVec

	mu sync.Mutex // guards what follows; a leaf
	// now are the present core's counts, past those of the ones before.
	now, past core.Stats
	// calls are what the present list of members counted, pastCalls the ones before.
	calls, pastCalls member.Stats
}

// newMetrics makes and registers them; nil registers none.
func newMetrics(g *Gossip, reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		out: prometheus.NewCounter(prometheus.CounterOpts{Name: "anode_records_total", Help: "Records by direction.", ConstLabels: prometheus.Labels{"dir": "mesh_out"}}),
		delivery: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "anode_mesh_delivery_seconds", Help: "Time from the origin's clock to the append here, of batches that came as they were made.",
			Buckets: []float64{0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
		}),
		claims:  counter("anode_mesh_impostors_total", "Newcomers that were refused because the node that they say to be lives."),
		strange: counter("anode_mesh_strange_status_total", "Ephemeral records of other nodes that were dropped because they can't be read."),
		banned:  counter("anode_mesh_banned_total", "Links of banned nodes that were refused."),
		again:   counter("anode_mesh_asked_again_total", "Questions that were asked again over another link, as theirs was lost."),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "anode_mesh_dial_failures_total", Help: "Tries to reach a peer that failed, by reason.",
		}, []string{"reason"}),
		rtt: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "anode_link_rtt_seconds", Help: "Time of a ping over a link."}, []string{"peer"}),
	}
	if reg == nil {
		return m, nil
	}
	own := []prometheus.Collector{m.out, m.delivery, m.claims, m.strange, m.banned, m.again, m.failed, m.rtt, refusalCounter{g}, callRefusalCounter{m}}
	collectors := slices.Concat(own, m.ofCore(), queuesOf(g), countersOf(&g.counters))
	for _, c := range collectors {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// ofCore shows the core's counts.
func (m *metrics) ofCore() (collectors []prometheus.Collector) {
	for _, c := range []struct {
		name, help string
		value      func(now, past *core.Stats) uint64
	}{
		{"anode_mesh_redundant_total", "Batches that came and were held already.", func(n, p *core.Stats) uint64 { return n.Redundant + p.Redundant }},
		{"anode_mesh_repaired_total", "Batches that came because they were asked for.", func(n, p *core.Stats) uint64 { return n.Repaired + p.Repaired }},
		{"anode_mesh_backfilled_total", "Batches that are older than this node's first contact with their origin.", func(n, p *core.Stats) uint64 { return n.Backfilled + p.Backfilled }},
		{"anode_mesh_pushed_total", "Batches that came as they were made.", func(n, p *core.Stats) uint64 { return n.Pushed + p.Pushed }},
		{"anode_mesh_gave_up_total", "Holes that were given up: no node has what is missing.", func(n, p *core.Stats) uint64 { return n.GaveUp + p.GaveUp }},
		{"anode_mesh_forks_total", "Batches at whose place another one is held.", func(n, p *core.Stats) uint64 { return n.Forks + p.Forks }},
		{"anode_mesh_postponed_total", "Events of the registry that a link which takes nothing did not get when they came; they are found later.", func(n, p *core.Stats) uint64 { return n.Postponed + p.Postponed }},
		{"anode_mesh_control_bytes_total", "Bytes of control frames that were sent.", func(n, p *core.Stats) uint64 { return n.Control + p.Control }},
	} {
		collectors = append(collectors, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: c.name, Help: c.help}, func() float64 {
			m.mu.Lock()
			defer m.mu.Unlock()
			return float64(c.value(&m.now, &m.past))
		}))
	}
	for _, c := range []struct {
		name, help string
		value      func(*core.Stats) float64
	}{
		{"anode_mesh_missing_batches", "Batches that exist somewhere and are not held here yet.", func(s *core.Stats) float64 { return float64(s.Missing) }},
		{"anode_mesh_links", "Links that are up.", func(s *core.Stats) float64 { return float64(s.Links) }},
	} {
		collectors = append(collectors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: c.name, Help: c.help}, func() float64 {
			m.mu.Lock()
			defer m.mu.Unlock()
			return c.value(&m.now)
		}))
	}
	return collectors
}

// queuesOf shows how much waits.
func queuesOf(g *Gossip) (collectors []prometheus.Collector) {
	for queue, depth := range map[string]func(l *loop) int{
		"gossip":        func(l *loop) int { return len(l.frames) + l.mail.waiting() },
		"gossip/chores": func(l *loop) int { return l.chores.waiting() },
	} {
		collectors = append(collectors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "anode_queue_depth", Help: "What waits in a queue: submissions, messages or frames.", ConstLabels: prometheus.Labels{"queue": queue},
		}, func() float64 {
			if l := g.loop.Load(); l != nil {
				return float64(depth(l))
			}
			return 0
		}))
	}
	return collectors
}

// countersOf shows the counts of links.
func countersOf(all *link.Counters) (collectors []prometheus.Collector) {
	for name, value := range map[string]func(c *link.Counters) uint64{
		"anode_mesh_bytes_in_total":  func(c *link.Counters) uint64 { return c.BytesIn.Load() },
		"anode_mesh_bytes_out_total": func(c *link.Counters) uint64 { return c.BytesOut.Load() },
		"anode_mesh_writes_total":    func(c *link.Counters) uint64 { return c.Writes.Load() },
		"anode_mesh_damaged_total":   func(c *link.Counters) uint64 { return c.Damaged.Load() },
		"anode_mesh_unknown_total":   func(c *link.Counters) uint64 { return c.Unknown.Load() },
	} {
		collectors = append(collectors, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: helps[name]}, func() float64 { return float64(value(all)) }))
	}
	return collectors
}

var helps = map[string]string{
	"anode_mesh_bytes_in_total":  "Bytes that came over links, with all that TLS adds.",
	"anode_mesh_bytes_out_total": "Bytes that went over links, with all that TLS adds.",
	"anode_mesh_writes_total":    "Writes to links.",
	"anode_mesh_damaged_total":   "Batches that came over links and were damaged.",
	"anode_mesh_unknown_total":   "Frames of a type that this version does not know.",
}

// refusalCounter shows connections that did not become a link, by reason.
type refusalCounter struct{ gossip *Gossip }

var refusalDesc = prometheus.NewDesc("anode_mesh_refused_total", "Connections that did not become a link, by reason.", []string{"reason"}, nil)

// Describe implements prometheus.Collector.
func (refusalCounter) Describe(ch chan<- *prometheus.Desc) { ch <- refusalDesc }

// Collect implements prometheus.Collector.
func (r refusalCounter) Collect(ch chan<- prometheus.Metric) {
	for reason := link.Reason(0); reason < link.Reasons; reason++ {
		ch <- prometheus.MustNewConstMetric(refusalDesc, prometheus.CounterValue, float64(r.gossip.counters.Refused[reason].Load()), reason.String())
	}
}

// callRefusalCounter shows what was refused of calls among members, by reason.
type callRefusalCounter struct{ metrics *metrics }

var callRefusalDesc = prometheus.NewDesc("anode_mesh_calls_refused_total",
	"Datagrams and calls of other nodes about who is in the mesh that were refused, by reason.", []string{"reason"}, nil)

// Describe implements prometheus.Collector.
func (callRefusalCounter) Describe(ch chan<- *prometheus.Desc) { ch <- callRefusalDesc }

// Collect implements prometheus.Collector.
func (c callRefusalCounter) Collect(ch chan<- prometheus.Metric) {
	c.metrics.mu.Lock()
	now, past := c.metrics.calls, c.metrics.pastCalls
	c.metrics.mu.Unlock()
	for reason, count := range map[string]uint64{
		"cluster": now.Cluster + past.Cluster, "secret": now.Secret + past.Secret, "garbage": now.Garbage + past.Garbage, "busy": now.Busy + past.Busy,
	} {
		ch <- prometheus.MustNewConstMetric(callRefusalDesc, prometheus.CounterValue, float64(count), reason)
	}
}

// take takes the counts of the core and the members, and how links are.
func (m *metrics) take(s core.Stats, calls member.Stats, links []core.LinkStats) {
	m.mu.Lock()
	m.now, m.calls = s, calls
	m.mu.Unlock()
	m.rtt.Reset()
	for _, l := range links {
		m.rtt.WithLabelValues(string(l.Peer)).Set(l.RTT.Seconds())
	}
}

// end adds the counts of a core and its members that are no more to those of the past.
func (m *metrics) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, n := &m.past, &m.now
	p.Redundant, p.Repaired, p.Backfilled = p.Redundant+n.Redundant, p.Repaired+n.Repaired, p.Backfilled+n.Backfilled
	p.Pushed, p.GaveUp, p.Forks, p.Control = p.Pushed+n.Pushed, p.GaveUp+n.GaveUp, p.Forks+n.Forks, p.Control+n.Control
	p.Postponed += n.Postponed
	m.now = core.Stats{}
	q, c := &m.pastCalls, &m.calls
	q.Cluster, q.Secret, q.Garbage, q.Busy = q.Cluster+c.Cluster, q.Secret+c.Secret, q.Garbage+c.Garbage, q.Busy+c.Busy
	m.calls = member.Stats{}
}

// observe counts how long a batch took to come.
func (m *metrics) observe(now time.Time, b *wire.Sealed) {
	m.delivery.Observe(max(0, float64(now.UnixMilli()-b.Last.Millis())/1000))
}
