package websocket

import (
	"context"
	"fmt"
	"time"

	"github.com/gorilla/websocket"
)

// pingEvery is the pace of the protocol's pings, unless the clock of the transport asks for more.
const pingEvery = 20 * time.Second

// never is far enough away.
const never = 365 * 24 * time.Hour

// keep sends pings until the connection is over. Pongs are bytes: the clock of the transport sees them.
func (s *session) keep(ctx context.Context) {
	pace := pingEvery
	if clock := s.setup.Spec.Liveness.Transport.Of(); clock > 0 {
		pace = min(pace, clock/3)
	}
	now := s.setup.Clock()
	protocol, own, idle := now.Add(pace), now.Add(never), now.Add(never)
	if p := s.spec.Ping; p != nil {
		own, idle = after(now, p.Every.Of()), after(now, p.Idle.Of())
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now = s.setup.Clock()
		var err error
		if !now.Before(protocol) {
			protocol = now.Add(pace)
			err = s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writePatience))
		}
		if last := time.Unix(0, s.lastMessage.Load()); s.spec.Ping != nil && !now.Before(idle) {
			// Since the last message, or since the last ping for want of one.
			if next := last.Add(s.spec.Ping.Idle.Of()); next.After(now) {
				idle = next
			} else {
				idle = now.Add(s.spec.Ping.Idle.Of())
				err = first(err, s.sendPing(ctx))
			}
		}
		if s.spec.Ping != nil && !now.Before(own) {
			own = now.Add(s.spec.Ping.Every.Of())
			err = first(err, s.sendPing(ctx))
		}
		select {
		case <-s.done:
			return
		default:
		}
		if err != nil {
			s.breakOff(fmt.Errorf("ping: %w", s.line.Cause(err)))
			return
		}
		timer.Reset(max(time.Millisecond, earliest(protocol, own, idle).Sub(now)))
		select {
		case <-timer.C:
		case <-s.done:
			return
		}
	}
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
