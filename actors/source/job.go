package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"anode/actors/source/transform"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
)

// job is a compiled spec and what it keeps between connections. Its pipeline belongs to who has the turn.
type job struct {
	cfg       *Config
	spec      *spec.Spec
	pipeline  *transform.Pipeline
	connector Connector
	states    *ledger
	window    window
	turn      turn
	hidden    hidden
	// reports bounds the records on $errors.
	reports *bucket
	// sends bounds what the feed is sent.
	sends *bucket
	// trial is the try that this is for; nil for a source.
	trial *trial
	// restored tells that the state and the window of deduplication were read from the journal.
	restored bool
	// refused tells that the journal did not take what the last connection brought.
	refused bool
}

// A source sends its feed so many messages at once, then so many a second.
const sendsAtOnce, sendsASecond = 100, 50

// newJob compiles a spec, registered as of says; its faults come as spec.Faults.
func newJob(cfg *Config, s *spec.Spec, of string) (*job, error) {
	kind := cfg.Kinds[s.Kind]
	if kind == nil {
		return nil, spec.Faults{{Path: "/kind", Message: fmt.Sprintf("%q is not supported by this version", s.Kind)}}
	}
	j := &job{cfg: cfg, spec: s, turn: newTurn(), reports: newBucket(errorsASecond, errorsASecond), sends: newBucket(sendsAtOnce, sendsASecond)}
	var faults spec.Faults
	collect := func(err error) error {
		var some spec.Faults
		if errors.As(err, &some) {
			faults = append(faults, some...)
			return nil
		}
		return err
	}
	var err error
	language := hiding{cfg.Language, &j.hidden}
	j.pipeline, err = transform.New(transform.Config{Spec: s, Language: language, Clock: cfg.Clock, Hide: j.hidden.hideCut})
	if err = collect(err); err != nil {
		return nil, err
	}
	j.states, err = newLedger(cfg, s, of)
	if err = collect(err); err != nil {
		return nil, err
	}
	j.connector, err = kind(Setup{
		Spec: s, Language: language, Guard: cfg.Guard, Clock: cfg.Clock, Logger: cfg.Logger.With("source", s.Name), Exposed: cfg.Exposed,
		pass: func(ctx context.Context, host string) error { return cfg.hosts.pass(ctx, j, host, requests) },
	})
	if err = collect(err); err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		if j.connector != nil {
			j.connector.Close()
		}
		return nil, faults
	}
	return j, nil
}

// does tells that the job is what is to be.
func (j *job) does(want *Assignment) bool {
	return j.spec.Hash == want.Spec.Hash && j.states.of == want.Registered
}

// close releases what was kept between connections, and what it asked of hosts.
func (j *job) close() {
	j.connector.Close()
	j.cfg.hosts.release(j)
}

// settlePatience is how long an ended connection waits for the journal.
const settlePatience = 5 * time.Second

// run makes one connection, and returns when it is over and what it brought is in the journal.
func (j *job) run(ctx context.Context, line *Line) error {
	if j.window.takeUnsure() { // the journal tells what became of it, when it has answered all
		j.restored = false
		if err := j.answered(ctx, line); err != nil {
			return err
		}
	}
	if !j.restored {
		j.hide()
		if err := j.restore(ctx); err != nil {
			return err
		}
		j.restored = true
	}
	if err := j.room(); err != nil {
		return err
	}
	j.pipeline.Reset()
	lost, _ := j.window.takeLost() // why was told when the connection before ended
	j.pipeline.Forget(lost)
	j.states.begin()
	line.again = j.refused
	line.holder.begin(context.WithoutCancel(ctx))
	calm := false
	defer func() {
		if !calm { // a panic: what became of the last message is not known, so that no state may cover it
			line.cut.Store(true)
			_ = j.settle(ctx, line) // the panic says more
		}
	}()
	err := j.connector.Run(ctx, line)
	rethrow(err)
	rethrow(line.holder.failed())
	calm = true
	if failed := j.settle(ctx, line); failed != nil {
		err = failed
	}
	rethrow(line.holder.failed())
	j.refused = storageFailed(err)
	return err
}

// answered waits until the journal has told what became of all that was submitted.
func (j *job) answered(ctx context.Context, line *Line) error {
	defer line.hold()() // its silence is ours
	err := j.window.settle(ctx)
	j.window.takeUnsure() // of what was waited for
	return err
}

// hide keeps the spec's secrets out of what people see also before they are used: a state may have one.
func (j *job) hide() {
	for _, name := range j.spec.Secrets() {
		if value, err := j.cfg.Secrets.read(name); err == nil { // else it is told where it is used
			j.hidden.note(value)
		}
	}
}

// settle brings what a connection that is over still holds, and waits until the journal has all of it. An error
// tells that the journal did not take it.
func (j *job) settle(ctx context.Context, line *Line) (failed error) {
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), settlePatience)
	defer cancel()
	switch closed := line.holder.close(patience, line); {
	case storageFailed(closed):
		failed = closed
	case closed != nil:
		j.cfg.Logger.Warn("what the source's limit held is not stored", "source", j.spec.Name, "error", closed)
	}
	if ended := line.end(patience); storageFailed(ended) {
		failed = ended
	}
	return failed
}

// room tells, after the journal refused records, whether it takes some again: no feed is asked for
// what has no place.
func (j *job) room() error {
	if !j.refused {
		return nil
	}
	switch stats := j.cfg.Journal.Stats(); {
	case stats.Full != "":
		return fmt.Errorf("the journal does not take records: %w: %s", command.ErrStorageFull, stats.Full)
	case stats.Refused != "":
		return fmt.Errorf("the journal does not take records: %w: %s", command.ErrUnavailable, stats.Refused)
	}
	return nil
}

// streamsOf is the pattern of all streams that a template makes.
func streamsOf(template string) messages.Pattern {
	pieces, err := spec.StreamPieces(template)
	if err != nil {
		return messages.Everything
	}
	var text strings.Builder
	for _, p := range pieces {
		if p.Path == nil {
			text.WriteString(p.Text)
			continue
		}
		text.WriteByte('\x00')
	}
	tokens := strings.Split(text.String(), ".")
	for i, token := range tokens {
		if strings.ContainsRune(token, '\x00') {
			tokens[i] = "*"
		}
	}
	return messages.Pattern(strings.Join(tokens, "."))
}
