package member

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"
)

// run is a List that runs: all of it is used by Run's goroutine only.
type run struct {
	*List
	list      *memberlist.Memberlist
	transport *transport
	box       *mailbox
	table     *table
	rejoin    *rejoin
	began     time.Time

	// round has the outcome of the calls that are under way; nil when none are.
	round    chan []outcome
	surveyed time.Time // the last time
	before   []byte    // what the last survey gave
	unstored bool      // the peers changed since they were stored
	claims   int       // how often the node announced itself because the mesh knows it elsewhere
	repeats  int       // how often what it said last was said again
	left     bool
	silence  silence
	double   double
	moving   netip.Addr // what the last round would advertise instead; zero: it stays

	look, call, claim, store, again *time.Timer
}

// loop runs until the context ends.
func (r *run) loop(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer r.shutdown(cancel)
	r.look, r.call, r.claim, r.store, r.again = time.NewTimer(0), time.NewTimer(0), stopped(), time.NewTimer(rememberEvery), stopped()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-r.failed:
			return fmt.Errorf("member: %w", err)
		case <-r.box.stir:
			r.look.Reset(max(0, time.Until(r.surveyed.Add(r.surveyPause()))))
		case <-r.look.C:
			r.survey()
		case <-r.call.C:
			r.callAll(ctx)
		case <-r.claim.C:
			r.claimPlace(ctx)
		case outcomes := <-r.round:
			r.round = nil
			r.judge(outcomes)
		case <-r.changed:
			r.say()
		case <-r.again.C:
			r.sayAgain()
		case wish := <-r.leaving:
			wish.done <- r.leave(wish.timeout)
		case <-r.store.C:
			r.remember()
		}
	}
}

// stopped is a timer that was not set yet.
func stopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// shutdown ends memberlist and the calls that are under way, and stores what was not stored yet.
func (r *run) shutdown(cancel context.CancelFunc) {
	cancel()
	if err := r.list.Shutdown(); err != nil {
		r.cfg.Logger.Debug("memberlist", "text", err.Error())
	}
	if r.round != nil {
		<-r.round
	}
	for _, t := range []*time.Timer{r.look, r.call, r.claim, r.store, r.again} {
		t.Stop()
	}
	if r.unstored {
		r.remember()
	}
}

// surveyPause is the least pause between two surveys: one of 1,000 nodes takes 4 ms.
func (r *run) surveyPause() time.Duration {
	return max(surveyPause, time.Duration(len(r.table.members))*time.Millisecond/10)
}

// survey asks memberlist for its list and folds it in.
func (r *run) survey() {
	list, err := r.transport.survey(r.list)
	r.surveyed = time.Now()
	r.look.Reset(max(surveyEvery, time.Duration(len(r.table.members))*time.Millisecond))
	if err == nil && !bytes.Equal(list, r.before) { // else nothing changed, most times
		err = r.fold(list)
	}
	if err != nil {
		r.fail(err) // it is what memberlist said to itself
		return
	}
	r.before = list
	conflicts, silence, over := r.heed(), r.watchPackets(), r.notices.expire()
	if conflicts || silence || over {
		signal(r.events)
	}
}

// fold takes in who is there.
func (r *run) fold(list []byte) error {
	nodes, err := decodeList(list)
	if err != nil {
		return err
	}
	change := r.table.fold(r.cfg.Clock(), nodes)
	r.count.joins.Add(uint64(change.joins))
	r.count.deaths.Add(uint64(change.deaths))
	r.count.leaves.Add(uint64(change.leaves))
	if change.peers {
		r.storeSoon()
	}
	if change.any {
		all := r.table.list()
		r.members.Store(&all)
		signal(r.events)
	}
	return nil
}

// heed takes in conflicts, and whether the node is alone; it tells whether what is wrong changed.
func (r *run) heed() bool {
	conflicts, misplaced := r.box.known()
	before := *r.conflicts.Load()
	changed := len(conflicts) != len(before)
	for i := range conflicts {
		changed = changed || conflicts[i].ID != before[i].ID || conflicts[i].Addr != before[i].Addr
	}
	r.conflicts.Store(&conflicts)
	if c := r.double.watch(r.cfg.Node, conflicts); c != nil {
		p := c.Problem()
		r.cfg.Logger.Warn("another node has this node's id", "about", p.About, "reason", p.Reason, "hint", p.Hint)
	}
	alone := len(r.table.there()) == 0
	if r.rejoin.heed(alone) && !r.left {
		r.call.Reset(r.rejoin.wait())
	}
	if !alone {
		changed = r.notices.company() || changed
	}
	r.watchPlace(misplaced)
	return changed
}

// storeSoon has changed peers stored, with others that change in the same second.
func (r *run) storeSoon() {
	if !r.unstored {
		r.unstored = true
		r.store.Reset(time.Second)
	}
}

// remember hands the peers to be stored.
func (r *run) remember() {
	r.unstored = false
	r.store.Reset(rememberEvery)
	if r.cfg.Remember != nil {
		r.cfg.Remember(r.table.peers(r.cfg.Clock()))
	}
}

// say tells the mesh what the node says of itself now.
func (r *run) say() {
	if r.left {
		return
	}
	r.announce()
	r.repeats = 0
	r.again.Reset(r.repeatPause())
}

// sayAgain repeats it. memberlist's queue of news loses one at times (it numbers what is in it anew while something is, and takes
// two of the same number and length for one: v0.7.0, its pull requests 263 and 322): the others would know it only with the next
// exchange of lists.
func (r *run) sayAgain() {
	r.announce()
	if r.repeats++; r.repeats < sayRepeats {
		r.again.Reset(r.repeatPause())
	}
}

// repeatPause grows, and is drawn: nodes that said something at once don't repeat it at once.
func (r *run) repeatPause() time.Duration {
	pause := sayAgainAfter << r.repeats
	return pause/2 + r.rejoin.draw(pause)
}

// announce spreads the node's own entry anew. It is not waited for: that the time is out says nothing. Its length is drawn, so that
// memberlist seldom takes it for what another node says at the same time (sayAgain): of 30 meshes without repetition and all of one
// length, 30 lost some, and with it none.
func (r *run) announce() {
	r.box.say(*r.meta.Load(), int(r.rejoin.draw(maxBehind)))
	_ = r.list.UpdateNode(time.Nanosecond)
}

// leave says goodbye.
func (r *run) leave(timeout time.Duration) error {
	if timeout <= 0 {
		timeout = streamTimeout // memberlist would wait for ever
	}
	r.left = true
	r.call.Stop()
	r.claim.Stop()
	r.again.Stop()
	err := r.list.Leave(timeout)
	r.survey()
	if err != nil {
		return fmt.Errorf("member: leave: %w", errors.Join(err))
	}
	return nil
}
