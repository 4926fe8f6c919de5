package sim

import (
	"math/rand/v2"
	"time"
)

// chaosFrom is when chaos begins, chaosRest how long before the end it does.
const (
	chaosFrom = 5 * time.Second
	chaosRest = 0.15
)

// chaos writes faults at random times, and mends them all at the end.
func chaos(w *script) {
	r := newRandom(w.shape.Seed, forScript+100)
	end := w.part(1 - chaosRest)
	parted := false
	for t := chaosFrom; t < end; t += time.Second + time.Duration(r.Int64N(int64(6*time.Second))) {
		if parted && r.IntN(2) == 0 {
			w.at(t, "heal")
			parted = false
			continue
		}
		parted = w.trouble(r, t, parted) || parted
	}
	w.at(end, "heal")
	w.at(end, "restart down")
	w.at(end, "journal ok all")
	for _, mend := range []string{"bandwidth all 0", "loss all 0%"} {
		w.at(end, "%s", mend)
	}
}

// trouble writes one fault. It tells whether that parts the network.
func (w *script) trouble(r *rand.Rand, t time.Duration, parted bool) bool {
	some := 1 + r.IntN(w.few())
	span := time.Second + time.Duration(r.Int64N(int64(5*time.Second)))
	n := w.shape.Nodes
	node := func() int { return r.IntN(n) }
	switch r.IntN(13) {
	case 0:
		w.at(t, "crash any:%d back=%s", some, span.Round(time.Millisecond))
	case 1:
		w.at(t, "crash any:%d machine back=%s", some, span.Round(time.Millisecond))
	case 2:
		w.at(t, "crash any:1 machine power back=%s", span.Round(time.Millisecond))
	case 3:
		w.at(t, "crash any:1 wipe back=%s", span.Round(time.Millisecond))
	case 4:
		if parted || n < 3 {
			break
		}
		w.at(t, "partition 0-%d", r.IntN(n-1))
		return true
	case 5:
		w.at(t, "block %d %d", node(), node())
		return true
	case 6:
		w.at(t, "oneway %d %d", node(), node())
		return true
	case 7:
		w.at(t, "pause any:%d for=%s", some, span.Round(time.Millisecond))
	case 8:
		w.at(t, "journal %s any:%d for=%s", [...]Health{Failing, Stalled}[r.IntN(2)], some, span.Round(time.Millisecond))
	case 9:
		w.at(t, "damage any:1 %d%%", 1+r.IntN(30))
	case 10:
		w.at(t, "clock any:1 %s", [...]string{"+1h", "-1h", "+30s", "-30s"}[r.IntN(4)])
	case 11:
		w.at(t, "loss any:%d %d%%", some, 1+r.IntN(20))
	case 12:
		w.at(t, "join 1")
	}
	return false
}
