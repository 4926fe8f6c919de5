package demofeeds

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	// missedPositions are the most that who comes again with Last-Event-ID gets of what it missed.
	missedPositions = 1000
	// lifeEvery is the pause between two comments.
	lifeEvery = 5 * time.Second
)

// ships are the server-sent events:
//
//	retry: 1000
//
//	event: position
//	id: 7261530020
//	data: {"ship":"albatros","lat":…,"lon":…,"course":…,"speed":…,"time":"…"}
//
//	: life                                       each five seconds
func (f *Feeds) ships(w http.ResponseWriter, r *http.Request) {
	if err := f.enter(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer f.leave()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out := http.NewResponseController(w)
	stop := context.AfterFunc(f.done, func() {
		cancel()
		_ = out.SetWriteDeadline(time.Now()) // ends a write that waits
	})
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	f.cfg.Logger.Debug("a demo connection ends", "error", f.positions(ctx, w, out, r.Header.Get("Last-Event-ID")))
}

// positions sends what happened after an id, and then each position when it is taken.
func (f *Feeds) positions(ctx context.Context, w http.ResponseWriter, out *http.ResponseController, after string) error {
	say := func(text string) error {
		if err := out.SetWriteDeadline(time.Now().Add(marketPatience)); err != nil {
			return err
		}
		if _, err := fmt.Fprint(w, text); err != nil {
			return err
		}
		return out.Flush()
	}
	if err := say("retry: 1000\n\n"); err != nil {
		return err
	}
	n := newestPosition(f.cfg.Clock()) - 1
	if seen, err := strconv.ParseInt(after, 10, 64); err == nil && seen < n {
		n = seen
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	life := f.cfg.Clock()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		now := f.cfg.Clock()
		newest := newestPosition(now)
		for n = max(n, newest-missedPositions); n < newest; {
			n++
			body, err := json.Marshal(positionOf(n))
			if err != nil {
				return err
			}
			if err := say(fmt.Sprintf("event: position\nid: %d\ndata: %s\n\n", n, body)); err != nil {
				return err
			}
		}
		if now.Sub(life) >= lifeEvery {
			life = now
			if err := say(": life\n\n"); err != nil {
				return err
			}
		}
		timer.Reset(min(positionTime(n+1).Sub(now), lifeEvery)) // a clock that was set back holds nothing up
	}
}
