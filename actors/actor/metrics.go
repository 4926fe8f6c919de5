package actor

import "github.com/prometheus/client_golang/prometheus"

// metrics count over actors of one class: those at the top by name, others together as
// "<parent>/*", so that the number of labels does not grow with sources and subscribers.
type metrics struct {
	system   *System
	restarts *prometheus.CounterVec
	dropped  *prometheus.CounterVec
	depth    *prometheus.Desc
}

func newMetrics(s *System) metrics {
	return metrics{
		system:   s,
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "anode_actor_restarts_total", Help: "Actors started again after a failure."}, []string{"actor"}),
		dropped:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "anode_queue_dropped_total", Help: "What a full queue refused."}, []string{"queue"}),
		depth:    prometheus.NewDesc("anode_queue_depth", "What waits in a queue: submissions, messages or frames.", []string{"queue"}, nil),
	}
}

func (m metrics) register(reg prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.restarts, unchecked{m.dropped}, unchecked{depths{m}}} {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// begin shows the counters of a class before they count anything.
func (m metrics) begin(class string) {
	m.restarts.WithLabelValues(class)
	m.dropped.WithLabelValues(queueName(class))
}

// unchecked describes nothing: other queues have metrics of the same name, with the label as a
// constant, which a registry takes for another metric until it collects them.
type unchecked struct{ prometheus.Collector }

// Describe implements prometheus.Collector.
func (unchecked) Describe(chan<- *prometheus.Desc) {}

// queueName is how a mailbox is called among other queues.
func queueName(class string) string { return "actor/" + class }

// depths collects how full mailboxes are.
type depths struct{ metrics }

// Describe implements prometheus.Collector.
func (d depths) Describe(ch chan<- *prometheus.Desc) { ch <- d.depth }

// Collect implements prometheus.Collector.
func (d depths) Collect(ch chan<- prometheus.Metric) {
	sums := make(map[string]float64)
	var walk func(r *Ref)
	walk = func(r *Ref) {
		if run := r.run.Load(); run != nil {
			sums[r.class] += float64(run.waiting.Load())
		}
		for _, c := range r.Children() {
			walk(c)
		}
	}
	walk(d.system.top)
	for class, sum := range sums {
		ch <- prometheus.MustNewConstMetric(d.depth, prometheus.GaugeValue, sum, queueName(class))
	}
}
