package actor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"anode/messages/command"
)

// errStopping is the cause that owned goroutines end with.
var errStopping = errors.New("the actor is stopping")

// Context is what an actor can do while it handles a message. It belongs to the goroutine of
// its actor and is valid as long as the incarnation.
type Context struct {
	shell    *shell
	envelope *envelope
	taken    bool
}

// Self names the actor.
func (c *Context) Self() *Ref { return c.shell.ref }

// Log is the system's logger with the actor's path.
func (c *Context) Log() *slog.Logger { return c.shell.ref.system.log.With("actor", c.shell.ref.path) }

// Spawn starts a child. Its Ref is usable at once; it ends with this incarnation.
func (c *Context) Spawn(spec Spec) (*Ref, error) {
	child, err := c.shell.ref.system.newRef(c.shell.ref, spec)
	if err != nil {
		return nil, err
	}
	return child, c.shell.spawn(child)
}

// Stop ends a child for good, without waiting.
func (c *Context) Stop(child *Ref) { child.end() }

// Respond answers the question that is being handled. A second answer, or one to a message that
// is no question, goes nowhere.
func (c *Context) Respond(answer any, err error) {
	if c.envelope != nil && !c.taken {
		c.taken = true
		c.envelope.answer(answer, err)
	}
}

// Asked tells whether what is being handled waits for an answer.
func (c *Context) Asked() bool { return c.envelope != nil && c.envelope.reply != nil }

// Later takes the duty to answer the question that is being handled away from this message: what
// it returns answers, once, from any goroutine.
func (c *Context) Later() func(answer any, err error) {
	e := c.envelope
	c.taken = true
	return e.answer
}

// Fail ends the incarnation with an error after this message; the parent makes the next one.
func (c *Context) Fail(err error) { c.shell.fail(err) }

// Go starts a goroutine that the incarnation owns. Its context ends when the incarnation does,
// which then waits for it, up to ten seconds. An error before that, or a panic, fails the actor.
func (c *Context) Go(name string, work func(ctx context.Context) error) {
	s := c.shell
	self, roots, log := s.pactx.Self(), s.ref.system.roots, s.ref.system.log
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		defer func() {
			if r := recover(); r != nil {
				log.Error("an actor's goroutine panicked", "actor", s.ref.path, "goroutine", name, "panic", r, "stack", string(debug.Stack()))
				roots.Send(self, &failure{fmt.Errorf("%s: panic: %v", name, r)})
			}
		}()
		if err := work(s.life); err != nil && s.life.Err() == nil {
			roots.Send(self, &failure{fmt.Errorf("%s: %w", name, err)})
		}
	}()
}

// Timer is a message to come.
type Timer struct {
	timer   *time.Timer
	stopped bool
}

// Stop takes the message back. It must be called by the actor that started it; nil is no timer.
func (t *Timer) Stop() {
	if t != nil {
		t.stopped = true
		t.timer.Stop()
	}
}

// After sends the actor a message after a time, past the bounds of its mailbox. It ends with the
// incarnation.
func (c *Context) After(wait time.Duration, message any) *Timer {
	s := c.shell
	self, roots := s.pactx.Self(), s.ref.system.roots
	t := &Timer{}
	for old := range s.timers {
		if old.stopped {
			delete(s.timers, old)
		}
	}
	s.timers[t] = struct{}{}
	t.timer = time.AfterFunc(wait, func() { roots.Send(self, &envelope{message: message, timer: t}) })
	return t
}

// fire tells whether a timer's message still counts.
func (s *shell) fire(t *Timer) bool {
	delete(s.timers, t)
	return !t.stopped
}

// Answer answers a question of a type with its typed answer: a mistake in the type does not compile.
func Answer[A any](ctx *Context, _ command.Question[A], answer A, err error) {
	if err != nil {
		ctx.Respond(nil, err)
		return
	}
	ctx.Respond(answer, nil)
}
