package member

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// calmFor is for how long after the start a node that can't be reached yet is nothing to be warned of: of nodes that start
// together each is the first for some.
const calmFor = 20 * time.Second

// judge takes in what became of a round.
func (r *run) judge(outcomes []outcome) {
	alone, changed := r.rejoin.alone, false
	if len(outcomes) > 0 && outcomes[0].seed != "" { // else it called some peers only
		r.watchRoutes(outcomes)
	}
	for _, o := range outcomes {
		alone = alone && !(o.tried && o.err == nil)
	}
	for _, o := range outcomes {
		if o.tried && o.err != nil {
			r.count.failedCalls.Add(1)
			r.cfg.Logger.Debug("a call brought nothing", "seed", o.seed, "peer", o.id, "address", o.at, "reason", o.err)
		}
		changed = r.judgeOne(&o, alone) || changed
	}
	if changed {
		signal(r.events)
	}
}

// judgeOne reports what is wrong with a target, or takes it back; it tells whether that changed anything. Seeds that don't
// answer are a problem of who is alone only; a peer's address may have become another node's.
func (r *run) judgeOne(o *outcome, alone bool) bool {
	about := AboutSeed + o.seed
	if o.seed == "" {
		about = "peer " + o.at.String()
	}
	told := o.refused() && (o.seed != "" || alone) || o.seed != "" && alone
	if o.err == nil || !told {
		return r.notices.solve(about)
	}
	reason, hint := r.explain(o.err)
	if o.at.IsValid() && o.at.String() != o.seed {
		reason = fmt.Sprintf("%s (at %s)", reason, o.at)
	}
	changed, log := r.notices.put(about, about, reason, hint, o.seed == "")
	r.notices.whileAlone(about, !o.refused())
	switch {
	case log && !o.refused() && r.cfg.Clock().Sub(r.began) < calmFor:
		r.cfg.Logger.Info("a node to join is not there yet: it is tried on", "about", about, "reason", reason)
		r.notices.logAgain(about, r.began.Add(calmFor))
	case log:
		r.cfg.Logger.Warn("a node can't be joined", "about", about, "reason", reason, "hint", hint)
	}
	return changed
}

// explain says what is wrong, and what to do about it.
func (l *List) explain(err error) (reason, hint string) {
	var lookup *net.DNSError
	switch {
	case errors.As(err, new(errCluster)):
		return fmt.Sprintf("%s, this node of %q", err, l.cfg.Cluster), "give both the same --cluster, or take it off --join"
	case errors.Is(err, errSecret):
		return err.Error(), "give both the same --cluster-secret-file"
	case errors.Is(err, errHungUp), errors.Is(err, errAnswer):
		return err.Error(), "is it the mesh port of a node? It may be stopping, too"
	case errors.As(err, &lookup):
		return "its name can't be resolved: " + err.Error(), "it is resolved anew at each try"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err // the address is told anyway
	}
	return "it can't be reached: " + err.Error(), "it is tried for ever; is the node up, and the port open for TCP and UDP?"
}

// stranger is who was refused: behind one address there may be nodes that are wrong in different ways.
type stranger struct {
	from   netip.Addr
	secret bool
}

func (s stranger) key() string { return fmt.Sprint("caller ", s.from, " secret ", s.secret) }

// stranger hears of streams that were refused. Garbage is only counted: anybody may send it.
func (l *List) stranger(from netip.Addr, why error) {
	if !refusal(why) {
		return
	}
	reason, hint := l.explain(why)
	about := "caller " + from.String()
	changed, log := l.notices.put(stranger{from, errors.Is(why, errSecret)}.key(), about, reason, hint, true)
	if log {
		l.cfg.Logger.Warn("a node was refused", "about", about, "reason", reason, "hint", hint)
	}
	if changed {
		signal(l.events)
	}
}
