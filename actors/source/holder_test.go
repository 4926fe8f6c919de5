package source_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"anode/actors/source"
	"anode/messages/command"
	"anode/testkit/feeds"
)

// bomb is an intake that panics when a payload comes, once.
type bomb struct {
	command.Intake
	payload string
	gone    atomic.Bool
}

func (b *bomb) Submit(ctx context.Context, s command.Submission) error {
	for i := range s.Drafts {
		if !s.Drafts[i].Stream.Own() && string(s.Drafts[i].Payload) == b.payload && b.gone.CompareAndSwap(false, true) {
			panic("a fault of the intake")
		}
	}
	return b.Intake.Submit(ctx, s)
}

// The timer of what limit holds is no goroutine of the source's: a panic there would be the end of the node.
func TestAPanicOfWhatIsHeldCostsOnlyItsSource(t *testing.T) {
	b := newBench(t, func(cfg *source.Config) { cfg.Intake = &bomb{Intake: cfg.Intake, payload: "2"} })
	play := func() feeds.Script { return feeds.Play(feeds.Send("1", "2"), feeds.Silence()) }
	listen(b, "limit: {policy: conflate, every: 30ms}", play(), play())
	b.await("the value comes again", func() bool { return slices.Contains(b.intake.on("w"), "2") })
	status, _ := b.Status("w")
	if status.Restarts == 0 {
		t.Errorf("%+v", status)
	}
}
