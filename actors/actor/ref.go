package actor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	pa "github.com/asynkron/protoactor-go/actor"

	"anode/messages/command"
)

// Ref names an actor over all its incarnations. It is comparable, and safe for concurrent use.
type Ref struct {
	system *System
	parent *Ref
	spec   Spec
	path   string
	class  string
	// number grows in order of spawning.
	number uint64

	// run is the incarnation that takes messages; nil in a pause and when stopped.
	run     atomic.Pointer[incarnation]
	dropped atomic.Uint64

	// mu guards what follows; it is a leaf.
	mu       sync.Mutex
	state    string
	since    time.Time
	restarts uint64
	failures int // in a row
	lastFail string
	children map[string]*Ref // by name
	stopping bool
	pause    *time.Timer
	ended    chan struct{} // closed when it will never run again
}

// incarnation is one life of an actor.
type incarnation struct {
	pid     *pa.PID
	waiting atomic.Int64
	bytes   atomic.Int64
	gone    chan struct{} // closed when it is no more
	// opened and closed are guarded by the Ref's mu.
	opened, closed bool
}

// open lets the incarnation take messages, once: its mailbox works.
func (i *incarnation) open(r *Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i.opened || i.closed {
		return
	}
	i.opened = true
	r.setState(stateRunning)
	r.run.Store(i)
}

// close takes no more messages.
func (i *incarnation) close(r *Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i.closed = true
	r.run.CompareAndSwap(i, nil)
}

// envelope carries a message through a mailbox.
type envelope struct {
	message any
	bytes   int64
	counted bool
	reply   chan<- answered
	timer   *Timer
}

type answered struct {
	answer any
	err    error
}

// IgnoreDeadLetterLogging keeps protoactor from a goroutine for what reaches nobody: senders learn it here.
func (*envelope) IgnoreDeadLetterLogging() {}

// Name is the actor's name among its siblings.
func (r *Ref) Name() string { return r.spec.Name }

// Path is the names from the top, each led by '/'.
func (r *Ref) Path() string { return r.path }

// Tell puts a message into the mailbox. It is false, and counted, when the mailbox is full or
// the actor is not running now. It never blocks.
func (r *Ref) Tell(message any) bool { return r.TryTell(message, 0) }

// TryTell is Tell for a message that holds about so many bytes.
func (r *Ref) TryTell(message any, bytes int64) bool {
	return r.admit(&envelope{message: message, bytes: bytes, counted: true}) != nil
}

// Ask puts a question into the mailbox and waits for its answer, its error, or the end of ctx. It is
// command.ErrUnavailable where the actor never gets it, command.ErrUnconfirmed where the answer did not come.
func (r *Ref) Ask(ctx context.Context, question any) (any, error) {
	reply := make(chan answered, 1)
	run := r.admit(&envelope{message: question, counted: true, reply: reply})
	if run == nil {
		return nil, fmt.Errorf("%w: %s is busy or not running", command.ErrUnavailable, r.path)
	}
	select {
	case a := <-reply:
		return a.answer, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %s did not answer in time: %w", command.ErrUnconfirmed, r.path, context.Cause(ctx))
	case <-run.gone:
	}
	select {
	case a := <-reply:
		return a.answer, a.err
	default:
		return nil, fmt.Errorf("%w: %s stopped before it answered", command.ErrUnconfirmed, r.path)
	}
}

// admit counts the envelope in and sends it; nil when it was refused.
func (r *Ref) admit(e *envelope) *incarnation {
	run := r.run.Load()
	if run == nil {
		r.drop()
		return nil
	}
	limit := int64(r.spec.Limit)
	if run.waiting.Add(1) > limit {
		run.waiting.Add(-1)
		r.drop()
		return nil
	}
	if e.bytes > 0 {
		if now := run.bytes.Add(e.bytes); r.spec.LimitBytes > 0 && now > r.spec.LimitBytes && now != e.bytes {
			run.bytes.Add(-e.bytes)
			run.waiting.Add(-1)
			r.drop()
			return nil
		}
	}
	r.system.roots.Send(run.pid, e)
	return run
}

func (r *Ref) drop() {
	r.dropped.Add(1)
	r.system.metrics.dropped.WithLabelValues(queueName(r.class)).Inc()
}

// Stop ends the actor for good, its children first and all at once, and waits until it is gone or ctx
// ends. What had not ended by then is still asked to.
func (r *Ref) Stop(ctx context.Context) error {
	children := r.Children()
	faults := make([]error, len(children))
	var ends sync.WaitGroup
	for i, child := range children {
		ends.Go(func() { faults[i] = child.Stop(ctx) })
	}
	ends.Wait()
	r.end()
	for _, err := range faults {
		if err != nil {
			return err // one says enough of thousands
		}
	}
	select {
	case <-r.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w", r.path, context.Cause(ctx))
	}
}

// end asks for the end, once; ended is closed when it came.
func (r *Ref) end() {
	r.mu.Lock()
	if r.stopping {
		r.mu.Unlock()
		return
	}
	r.stopping = true
	pause := r.pause
	r.mu.Unlock()
	if pause != nil && pause.Stop() {
		r.finish()
		return
	}
	if run := r.run.Load(); run != nil {
		r.system.roots.Stop(run.pid)
	}
}

// finish takes the ended actor out of the tree.
func (r *Ref) finish() {
	if p := r.parent; p != nil {
		p.mu.Lock()
		if p.children[r.spec.Name] == r {
			delete(p.children, r.spec.Name)
		}
		p.mu.Unlock()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopping = true
	if r.state != stateStopped {
		r.setState(stateStopped)
		close(r.ended)
	}
}

// Done is closed when the actor will never run again.
func (r *Ref) Done() <-chan struct{} { return r.ended }

// Children are the actor's children in order of spawning.
func (r *Ref) Children() []*Ref {
	r.mu.Lock()
	children := slices.Collect(maps.Values(r.children))
	r.mu.Unlock()
	slices.SortFunc(children, func(a, b *Ref) int { return cmp.Compare(a.number, b.number) })
	return children
}

// The states of an actor.
const (
	stateRunning    = "running"
	stateRestarting = "restarting"
	stateStopped    = "stopped"
)

// setState is called with mu held.
func (r *Ref) setState(state string) { r.state, r.since = state, time.Now() }

// noteFailure keeps what went wrong for people to see.
func (r *Ref) noteFailure(err error) {
	const most = 512
	text := err.Error()
	if len(text) > most {
		text = text[:most] + "…"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastFail = text
}

// View is the actor and those below it, as clients see it.
func (r *Ref) View() command.ActorView {
	r.mu.Lock()
	v := command.ActorView{
		Name: r.spec.Name, Path: r.path, State: r.state, Restarts: r.restarts,
		LastFail: r.lastFail, Since: r.since.UTC(),
	}
	r.mu.Unlock()
	if run := r.run.Load(); run != nil {
		v.Mailbox = run.waiting.Load()
	}
	for _, c := range r.Children() {
		v.Children = append(v.Children, c.View())
	}
	return v
}
