package archive

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of all incarnations.
type metrics struct {
	batches, lost, forgotten, refused, released prometheus.Counter
}

func newMetrics(a *Archiver) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		batches:   counter("anode_archive_batches_total", "Batches that the archive acknowledged."),
		lost:      counter("anode_archive_lost_total", "Batches that the journal dropped before they were archived, or that the archive forgot afterwards."),
		forgotten: counter("anode_archive_forgotten_total", "Batches that the archive had confirmed and did not any more; they are written again."),
		refused:   counter("anode_archive_refused_total", "Batches that the archive refused; they are tried again."),
		released:  counter("anode_archive_released_total", "Batches that the archive refused for so long that the journal does not keep them for it beyond its retention."),
	}
	if a.cfg.Registerer == nil {
		return m, nil
	}
	gauge := func(name, help string, labels prometheus.Labels, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value)
	}
	count := func(name, help string, labels prometheus.Labels, value func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, value)
	}
	queue := prometheus.Labels{"queue": Name}
	var faults []error
	for _, c := range []prometheus.Collector{
		m.batches, m.lost, m.forgotten, m.refused, m.released,
		gauge("anode_archive_lag_records", "Records that this node is to archive and that the archive has not confirmed.", nil, func() float64 { return float64(a.shown.Load().records) }),
		gauge("anode_archive_lag_seconds", "Age of the oldest record that the archive has not confirmed.", nil, func() float64 { return a.shown.Load().seconds }),
		gauge("anode_archive_flying_bytes", "Bytes of opened batches that are being written to the archive.", nil, func() float64 { return float64(a.flying.Load()) }),
		count("anode_archive_rows_total", "Rows that the archive acknowledged.", nil, func() float64 { return float64(a.cfg.Archive.Stats().Rows) }),
		count("anode_archive_failed_total", "Writes that the archive did not acknowledge.", nil, func() float64 { return float64(a.cfg.Archive.Stats().Failed) }),
		gauge("anode_queue_depth", "What waits in a queue: submissions, messages or frames.", queue, func() float64 { waiting, _ := a.news.waiting(); return float64(waiting) }),
		count("anode_queue_dropped_total", "What a full queue refused.", queue, func() float64 { _, dropped := a.news.waiting(); return float64(dropped) }),
	} {
		faults = append(faults, a.cfg.Registerer.Register(c))
	}
	return m, errors.Join(faults...)
}
