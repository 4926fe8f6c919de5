package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"anode/client"
)

// How often a view is drawn, and how long records that are on their way are waited for at the end.
const (
	redrawEvery  = 250 * time.Millisecond
	lastPatience = 2 * time.Second
)

// loop takes what happens, one at a time, and owns what the demo knows.
type loop struct {
	*demo
	show func(time.Time) error
	// busy are those who talk to nodes, until hard ends.
	busy   sync.WaitGroup
	hard   context.Context
	finish context.CancelFunc
	// begun: the nodes are published to, and followed. published is closed when nothing is published any more.
	begun     bool
	published chan struct{}
	redraw    *time.Ticker
	// quit: somebody ends the demo.
	quit bool
}

func newLoop(d *demo, show func(time.Time) error) *loop {
	l := &loop{demo: d, show: show, published: make(chan struct{})}
	l.hard, l.finish = context.WithCancel(context.Background())
	return l
}

// run goes on until ctx ends, the span (0 is none) is over, or a key ends it.
func (l *loop) run(ctx context.Context, span time.Duration) error {
	soft, cancel := context.WithCancel(ctx)
	defer cancel()
	if span > 0 {
		soft, cancel = context.WithDeadline(soft, l.model.began.Add(span))
		defer cancel()
	}
	l.redraw = time.NewTicker(redrawEvery)
	defer l.redraw.Stop()
	defer func() {
		cancel()
		l.finish()
		l.busy.Wait()
		for _, c := range l.clients {
			if c != nil {
				c.Close()
			}
		}
	}()
	if err := errors.Join(l.fleet.start(0), l.show(time.Now())); err != nil {
		return err
	}
	for soft.Err() == nil && !l.quit {
		if err := l.step(soft); err != nil {
			return err
		}
	}
	cancel()
	return l.last()
}

// last waits for what was published and is on its way; what nodes hold that are down is not.
func (l *loop) last() error {
	within, cancel := context.WithTimeout(context.Background(), lastPatience)
	defer cancel()
	for l.begun && within.Err() == nil {
		select {
		case <-l.published:
			if l.model.onTheWay() == 0 && len(l.publisher.acknowledged) == 0 {
				return nil
			}
		default:
		}
		if err := l.step(within); err != nil {
			return err
		}
	}
	return nil
}

// step takes one thing that happens.
func (l *loop) step(ctx context.Context) error {
	var events <-chan followed
	var failed <-chan error
	if l.following != nil {
		events, failed = l.following.events, l.following.failed
	}
	select {
	case <-ctx.Done():
		return nil
	case key := <-l.keys.typed():
		if ends(key) {
			l.quit = true
			return nil
		}
		l.act(l.model.press(key))
		return l.draw()
	case <-l.redraw.C:
		return l.draw()
	case n := <-l.fleet.news:
		return errors.Join(l.learn(ctx, n), l.draw())
	case f := <-events:
		l.model.took(f, l.publisher.numberOf)
	case a := <-l.publisher.acknowledged:
		l.model.acknowledged(a)
	case t := <-l.poller.told:
		l.model.heard(t)
	case err := <-failed:
		return fmt.Errorf("the subscription: %w", err)
	case err := <-l.publisher.failed:
		return fmt.Errorf("a numbered record is refused: %w", err)
	}
	return nil
}

// draw shows the model as it is now.
func (l *loop) draw() error {
	now := time.Now()
	l.model.tick(now)
	l.poller.hurry.Store(l.model.story.busy())
	l.publisher.unseen.Store(int64(len(l.model.count.waiting)))
	return l.show(now)
}

// act does with a node what a key says. What fails is told, and can be tried again.
func (l *loop) act(do byte, node int) {
	if do == 0 {
		return
	}
	m, now := l.fleet.members[node], time.Now()
	var err error
	switch {
	case do == 'k':
		l.model.ended(node, now, "")
		m.process.kill()
	case do == 'r' && !m.paused:
		if err = l.fleet.start(node); err == nil {
			l.model.revived(node, now, m.process.pid())
		}
	case m.paused:
		if err = m.process.resume(); err == nil {
			m.paused = false
			l.model.resumed(node, now)
		}
	default:
		if err = m.process.pause(); err == nil {
			m.paused = true
			l.model.stopped(node, now)
		}
	}
	if err != nil {
		l.model.story.say(now, fmt.Sprintf("%s: %v", m.name, err))
	}
	l.aim()
}

// learn takes what became of a process.
func (l *loop) learn(ctx context.Context, n news) error {
	m := l.fleet.members[n.node]
	if n.process != m.process {
		return nil
	}
	if n.served == nil {
		return l.lost(n, m)
	}
	m.at = *n.served
	l.model.serving(n.node, n.at, m.at, m.process.pid())
	if err := l.connect(n.node); err != nil {
		return err
	}
	l.aim()
	if n.node == 0 && !l.model.up {
		for i := 1; i < len(l.fleet.members); i++ {
			if err := l.fleet.start(i); err != nil {
				return err
			}
		}
	}
	if l.model.up && !l.begun {
		return l.begin(ctx)
	}
	return nil
}

// lost takes that a process is gone. Before all nodes served once that ends the demo.
func (l *loop) lost(n news, m *member) error {
	why := "its process is gone"
	if n.err != nil {
		why = n.err.Error()
	}
	if !l.model.up {
		return fmt.Errorf("%s does not start: %s: %s", m.name, why, l.fleet.lastLog(n.node))
	}
	if l.model.nodes[n.node].life == starting {
		why += ": " + l.fleet.lastLog(n.node)
	}
	m.paused = false
	l.model.ended(n.node, n.at, why)
	l.aim()
	return nil
}

// connect makes a client of a node that serves.
func (l *loop) connect(node int) error {
	if l.clients[node] != nil {
		l.clients[node].Close()
	}
	c, err := client.New(client.Config{Servers: []string{l.fleet.members[node].at.http}})
	l.clients[node] = c
	return err
}

// aim says which nodes are published to, and asked.
func (l *loop) aim() {
	live := []target{}
	for i := range l.model.nodes {
		if l.model.nodes[i].life == alive {
			live = append(live, target{node: i, client: l.clients[i]})
		}
	}
	l.targets.Store(&live)
}

// begin publishes until ctx ends, follows and asks.
func (l *loop) begin(ctx context.Context) (err error) {
	var urls []string // from the second on: that one is killed first by who wants to see the subscriber move
	for i := range l.fleet.members {
		urls = append(urls, l.fleet.members[(i+1)%len(l.fleet.members)].at.http)
	}
	if l.following, err = newFollowing(urls); err != nil {
		return err
	}
	l.begun = true
	l.busy.Go(func() { l.following.follow(l.hard) })
	l.busy.Go(func() { l.poller.poll(l.hard) })
	l.busy.Go(func() {
		defer close(l.published)
		l.publisher.publish(ctx, l.hard)
	})
	return nil
}
