package sim

import (
	"cmp"
	"math"
	"time"
)

// Churning is nodes that come and go.
type Churning struct {
	// Share of the nodes ends each minute, at random times; at most 1.
	Share float64
	// Replace: a new node with a new identity and an empty disk comes for each; else the same one comes back.
	Replace bool
	// Away is how long until then.
	Away Span // 1–10 s
	// For is how long it goes on.
	For time.Duration // to the end
}

// Churn makes nodes come and go.
func Churn(c Churning) Action {
	text := "churn " + percent(c.Share)
	if c.Replace {
		text += " replace"
	}
	if c.Away != (Span{}) {
		text += " away=" + c.Away.String()
	}
	if c.For > 0 {
		text += " for=" + durationText(c.For)
	}
	return Action{text: text, fault: true, check: func(f *forecast) error {
		f.loose = f.loose || c.Replace
		return cmp.Or(
			fault(!(c.Share > 0 && c.Share <= 1), "want a share above 0, up to 100%%, of the nodes a minute"),
			c.Away.valid("away"), fault(c.For < 0, "for=%s is negative", c.For),
		)
	}, run: func(s *Sim) error {
		c := c
		c.Away = or(c.Away, Span{time.Second, 10 * time.Second})
		end := int64(s.cfg.Duration)
		if c.For > 0 {
			end = s.now + int64(c.For)
		}
		s.churning++
		s.churn(c, end)
		return nil
	}}
}

// churn plans the next end of a node.
func (s *Sim) churn(c Churning, end int64) {
	mean := float64(time.Minute) / (c.Share * float64(max(s.up, 1)))
	in := time.Duration(max(1, -math.Log(1-s.random.script.Float64())*mean))
	if s.now+int64(in) >= end {
		s.soon(time.Duration(max(0, end-s.now)), func() {
			s.churning--
			s.troubled()
		})
		return
	}
	s.soon(in, func() {
		for _, n := range s.pickUp(Any(1)) {
			s.kill(n, How{Machine: s.random.script.IntN(2) == 0})
			s.soon(time.Duration(c.Away.draw(s.random.script)), func() { s.comeBack(n, c.Replace) })
		}
		s.churn(c, end)
	})
}

// comeBack starts a node again, or another one for it.
func (s *Sim) comeBack(n *node, replace bool) {
	defer s.troubled()
	if !replace {
		s.start(n)
		return
	}
	n.gone = true
	if len(s.nodes) < MaxNodes {
		s.start(s.addNode())
	}
}
