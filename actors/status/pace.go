package status

import (
	"time"

	"anode/messages/command"
)

// mostPaces is how many moments are kept: a quarter of an hour at the pace of $status.
const mostPaces = 450

// pace is how fast records went through the mesh, the newest mostPaces moments. Its zero value knows none.
type pace struct {
	ring []command.MeshRate
	next int // where the next one goes, once the ring is full
}

// note keeps how fast it is now, of all nodes that take part.
func (p *pace) note(at time.Time, nodes []command.NodeView) {
	now := command.MeshRate{At: at.UTC().Truncate(time.Millisecond)}
	for i := range nodes {
		n := &nodes[i]
		if n.State == command.NodeDead || n.State == command.NodeLeft {
			continue
		}
		now.In += n.Rates.In
		now.Out += n.Rates.Out
		now.MeshP99 = max(now.MeshP99, n.Latency.MeshP99)
		now.DeliveryP99 = max(now.DeliveryP99, n.Latency.DeliveryP99)
	}
	now.In, now.Out = hundredths(now.In), hundredths(now.Out)
	if len(p.ring) < mostPaces {
		p.ring = append(p.ring, now)
		return
	}
	p.ring[p.next] = now
	p.next = (p.next + 1) % mostPaces
}

// list gives them, oldest first.
func (p *pace) list() []command.MeshRate {
	list := make([]command.MeshRate, 0, len(p.ring))
	return append(append(list, p.ring[p.next:]...), p.ring[:p.next]...)
}
