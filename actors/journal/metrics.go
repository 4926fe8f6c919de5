package journal

import (
	"github.com/prometheus/client_golang/prometheus"

	"anode/storage"
)

type metrics struct {
	in      prometheus.Counter
	meshIn  prometheus.Counter
	appends prometheus.Histogram
	syncs   prometheus.Histogram
	// covers and uncovered count only with AckPeer.
	covers    prometheus.Histogram
	uncovered prometheus.Counter
}

// newMetrics makes the journal's metrics; records is anode_records_total, which others share.
func newMetrics(reg prometheus.Registerer, inbox *Inbox, journal storage.Journal) (*metrics, error) {
	// From 16 µs, a small write to the page cache, to 16 s, a disk that is lost.
	buckets := prometheus.ExponentialBuckets(16e-6, 4, 11)
	m := &metrics{
		in:        prometheus.NewCounter(prometheus.CounterOpts{Name: "anode_records_total", Help: "Records by direction.", ConstLabels: prometheus.Labels{"dir": "in"}}),
		meshIn:    prometheus.NewCounter(prometheus.CounterOpts{Name: "anode_records_total", Help: "Records by direction.", ConstLabels: prometheus.Labels{"dir": "mesh_in"}}),
		appends:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: "anode_journal_append_seconds", Help: "Time of one write of batches to the journal.", Buckets: buckets}),
		syncs:     prometheus.NewHistogram(prometheus.HistogramOpts{Name: "anode_journal_sync_seconds", Help: "Time of one fsync of the journal.", Buckets: buckets}),
		covers:    prometheus.NewHistogram(prometheus.HistogramOpts{Name: "anode_journal_cover_seconds", Help: "How long answers waited for a peer, once they were durable here (--ack peer).", Buckets: buckets}),
		uncovered: prometheus.NewCounter(prometheus.CounterOpts{Name: "anode_journal_uncovered_total", Help: "Submissions that no peer confirmed in time (--ack peer)."}),
	}
	if reg == nil {
		return m, nil
	}
	collectors := []prometheus.Collector{
		m.in, m.meshIn, m.appends, m.syncs, m.covers, m.uncovered,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "anode_journal_bytes", Help: "Size of the journal's segments."},
			func() float64 { return float64(journal.Stats().Bytes) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "anode_journal_damaged_total", Help: "Batches that failed their checksum."},
			func() float64 { return float64(journal.Stats().Damaged) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "anode_queue_depth", Help: "What waits in a queue: submissions, messages or frames.", ConstLabels: prometheus.Labels{"queue": "journal"}},
			func() float64 { queued, _ := inbox.pending(); return float64(queued) }),
	}
	for _, c := range collectors {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
