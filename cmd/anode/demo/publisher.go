package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"anode/client"
	"anode/messages"
)

// The numbered records: how many a second, on which stream, how many may be unanswered and how many unseen at once, when
// one is sent to another node, and the pause before that.
const (
	countEvery    = 50 * time.Millisecond
	countStream   = "demo.count"
	mostUnasked   = 64
	mostUnseen    = 20_000
	publishWithin = time.Second
	publishPause  = 25 * time.Millisecond
)

// target is a node that lives, as far as the demo knows.
type target struct {
	node   int
	client *client.Client
}

// targets are those that live now. The slice is not changed.
type targets = atomic.Pointer[[]target]

// publisher publishes numbered records, each until a node has acknowledged it.
type publisher struct {
	live *targets
	// run tells the records of this demo from those of others.
	run string
	// acknowledged gets each record once; failed the first refusal that trying again does not mend.
	acknowledged chan acknowledged
	failed       chan error
	// unseen is how many are acknowledged and not seen, told by the demo: with too many it waits.
	unseen atomic.Int64
	slots  chan struct{}
	busy   sync.WaitGroup
}

func newPublisher(live *targets, run string) *publisher {
	return &publisher{
		live: live, run: run, acknowledged: make(chan acknowledged, mostUnasked), failed: make(chan error, 1),
		slots: make(chan struct{}, mostUnasked),
	}
}

// publish goes on until ctx ends; it waits for what it has begun, which ends with hard.
func (p *publisher) publish(ctx, hard context.Context) {
	defer p.busy.Wait()
	ticker := time.NewTicker(countEvery)
	defer ticker.Stop()
	for number := uint64(1); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if len(*p.live.Load()) == 0 || p.unseen.Load() > mostUnseen {
			continue
		}
		select {
		case p.slots <- struct{}{}:
		default: // the nodes answer no more than that
			continue
		}
		n := number
		number++
		p.busy.Go(func() {
			defer func() { <-p.slots }()
			p.one(hard, n)
		})
	}
}

// one publishes a record. By its native id a node that has it already knows it: it may be sent again and again.
func (p *publisher) one(ctx context.Context, number uint64) {
	draft := client.Draft{
		Stream: countStream, NativeID: p.run + "-" + strconv.FormatUint(number, 10), Time: time.Now(),
		Payload: fmt.Appendf(nil, `{"n":%d}`, number),
	}
	for tries := 1; ctx.Err() == nil; tries++ {
		live := *p.live.Load()
		if len(live) == 0 {
			tries--
			pause(ctx, publishPause)
			continue
		}
		to := live[rand.IntN(len(live))]
		answer, err := p.ask(ctx, to.client, draft)
		if err == nil {
			p.tell(ctx, number, tries, to.node, answer)
			return
		}
		var problem *client.Problem
		if errors.As(err, &problem) && problem.Status >= 400 && problem.Status < 500 && problem.Status != 429 {
			select {
			case p.failed <- err:
			default:
			}
			return
		}
		pause(ctx, publishPause)
	}
}

func (p *publisher) ask(ctx context.Context, c *client.Client, draft client.Draft) (client.Published, error) {
	ctx, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	return c.Publish(ctx, draft)
}

func (p *publisher) tell(ctx context.Context, number uint64, tries, node int, answer client.Published) {
	a := acknowledged{number: number, node: node, at: time.Now(), tries: tries}
	if answer.ID != "" {
		place, err := messages.ParsePosition(answer.ID)
		if err != nil {
			select {
			case p.failed <- fmt.Errorf("the answer of a node: %w", err):
			default:
			}
			return
		}
		a.place = place
	}
	select {
	case p.acknowledged <- a:
	case <-ctx.Done():
	}
}

// pause waits, or ends with ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// numberOf is the number in a record of this demo.
func (p *publisher) numberOf(r *client.Record) (uint64, bool) {
	rest, ours := cutRun(r.NativeID, p.run)
	if !ours || r.Stream != countStream {
		return 0, false
	}
	n, err := strconv.ParseUint(rest, 10, 64)
	return n, err == nil && n > 0
}

func cutRun(id, run string) (string, bool) {
	if len(id) <= len(run)+1 || id[:len(run)] != run || id[len(run)] != '-' {
		return "", false
	}
	return id[len(run)+1:], true
}
