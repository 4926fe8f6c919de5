package placement

import (
	"math"
	"math/bits"
	"time"
)

// Share is the part of what a host gets of the mesh that one node may use: Own of All. Each owner of each source on
// that host counts once, and so does who may still run one that he handed over. Nodes with equal views have
// shares that add up to one.
type Share struct{ Own, All int }

// longest is the longest pace, as in the language of specs.
const longest = math.MaxInt64 / 2

// Every is the time from one act to the next on this node, where the mesh is to have one each so often; 0 is no bound.
// It is rounded up, so that the nodes together never do more than the mesh may. One that owns nothing there and still
// asks, for a trial, gets what one source more would.
func (s Share) Every(mesh time.Duration) time.Duration {
	own, all := uint64(s.Own), uint64(s.All)
	if own == 0 {
		own, all = 1, all+1
	}
	hi, lo := bits.Mul64(uint64(max(0, mesh)), all)
	lo, carry := bits.Add64(lo, own-1, 0)
	if hi += carry; hi >= own {
		return longest
	}
	every, _ := bits.Div64(hi, lo, own)
	return time.Duration(min(every, longest))
}

// Share is this node's part of what a host gets. Of a host that no source is known to use it is all.
func (p *Plan) Share(host string) Share {
	if at, known := p.sources.hosts[host]; known {
		return p.shares[at]
	}
	return Share{}
}

// share counts the owners of sources by host, and who hands over: he counts until he said that he
// stopped, and for the time of handing over at most.
func (p *Plan) share() {
	p.shares = make([]Share, len(p.sources.hosts))
	for i, host := range p.sources.host {
		if host < 0 {
			continue
		}
		for _, at := range p.row(i) {
			if at >= 0 {
				p.shares[host].count(at == p.at)
			}
		}
	}
	for i, m := range p.moves {
		if host := p.sources.host[i]; host >= 0 {
			for _, l := range m.leavers {
				if p.now < p.ends(&p.sources.list[i], l, m.changed) {
					p.shares[host].count(l.Node == p.self)
				}
			}
		}
	}
}

func (s *Share) count(own bool) {
	s.All++
	if own {
		s.Own++
	}
}
