package node

import "github.com/prometheus/client_golang/prometheus"

// registerPeers shows the other nodes by state. A node that runs alone knows none.
func registerPeers(reg prometheus.Registerer) error {
	if reg == nil {
		return nil
	}
	peers := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "anode_peers", Help: "Other nodes of the mesh that are known."}, []string{"state"})
	for _, state := range []string{"alive", "suspect", "dead", "left"} {
		peers.WithLabelValues(state)
	}
	return reg.Register(peers)
}
