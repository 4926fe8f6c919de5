package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
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
	// transports are the connector's.
	transports []*Transport
	states     *ledger
	window     window
	turn       turn
	hidden     hidden
	// reports bounds the records on $errors.
	reports *bucket
	// sends bounds what the feed is sent.
	sends *bucket
	// board is the source's; nil for a try. learnt is what other nodes numbered, standby what is held back for
	// that, nil for a try, rival who else takes itself for the first.
	board *board
	// streams are all that the source's records may be on.
	streams messages.Pattern
	learnt  learnt
	standby *standby
	rival   rival
	// trial is the try that this is for; nil for a source.
	trial *trial
	// restored tells that the state and the window of deduplication were read from the journal.
	restored bool
	// quits tells that the source is paused: it learns only while something is held back.
	quits atomic.Bool
	// learns tells that the job takes over what other nodes numbered; else it only hears that they did.
	learns atomic.Bool
	// stood is the number of the last standstill of which it knows; it is the actor's.
	stood uint64
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
		pass:       func(ctx context.Context, host string) error { return cfg.hosts.pass(ctx, j, host, requests) },
		transports: &j.transports,
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

// attach makes it the job of a source that runs here.
func (j *job) attach(b *board) {
	j.board, j.standby = b, newStandby(j)
	j.states.show = func(state saved, at time.Time) { b.remember(&state, at, &j.hidden) }
	j.states.role = j.stands
	j.streams = streamsOf(j.spec.Stream)
	_, j.stood = j.cfg.standstill.since()
	b.standby.Store(j.standby)
}

// role is what this node is to the source now.
func (j *job) role() Role {
	if j.board == nil {
		return Role{}
	}
	role := j.board.want.Load().Role
	if j.spec.Kind != spec.KindPush && (j.cfg.standstill.doubts() || j.rival.ahead(j.cfg.Clock())) { // what is pushed is pushed to this node
		role.Rank = max(role.Rank, 1)
	}
	return role
}

// stands is the role as what is held back makes it: one that still holds back is not the first yet.
func (j *job) stands() Role {
	role := j.role()
	if j.standby != nil && j.standby.active.Load() {
		role.Rank = max(role.Rank, 1)
	}
	return role
}

// cares tells whether the job wants to know of what other nodes number.
func (j *job) cares() bool {
	_, dedupes := j.pipeline.Dedupe().Horizon(time.Time{})
	return dedupes || j.states.from != "" || j.spec.Kind == spec.KindSSE || j.role().Owners > 1 || j.role().Rank > 0
}

// listens tells whether what was pushed to other nodes is a sign of life: senders choose the node.
func (j *job) listens() bool {
	return j.spec.Kind == spec.KindPush && j.spec.Liveness != spec.Liveness{}
}

// heard notes that another node took something, received at a Unix ms by this node's clock.
func (j *job) heard(ms int64) {
	if ns := time.UnixMilli(ms).UnixNano(); j.listens() && ns > j.board.elsewhere.Load() {
		j.board.elsewhere.Store(ns) // by the learner alone
	}
}

// heed has the job learn, where it cares.
func (j *job) heed() {
	j.quits.Store(false)
	cares := j.cares()
	j.learns.Store(cares)
	if !cares && !j.listens() {
		return
	}
	since, number := j.cfg.standstill.since()
	if j.cfg.learner.join(j) && cares && number != j.stood { // what came before that was not learned
		j.learnt.lose(since)
	}
	j.stood = number
}

// reroled takes over another role.
func (j *job) reroled() {
	if !j.board.want.Load().Paused {
		j.heed()
	}
	j.standby.nudge()
}

// ignore ends that, once nothing is held back any more: what comes meanwhile the journal tells later.
func (j *job) ignore() {
	j.restored = false
	j.quits.Store(true)
	j.unlearn()
}

// unlearn has a paused source learn no more when it holds nothing back.
func (j *job) unlearn() {
	if j.quits.Load() && j.standby.count.Load() == 0 {
		j.cfg.learner.leaveIf(j, &j.quits)
	}
}

// close releases what was kept between connections, and what it asked of hosts.
func (j *job) close() {
	j.standby.close()
	j.cfg.learner.leave(j)
	j.connector.Close()
	j.cfg.hosts.release(j)
}

// settlePatience is how long an ended connection waits for the journal.
const settlePatience = 5 * time.Second

// run makes one connection, and returns when it is over and what it brought is in the journal.
func (j *job) run(ctx context.Context, line *Line) error {
	if err := j.prepare(ctx, line); err != nil {
		return err
	}
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
	for _, t := range j.transports { // who waits for the end of an exclusive source connects then
		t.Settle()
	}
	rethrow(line.holder.failed())
	calm = true
	if failed := j.settle(ctx, line); failed != nil {
		err = failed
	}
	rethrow(line.holder.failed())
	j.refused = storageFailed(err)
	return err
}

// prepare makes ready for a connection.
func (j *job) prepare(ctx context.Context, line *Line) error {
	if err := j.turn.take(ctx); err != nil {
		return err
	}
	defer j.turn.give()
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
		j.standby.again(j.cfg.Clock())
		j.restored = true
	}
	if err := j.room(); err != nil {
		return err
	}
	j.standby.stand(ctx, line)
	j.pipeline.Reset()
	j.fresh()
	return nil
}

// fresh goes back to what the journal has: why it has not more was told when the connection before ended.
func (j *job) fresh() {
	lost, _ := j.window.takeLost()
	j.pipeline.Forget(lost)
	j.states.begin()
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
	j.standby.left(patience)
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
