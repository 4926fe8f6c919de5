package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"anode/actors/expr"
	"anode/actors/source"
	"anode/actors/source/push"
	"anode/actors/source/transform"
	"anode/actors/source/unpack"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
)

// Replay takes frames through a spec's pipeline. It belongs to one goroutine.
type Replay struct {
	spec       *spec.Spec
	pipeline   *transform.Pipeline
	clock      clock
	connection uint64
	begun      bool
	// sockets are the $state of those that renewed the connection.
	sockets map[uint64]*transform.State
}

// clock tells the time of the frames. The mutex is a leaf.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// seeded is randomness that is the same each time. The mutex is a leaf.
type seeded struct {
	mu  sync.Mutex
	rnd *rand.ChaCha8
}

// Read implements io.Reader.
func (s *seeded) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rnd.Read(p)
}

// New compiles a spec, all of its expressions and templates; what is wrong comes as spec.Faults, all at once.
func New(s *spec.Spec) (*Replay, error) {
	r := &Replay{spec: s}
	language := source.Language(expr.NewEngine(expr.EngineConfig{
		Clock: r.clock.now, Random: &seeded{rnd: rand.NewChaCha8([32]byte{})},
	}))
	var err error
	r.pipeline, err = transform.New(transform.Config{Spec: s, Language: language, Clock: r.clock.now})
	var faults spec.Faults
	if err != nil && !errors.As(err, &faults) {
		return nil, err
	}
	for _, x := range s.Expressions() {
		known := slices.ContainsFunc(faults, func(f spec.Fault) bool { return f.Path == x.Path })
		if _, err := language.Template(x.Text); err != nil && x.Kind == spec.Template && !known {
			faults = append(faults, spec.FaultAt(x.Path, err))
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return r, nil
}

// Step is what became of one frame.
type Step struct {
	// Message tells that a source takes the frame for a message of its feed.
	Message bool
	// Made are the records, in order, with those before it that the spec's limit held until then.
	Made []Made
	transform.Result
}

// Made is a record that was made, and when it came, to the millisecond.
type Made struct {
	messages.Draft
	Received time.Time
}

// Feed takes the next frame.
func (r *Replay) Feed(ctx context.Context, f *command.Frame) (Step, error) {
	if f.Skipped > 0 || f.Dir == command.FrameOut || !isMessage(f) {
		return Step{}, nil
	}
	if f.Meta.Size > len(f.Data) {
		return Step{}, fmt.Errorf("a frame has only the first %d of its %d bytes", len(f.Data), f.Meta.Size)
	}
	if !r.wanted(f) {
		return Step{}, nil
	}
	var held []Made
	if r.begun && f.Meta.Connection != r.connection {
		held = r.flush()
		r.pipeline.Reset()
		r.sockets = nil
	}
	r.begun, r.connection = true, f.Meta.Connection
	held = append(held, r.due(f.Received)...)
	r.clock.set(f.Received)
	data := f.Data
	switch {
	case f.Meta.Binary && r.spec.WebSocket != nil:
		var err error
		if data, err = unpack.Message(r.spec.WebSocket.Decode, f.Data); err != nil {
			return r.step(held, transform.Unreadable("decode: "+err.Error(), f.Data)), nil
		}
	case r.spec.Kind == spec.KindPush:
		data = push.Message(r.spec, f.Meta.Headers["content-type"], f.Data)
	}
	result := r.pipeline.Feed(ctx, data, transform.Meta{
		Received: f.Received, URL: f.Meta.URL, Status: f.Meta.Status, Headers: f.Meta.Headers, Event: f.Meta.Event, ID: f.Meta.ID,
		Binary: f.Meta.Binary, Vars: transform.Vars{Item: f.Meta.Item}, State: r.state(f.Meta.Socket),
		Secret: func(string) (string, error) { return "***", nil },
	})
	if ctx.Err() != nil {
		return Step{}, context.Cause(ctx)
	}
	return r.step(held, result), nil
}

// state is the $state of a socket; that of the first is the pipeline's.
func (r *Replay) state(socket uint64) *transform.State {
	if socket == 0 {
		return nil
	}
	if r.sockets[socket] == nil {
		if r.sockets == nil || len(r.sockets) >= mostSockets {
			r.sockets = make(map[uint64]*transform.State)
		}
		r.sockets[socket] = &transform.State{}
	}
	return r.sockets[socket]
}

const mostSockets = 64

func (r *Replay) step(held []Made, result transform.Result) Step {
	return Step{Message: true, Made: append(held, r.made(result.Drafts)...), Result: result}
}

// made are drafts that came now.
func (r *Replay) made(drafts []messages.Draft) []Made {
	all := make([]Made, len(drafts))
	for i := range drafts {
		all[i] = Made{drafts[i], r.clock.now().UTC().Truncate(time.Millisecond)}
	}
	return all
}

// due are the records that the limit held and that have their turn before a time.
func (r *Replay) due(until time.Time) (all []Made) {
	for {
		wait, held := r.pipeline.Wait()
		turn := r.clock.now().Add(wait)
		if !held || !turn.Before(until) {
			return all
		}
		r.clock.set(turn)
		drafts := r.pipeline.Due()
		if len(drafts) == 0 && wait == 0 {
			return all
		}
		all = append(all, r.made(drafts)...)
	}
}

// flush are all that the limit holds: a connection ends.
func (r *Replay) flush() []Made { return r.made(r.pipeline.Flush()) }

// End gives what the spec's limit still held after the last frame.
func (r *Replay) End() Step { return Step{Made: r.flush()} }

// isMessage tells whether an answer is one that a source takes apart.
func isMessage(f *command.Frame) bool {
	if f.Meta.Status == 0 {
		return true
	}
	return f.Meta.Status >= 200 && f.Meta.Status < 300 && len(bytes.TrimSpace(f.Data)) > 0
}

// wanted tells whether an event is one that the spec asks for.
func (r *Replay) wanted(f *command.Frame) bool {
	if r.spec.SSE == nil || len(r.spec.SSE.Events) == 0 {
		return true
	}
	event := f.Meta.Event
	if event == "" {
		event = "message"
	}
	return slices.Contains(r.spec.SSE.Events, event)
}

// Lines are the records of a step as golden lines, without the line breaks.
func (s *Step) Lines() [][]byte {
	lines := make([][]byte, len(s.Made))
	for i := range s.Made {
		lines[i] = s.Made[i].AppendJSON(nil, s.Made[i].Received)
	}
	return lines
}
