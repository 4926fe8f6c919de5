package hub

import (
	"github.com/prometheus/client_golang/prometheus"

	"anode/messages/command"
)

type metrics struct {
	out      prometheus.Counter
	delivery prometheus.Histogram
	dropped  *prometheus.CounterVec
	lagged   *prometheus.CounterVec
	overrun  prometheus.Counter
}

func newMetrics(h *Hub, reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		out:      prometheus.NewCounter(prometheus.CounterOpts{Name: "anode_records_total", Help: "Records by direction.", ConstLabels: prometheus.Labels{"dir": "out"}}),
		delivery: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "anode_delivery_seconds", Help: "Time from the journal to the write to a socket.", Buckets: prometheus.ExponentialBuckets(64e-6, 2, 18)}),
		dropped:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "anode_subscriber_dropped_total", Help: "Records that a subscription wanted, and that its policy left out because its reader was slow."}, []string{"policy"}),
		lagged:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "anode_subscriber_lagged_total", Help: "Live subscriptions that fell behind."}, []string{"policy"}),
		overrun:  prometheus.NewCounter(prometheus.CounterOpts{Name: "anode_queue_dropped_total", Help: "What a full queue refused.", ConstLabels: prometheus.Labels{"queue": "hub"}}),
	}
	for _, policy := range []string{command.PolicyDrop, command.PolicyDisconnect} { // shown before they count
		m.dropped.WithLabelValues(policy)
	}
	if reg == nil {
		return m, nil
	}
	collectors := []prometheus.Collector{
		m.out, m.delivery, m.dropped, m.lagged, m.overrun,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "anode_subscribers", Help: "Connections that are subscribed or may."}, func() float64 {
			var seats int64
			for _, l := range h.loops {
				seats += l.count.Load()
			}
			return float64(seats)
		}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "anode_subscriber_cut_total", Help: "Slow connections that were closed because all slow ones together held too much."}, func() float64 {
			return float64(h.slow.Cut())
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "anode_subscriber_slow_bytes", Help: "What slow connections hold of what they don't take."}, func() float64 {
			return float64(h.slow.Used())
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "anode_queue_depth", Help: "What waits in a queue: submissions, messages or frames.", ConstLabels: prometheus.Labels{"queue": "hub"}}, func() float64 {
			items := 0
			for _, l := range h.loops {
				items += l.waiting()
			}
			return float64(items)
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "anode_queue_depth", Help: "What waits in a queue: submissions, messages or frames.", ConstLabels: prometheus.Labels{"queue": "hub_walk"}}, func() float64 {
			return float64(len(h.backlogs()))
		}),
	}
	for _, c := range collectors {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
