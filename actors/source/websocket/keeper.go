package websocket

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"anode/actors/source"
)

// pingEvery is the pace of the protocol's pings, unless the clock of the transport asks for more.
const pingEvery = 20 * time.Second

// never is far enough away.
const never = 365 * 24 * time.Hour

// keeper sends pings until it is stopped. Pongs are bytes: the clock of the transport sees them. It has no
// goroutine but while it sends: a connection that is quiet costs little.
type keeper struct {
	*session
	// ctx is that of the connection.
	ctx  context.Context
	pace time.Duration

	mu      sync.Mutex // guards what follows, and lets one tick run at a time
	stopped bool
	timer   *time.Timer
	// The next ping of the protocol, and those of the application: each so often, and after silence.
	protocol, own, idle time.Time
}

// keep begins to send pings.
func (s *session) keep(ctx context.Context) *keeper {
	k := &keeper{session: s, ctx: ctx, pace: pingEvery}
	if clock := s.setup.Spec.Liveness.Transport.Of(); clock > 0 {
		k.pace = min(k.pace, clock/3)
	}
	now := s.setup.Clock()
	k.protocol, k.own, k.idle = now.Add(k.pace), now.Add(never), now.Add(never)
	if p := s.spec.Ping; p != nil {
		k.own, k.idle = after(now, p.Every.Of()), after(now, p.Idle.Of())
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.timer = time.AfterFunc(k.next(now), k.tick)
	return k
}

// stop ends it, and waits for a ping that is sent just then.
func (k *keeper) stop() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stopped = true
	k.timer.Stop()
}

// next is how long until the next ping.
func (k *keeper) next(now time.Time) time.Duration {
	return max(time.Millisecond, earliest(k.protocol, k.own, k.idle).Sub(now))
}

// tick sends what is due.
func (k *keeper) tick() {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.done:
		return
	default:
	}
	if k.stopped {
		return
	}
	now := k.setup.Clock()
	if err := source.Catch(func() error { return k.due(now) }); err != nil {
		k.breakOff(fmt.Errorf("ping: %w", k.line.Cause(err)))
		return
	}
	k.timer.Reset(k.next(k.setup.Clock()))
}

func (k *keeper) due(now time.Time) (err error) {
	if !now.Before(k.protocol) {
		k.protocol = now.Add(k.pace)
		err = k.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writePatience))
	}
	if k.spec.Ping == nil {
		return err
	}
	if !now.Before(k.idle) {
		// Since the last message, or since the last ping for want of one.
		if next := time.Unix(0, k.lastMessage.Load()).Add(k.spec.Ping.Idle.Of()); next.After(now) {
			k.idle = next
		} else {
			k.idle = now.Add(k.spec.Ping.Idle.Of())
			err = first(err, k.sendPing(k.ctx))
		}
	}
	if !now.Before(k.own) {
		k.own = now.Add(k.spec.Ping.Every.Of())
		err = first(err, k.sendPing(k.ctx))
	}
	return err
}

// sendPing sends the application's ping.
func (s *session) sendPing(ctx context.Context) error {
	vars, err := s.vars(ctx)
	if err != nil {
		return err
	}
	return s.fill(ctx, s.ping, vars)
}

// after is a time from now, never where it is 0.
func after(now time.Time, d time.Duration) time.Time {
	if d <= 0 {
		d = never
	}
	return now.Add(d)
}

func earliest(times ...time.Time) time.Time {
	first := times[0]
	for _, t := range times[1:] {
		if t.Before(first) {
			first = t
		}
	}
	return first
}

func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
