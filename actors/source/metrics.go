package source

import "github.com/prometheus/client_golang/prometheus"

// describe is one metric of each source.
func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, append([]string{"source"}, labels...), nil)
}

// figures are the metrics of sources.
type figures struct{ records, state, dropped, errors, untimed, missing, restarts, inFlight, refused, crossed, yielded, standby, reread *prometheus.Desc }

func newFigures() figures {
	return figures{
		records:  describe("anode_source_records_total", "Records of a source that the journal has."),
		state:    describe("anode_source_state", "1 for the state that a source is in, 0 for the others.", "state"),
		dropped:  describe("anode_source_dropped_total", "What made no record: filtered, duplicate, limited, failed, or unstored by the journal.", "reason"),
		errors:   describe("anode_source_errors_total", "Errors of a source: of its connections and of its messages."),
		untimed:  describe("anode_source_untimed_total", "Records whose time could not be read."),
		missing:  describe("anode_source_missing_total", "What did not come, by the feed's own numbering (the spec's sequence)."),
		restarts: describe("anode_source_restarts_total", "Connections that followed an earlier one."),
		inFlight: describe("anode_source_in_flight", "Records on their way into the journal."),
		crossed:  describe("anode_source_crossed_total", "Records of a source that this node numbered, and heard of while it ran the source that another node did too: each of the two counts one, as far as deduplication remembers it. Not counted are those of a source without dedupe, of before this node began to run it, and of another's that were read again from the journal after a full queue (native ids)."),
		yielded:  describe("anode_source_yielded_total", "What an owner that is not the first, or takes over, held back and did not number, as another one had."),
		standby:  describe("anode_source_standby_records", "What an owner that is not the first, or takes over, holds back."),
		reread:   describe("anode_source_reread_total", "How often the journal was read for what other nodes numbered, as a queue was full."),
		refused:  describe("anode_source_push_refused_total", "Senders to a push source that were refused: unauthorized, or crowded for want of room.", "reason"),
	}
}

// Describe implements prometheus.Collector.
func (s *Sources) Describe(to chan<- *prometheus.Desc) {
	f := newFigures()
	for _, d := range []*prometheus.Desc{f.records, f.state, f.dropped, f.errors, f.untimed, f.missing, f.restarts, f.inFlight, f.refused, f.crossed, f.yielded, f.standby, f.reread, reportsDropped(), learningDropped(), learningDepth(), left()} {
		to <- d
	}
}

func reportsDropped() *prometheus.Desc {
	return prometheus.NewDesc("anode_queue_dropped_total", "What a full queue refused.", nil, prometheus.Labels{"queue": "source_reports"})
}

func learningDropped() *prometheus.Desc {
	return prometheus.NewDesc("anode_queue_dropped_total", "What a full queue refused.", nil, prometheus.Labels{"queue": "source_learning"})
}

func left() *prometheus.Desc {
	return prometheus.NewDesc("anode_sources_left_total", "What sources that ended on this node had held back, and was not numbered here: it is left to the other owners.", nil, nil)
}

func learningDepth() *prometheus.Desc {
	return prometheus.NewDesc("anode_queue_depth", "What waits in a queue: submissions, messages or frames.", nil, prometheus.Labels{"queue": "source_learning"})
}

// Collect implements prometheus.Collector: a source that is gone has no series.
func (s *Sources) Collect(to chan<- prometheus.Metric) {
	f := newFigures()
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, n float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	for _, b := range s.all() {
		count(f.records, b.records.Load(), b.name)
		count(f.errors, b.errors.Load(), b.name)
		count(f.untimed, b.untimed.Load(), b.name)
		count(f.missing, b.missing.Load(), b.name)
		count(f.restarts, max(b.connects.Load(), 1)-1, b.name)
		count(f.dropped, b.filtered.Load(), b.name, "filtered")
		count(f.dropped, b.duplicate.Load(), b.name, "duplicate")
		count(f.dropped, b.limited.Load(), b.name, "limited")
		count(f.dropped, b.failed.Load(), b.name, "failed")
		count(f.dropped, b.unstored.Load(), b.name, "unstored")
		gauge(f.inFlight, float64(b.inFlight.Load()), b.name)
		count(f.crossed, b.crossed.Load(), b.name)
		count(f.yielded, b.yielded.Load(), b.name)
		count(f.reread, b.reread.Load(), b.name)
		gauge(f.standby, float64(b.held()), b.name)
		if b.inbox.Load() != nil {
			count(f.refused, b.unauthorized.Load(), b.name, "unauthorized")
			count(f.refused, b.crowded.Load(), b.name, "crowded")
		}
		is := b.shown.Load().state
		for _, state := range states() {
			on := 0.0
			if state == is {
				on = 1
			}
			gauge(f.state, on, b.name, state)
		}
	}
	count(reportsDropped(), s.cfg.reporter.dropped.Load())
	count(learningDropped(), s.cfg.learner.dropped.Load())
	count(left(), s.cfg.learner.left.Load())
	gauge(learningDepth(), float64(s.cfg.learner.depth()))
}
