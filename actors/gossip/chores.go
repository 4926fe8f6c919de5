package gossip

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"anode/messages"
	"anode/storage"
)

// choreRetry is the pause before changes that failed are tried again.
const choreRetry = time.Second

// chores makes changes of the journal's memory, each of which waits for the disk, and tells readers of them. All that is to be
// changed of an epoch is one chore, however often it is said: so there are no more than epochs, nobody waits for room, and
// one that can't be made holds up no other.
type chores struct {
	loop *loop
	// stir wakes run.
	stir chan struct{}

	mu   sync.Mutex // guards what follows; a leaf
	list map[epochKey]*chore
}

// chore is what is to be changed of an epoch: its floor, where that is not 0, and runs that nobody has.
type chore struct {
	floor uint64
	gone  messages.Ranges
	// failed: it was logged that it can't be made. asked: something of it was said since it was taken.
	failed, asked bool
}

func newChores(l *loop) *chores {
	return &chores{loop: l, stir: make(chan struct{}, 1), list: make(map[epochKey]*chore)}
}

// giveUp has a run given up.
func (c *chores) giveUp(of epochKey, gone messages.Range) {
	c.add(of, chore{gone: messages.Ranges{gone}})
	c.wake()
}

// raise has a floor raised.
func (c *chores) raise(of epochKey, floor uint64) {
	c.add(of, chore{floor: floor})
	c.wake()
}

// tell has readers told that an epoch's floor was raised by others.
func (c *chores) tell(of epochKey) {
	c.add(of, chore{})
	c.wake()
}

func (c *chores) add(of epochKey, more chore) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.list[of]
	if one == nil {
		one = &chore{}
		c.list[of] = one
	}
	one.floor, one.failed, one.asked = max(one.floor, more.floor), one.failed || more.failed, true
	for _, run := range more.gone {
		one.gone = one.gone.Add(run)
	}
}

func (c *chores) wake() {
	select {
	case c.stir <- struct{}{}:
	default:
	}
}

// waits tells whether something of an epoch is still to be changed.
func (c *chores) waits(of epochKey) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.list[of] != nil
}

// waiting is how many there are.
func (c *chores) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.list)
}

// run makes changes until ctx ends.
func (c *chores) run(ctx context.Context) error {
	for {
		var again <-chan time.Time
		if c.makeAll(ctx) {
			again = time.After(choreRetry)
		}
		select {
		case <-c.stir:
		case <-again:
		case <-ctx.Done():
			return nil
		}
	}
}

// makeAll makes all changes, and tells whether some failed.
func (c *chores) makeAll(ctx context.Context) (failed bool) {
	c.mu.Lock()
	keys := slices.Collect(maps.Keys(c.list))
	c.mu.Unlock()
	for _, of := range keys {
		if ctx.Err() != nil {
			return false
		}
		one := c.take(of)
		if err := c.change(of, &one); err != nil {
			if !one.failed {
				c.loop.log.Error("what is given up can't be stored, and is tried again each second", "origin", of.origin, "epoch", of.epoch, "error", err)
			}
			one.failed, failed = true, true
			c.add(of, one)
			continue
		}
		c.made(of)
	}
	return failed
}

// take takes what is to be changed of an epoch, which still waits.
func (c *chores) take(of epochKey) chore {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := *c.list[of]
	c.list[of] = &chore{}
	return one
}

// made forgets an epoch of which nothing more was said meanwhile.
func (c *chores) made(of epochKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.list[of].asked {
		delete(c.list, of)
	}
}

// change makes changes, and takes out those that are made. What the journal has forgotten meanwhile needs none.
func (c *chores) change(of epochKey, one *chore) error {
	l := c.loop
	if one.floor > 0 {
		if err := l.cfg.Journal.Raise(of.origin, of.epoch, one.floor); err != nil {
			return err
		}
		l.log.Info("does without what is older: no node has it, or there is no room for it", "origin", of.origin, "epoch", of.epoch, "floor", one.floor)
		one.floor = 0
	}
	for len(one.gone) > 0 {
		if err := l.cfg.Journal.GiveUp(of.origin, of.epoch, one.gone[0]); err != nil && !errors.Is(err, storage.ErrNotHeld) {
			return err
		}
		l.log.Warn("gave up what no node has", "origin", of.origin, "epoch", of.epoch, "seq", one.gone[0])
		one.gone = one.gone[1:]
	}
	l.gaveUp(of.origin)
	return nil
}
