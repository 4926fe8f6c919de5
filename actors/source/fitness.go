package source

import (
	"context"
	"errors"
	"sync"
	"time"

	"anode/actors/source/egress"
	"anode/messages/spec"
)

// What it takes, where the settings do not say, for a feed to count as failing on this node.
const (
	unfitAfter = 30 * time.Second
	unfitTries = 3
)

// ofSpec is an error that a spec makes by itself: it fails in the same way on every node.
type ofSpec struct{ error }

// Unwrap gives its cause.
func (o *ofSpec) Unwrap() error { return o.error }

// blameSpec marks an error of an expression, unless that failed for want of a secret or of time.
func blameSpec(err error) error {
	if err == nil || errors.As(err, new(*NoSecret)) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &ofSpec{err}
}

// blame is what the end of a connection says of the node as a place for the source.
type blame int

const (
	// blameNobody: an end in order, the feed's wish to be left alone, a fault of the spec or of the journal.
	blameNobody blame = iota
	// blameFeed: the feed did not work here, which it may elsewhere.
	blameFeed
	// blameNode: it can't work on this node as it is.
	blameNode
)

func blameOf(err error) blame {
	var of *late
	switch {
	case err == nil || storageFailed(err):
		return blameNobody
	case errors.As(err, new(*NoSecret)) || errors.As(err, new(*egress.RefusedError)):
		return blameNode
	case errors.As(err, new(*AskedToWait)) || errors.As(err, new(*EndedInOrder)) || errors.As(err, new(*ofSpec)):
		return blameNobody
	case errors.As(err, &of) && of.clock == clockData:
		return blameNobody
	case errors.Is(err, errReassigned) || errors.Is(err, errRestart):
		return blameNobody
	}
	return blameFeed
}

// fitness is what is known of a node as a place for one source. The mutex is a leaf.
type fitness struct {
	mu sync.Mutex
	// blame is of the failures since the source worked last, since when the first of them was, tries how many.
	blame blame
	since time.Time
	tries int
	// reason is that of the last one.
	reason string
}

// ended takes over the end of a connection; worked tells that the feed did before it.
func (f *fitness) ended(of blame, worked bool, reason string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if worked {
		f.blame, f.tries = blameNobody, 0
	}
	if of == blameNobody {
		return
	}
	if f.tries == 0 {
		f.since = now
	}
	f.tries++
	f.blame, f.reason = of, reason
}

// opened tells that a connection stands: nothing of this node is in its way.
func (f *fitness) opened() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.blame == blameNode {
		f.blame, f.tries = blameNobody, 0
	}
}

// forget forgets all failures.
func (f *fitness) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.blame, f.tries = blameNobody, 0
}

// judge tells why the node is the wrong one; good is when the feed worked last.
func (f *fitness) judge(now, good time.Time, after time.Duration, tries int) (reason string, unfit bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.blame == blameNobody || good.After(f.since):
		return "", false
	case f.blame == blameNode:
		return f.reason, true
	case f.tries >= tries && now.Sub(f.since) >= after:
		return f.reason, true
	}
	return "", false
}

// Unfit tells, with the reason in words, that this node is the wrong one for a source that it runs: a secret of it
// is missing here, its address is not allowed here, or its feed has failed here for Config.UnfitAfter and
// UnfitTries. It ends when the feed works again, and when the source is replaced or restarted.
func (s *Sources) Unfit(name string) (reason string, unfit bool) {
	b := s.board(name)
	if b == nil {
		return "", false
	}
	if want := b.want.Load(); want.Paused || want.Spec.Kind == spec.KindPush {
		return "", false
	}
	after, tries := s.cfg.UnfitAfter, s.cfg.UnfitTries
	if after <= 0 {
		after = unfitAfter
	}
	if tries <= 0 {
		tries = unfitTries
	}
	return b.fit.judge(s.cfg.Clock(), time.Unix(0, b.good.Load()), after, tries)
}
