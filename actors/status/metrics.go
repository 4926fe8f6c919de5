package status

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"anode/messages/command"
)

// metrics are those of all incarnations.
type metrics struct {
	peers   *prometheus.GaugeVec
	refused *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		peers: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "anode_peers", Help: "Other nodes of the mesh that are known."}, []string{"state"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "anode_status_refused_total", Help: "What peers told of themselves and could not be read: their status, their alarms.",
		}, []string{"kind"}),
	}
	m.show(nil)
	for _, kind := range kinds {
		m.refused.WithLabelValues(kind)
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.peers), reg.Register(m.refused))
}

// show shows how many other nodes there are, by state. A node that drains is alive.
func (m *metrics) show(states map[string]int) {
	for _, state := range []string{command.NodeAlive, command.NodeSuspect, command.NodeDead, command.NodeLeft} {
		n := states[state]
		if state == command.NodeAlive {
			n += states[command.NodeDraining]
		}
		m.peers.WithLabelValues(state).Set(float64(n))
	}
}
