package journal

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/storage"
)

// keeper does what is due in the background: retention, mending, scrubbing, and, where
// there are no peers, giving up this node's own holes.
type keeper struct {
	cfg Config
	log *slog.Logger
	// wrong is what fails, so that a lasting failure is logged once.
	wrong map[string]bool
	// gaveUp are the holes that were announced as given up.
	gaveUp map[hole]struct{}
}

func (k *keeper) run(ctx context.Context) {
	maintain := time.NewTicker(k.cfg.KeepEvery)
	defer maintain.Stop()
	scrub := time.NewTicker(time.Second)
	defer scrub.Stop()
	k.begin()
	for {
		select {
		case <-ctx.Done():
			return
		case <-maintain.C:
			k.report("maintenance", k.cfg.Journal.Maintain(k.cfg.Clock()))
			if !k.cfg.Peers {
				k.giveUpOwn()
			}
		case <-scrub.C:
			if _, err := k.cfg.Journal.Scrub(ctx, k.cfg.ScrubRate); ctx.Err() == nil {
				k.report("scrub", err)
			}
			k.mend()
		}
	}
}

// begin has readers pass what was given up: who did so may have ended before it was told.
func (k *keeper) begin() {
	if !k.cfg.Peers {
		k.giveUpOwn()
		return
	}
	for origin, epochs := range k.cfg.Journal.Digest() {
		if slices.ContainsFunc(epochs, func(e messages.EpochDigest) bool { return len(e.Holes) > 0 }) {
			k.cfg.GaveUp(command.GaveUp{Origin: origin})
		}
	}
}

// mend lets a journal that refuses try again each second, not only when it is asked.
func (k *keeper) mend() {
	if stats := k.cfg.Journal.Stats(); stats.Full != "" || stats.Refused != "" {
		k.report("maintenance", k.cfg.Journal.Maintain(k.cfg.Clock()))
	}
}

// giveUpOwn gives up what this node's own damage took: nobody else is asked while it has no
// peers, and readers must not wait for ever.
func (k *keeper) giveUpOwn() {
	now := make(map[hole]struct{})
	fresh := false
	var failed error
	for _, epoch := range k.cfg.Journal.Digest()[k.cfg.Self] {
		for _, absent := range epoch.Holes {
			h := hole{epoch.Epoch, absent}
			if _, known := k.gaveUp[h]; !known {
				if err := k.cfg.Journal.GiveUp(k.cfg.Self, epoch.Epoch, absent); err != nil {
					failed = err
					continue
				}
				k.log.Warn("gave up what is damaged or lost here", "origin", k.cfg.Self, "epoch", epoch.Epoch, "seq", absent)
				fresh = true
			}
			now[h] = struct{}{}
		}
	}
	k.report("giving up a hole", failed)
	if k.gaveUp = now; fresh {
		k.cfg.GaveUp(command.GaveUp{Origin: k.cfg.Self})
	}
}

// hole names a run of absent batches of this node.
type hole struct {
	epoch uint64
	messages.Range
}

func (k *keeper) report(what string, err error) {
	switch {
	case errors.Is(err, storage.ErrClosed):
	case err == nil && k.wrong[what]:
		k.log.Info("upkeep succeeds again", "what", what)
		delete(k.wrong, what)
	case err != nil && !k.wrong[what]:
		k.wrong[what] = true
		k.log.Error("upkeep failed", "what", what, "error", err)
	}
}
