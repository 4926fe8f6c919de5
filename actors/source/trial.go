package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"anode/actors/source/guess"
	"anode/actors/source/transform"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
)

// The bounds of tries.
const (
	// mostTries is how many run at once on a node.
	mostTries = 4
	// mostTrialFrames are listed, of mostTrialBytes together, each to mostTrialFrame; mostTrialDrops likewise, each with
	// maxFrame of its message.
	mostTrialFrames = 500
	mostTrialBytes  = 4 << 20
	mostTrialFrame  = 256 << 10
	mostTrialDrops  = 200
	// mostTrialRecords bounds the bytes of the records.
	mostTrialRecords = 4 << 20
)

// Why a try ends that nothing went wrong with.
var (
	errTryOver   = errors.New("the time is over")
	errTryEnough = errors.New("there is enough to see")
)

// trial is what a try has seen. It is the intake of its line: nothing is stored. The mutex guards everything; it
// is a leaf.
type trial struct {
	until time.Time
	most  int
	clock func() time.Time
	// end ends the connection.
	end context.CancelCauseFunc
	// hidden are the job's.
	hidden *hidden

	mu    sync.Mutex
	view  command.Trial
	bytes int
	// kept are the bytes of the records.
	kept int
	// at is the index of the frame that is taken apart now, -1 where it is not listed.
	at int
	// message is what is taken apart.
	message []byte
	// samples are the first messages, where they are wanted.
	sampling bool
	samples  []sample
	sampled  int
	// err is why the connection ended before the time was over.
	err error
	// heard tells that the feed sent something, untimed how many records have no readable time.
	heard   bool
	opened  bool
	untimed uint64
}

// Submit implements command.Intake: it keeps what is to be seen.
func (t *trial) Submit(_ context.Context, s command.Submission) error {
	t.take(s.Drafts)
	if s.Done != nil {
		s.Done(command.Outcome{Positions: make([]messages.Position, len(s.Drafts))})
	}
	return nil
}

func (t *trial) take(drafts []messages.Draft) {
	t.mu.Lock()
	defer t.mu.Unlock()
	received := t.clock().UTC().Truncate(time.Millisecond)
	if t.at >= 0 {
		received = t.view.Frames[t.at].Received.UTC().Truncate(time.Millisecond)
	}
	for i := range drafts {
		if len(t.view.Records) >= t.most || t.kept > 0 && t.kept+len(drafts[i].Payload) > mostTrialRecords {
			t.view.More.Records += len(drafts) - i
			break
		}
		record := t.hidden.hideBytes(drafts[i].AppendJSON(nil, received))
		if !json.Valid(record) { // a secret was hidden where no text stands
			record = []byte(`{"hidden":"this record has a secret in it"}`)
		}
		t.kept += len(record)
		t.view.Records = append(t.view.Records, record)
		t.view.RecordFrames = append(t.view.RecordFrames, t.at)
	}
	if len(t.view.Records) >= t.most {
		t.end(errTryEnough)
	}
}

// frame lists a frame and gives its index, -1 where there is no room.
func (t *trial) frame(f command.Frame) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heard = t.heard || f.Dir == command.FrameIn
	if len(f.Data) > mostTrialFrame {
		f.Meta.Size, f.Data = len(f.Data), cutText(f.Data, mostTrialFrame)
	}
	if len(t.view.Frames) >= mostTrialFrames || len(t.view.Frames) > 0 && t.bytes+len(f.Data) > mostTrialBytes {
		t.view.More.Frames++
		return -1
	}
	t.bytes += len(f.Data)
	t.view.Frames = append(t.view.Frames, f)
	return len(t.view.Frames) - 1
}

// cutText cuts bytes, between two characters where they are text.
func cutText(data []byte, most int) []byte {
	cut := data[:most:most]
	for trim := range utf8.UTFMax {
		if utf8.Valid(cut[:most-trim]) {
			return cut[:most-trim]
		}
	}
	return cut
}

// begin notes that a frame is taken apart.
func (t *trial) begin(index int, message []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at, t.message = index, message
}

// sample keeps a message.
func (t *trial) sample(index int, message []byte, meta *transform.Meta) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.samples)
	if !t.sampling || n >= mostSamples || n > 0 && t.sampled+len(message) > mostSamplesBytes {
		return
	}
	t.sampled += len(message)
	t.samples = append(t.samples, sample{index: index, message: message, meta: *meta})
}

// done notes what became of it, or of a part of it, besides records.
func (t *trial) done(r *transform.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.untimed += r.Untimed
	for _, d := range []struct {
		reason string
		count  uint64
	}{{"filtered", r.Dropped.Filtered}, {"duplicate", r.Dropped.Duplicate}, {"limited", r.Dropped.Limited}} {
		if d.count > 0 {
			t.drop(d.reason, t.message, d.count)
		}
	}
	if shown := uint64(len(r.Failures)); r.Faults > shown {
		t.view.More.Dropped += r.Faults - shown
	}
}

// passedOver notes a message that the spec does not ask for.
func (t *trial) passedOver() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heard = true
	t.drop("filtered", nil, 1)
}

// failed notes what could not be made a record, or what else is reported.
func (t *trial) failed(reason string, frame []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(reason, frame, 1)
}

// settled notes that the frame is taken apart.
func (t *trial) settled() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at, t.message = -1, nil
}

// drop is called with mu held.
func (t *trial) drop(reason string, message []byte, count uint64) {
	if n := len(t.view.Dropped); n > 0 && t.at >= 0 && t.view.Dropped[n-1].Index == t.at && t.view.Dropped[n-1].Reason == reason {
		t.view.Dropped[n-1].Count += count
		return
	}
	if len(t.view.Dropped) >= mostTrialDrops {
		t.view.More.Dropped += count
		return
	}
	if len(message) > maxFrame {
		message = cutText(message, maxFrame)
	}
	text := t.hidden.hideEnd(t.hidden.hide(strings.ToValidUTF8(string(message), "�")))
	t.view.Dropped = append(t.view.Dropped, command.TrialDrop{Reason: t.hidden.hide(reason), Frame: text, Index: t.at, Count: count})
}

// quiet ends a try whose feed is asked next after its time.
func (t *trial) quiet(until time.Time) {
	if until.After(t.until) {
		t.end(errTryEnough)
	}
}

// stands notes that the connection stood.
func (t *trial) stands() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opened = true
}

// tries bounds how many run, and ends them with the node. The mutex is a leaf.
type tries struct {
	mu      sync.Mutex
	running map[*trial]context.CancelCauseFunc
	over    bool
}

func (t *tries) enter(one *trial, end context.CancelCauseFunc) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.over:
		return fmt.Errorf("%w: the node is stopping", command.ErrUnavailable)
	case len(t.running) >= mostTries:
		return fmt.Errorf("%w: %d tries run on this node already", command.ErrTooMany, mostTries)
	}
	if t.running == nil {
		t.running = make(map[*trial]context.CancelCauseFunc)
	}
	t.running[one] = end
	return nil
}

func (t *tries) leave(one *trial) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.running, one)
}

// end ends all, and lets none begin.
func (t *tries) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	for _, end := range t.running {
		end(fmt.Errorf("%w: the node is stopping", command.ErrUnavailable))
	}
}

// Try runs a spec as a source would, with a sink in place of the journal, until its time is over, there is
// enough to see, or the connection ends. It blocks. What the feed does wrong is no error but told in the
// answer.
func (s *Sources) Try(ctx context.Context, q command.Try) (command.Trial, error) {
	if begun, is := guess.Beginning(q.Document, q.YAML); is {
		return s.guess(ctx, begun, q)
	}
	parsed, err := spec.ParseWith(q.Document, q.YAML, s.Compile)
	if err != nil {
		return command.Trial{}, err
	}
	t, err := s.run(ctx, parsed, q.For, q.Records, false)
	if err != nil {
		return command.Trial{}, err
	}
	return t.view, nil
}

// run runs a spec, and keeps its messages where samples are wanted. Nobody changes the trial after that.
func (s *Sources) run(ctx context.Context, parsed *spec.Spec, d time.Duration, most int, samples bool) (*trial, error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	now := s.cfg.Clock()
	t := &trial{until: now.Add(d), most: most, clock: s.cfg.Clock, end: end, at: -1, sampling: samples}
	t.view = command.Trial{Spec: parsed.JSON, Frames: []command.Frame{}, Records: []json.RawMessage{}, RecordFrames: []int{}, Dropped: []command.TrialDrop{}}
	cfg := s.cfg
	cfg.Intake, cfg.reporter = t, newReporter()
	job, err := newJob(&cfg, parsed, "")
	if err != nil {
		return nil, err
	}
	defer job.close()
	job.trial, job.restored, t.hidden = t, true, &job.hidden
	if err := s.tries.enter(t, end); err != nil {
		return nil, err
	}
	defer s.tries.leave(t)
	if parsed.Exclusive && s.board(parsed.Name) != nil {
		t.fail(fmt.Errorf("source %s is exclusive and runs: pause it before it is tried", parsed.Name))
		return t, nil
	}
	if parsed.Kind == spec.KindPush {
		t.hint("a push source waits for senders, and none reaches a try: register it and send to it, or replay frames with anode source try --frames")
		return t, nil
	}
	timer := time.AfterFunc(d, func() { end(errTryOver) })
	defer timer.Stop()
	line := &Line{cfg: &cfg, board: newBoard(parsed.Name, now), job: job, begun: now, gen: 1, chain: &command.Chain{}, tell: func(message any) {
		if _, is := message.(opened); is {
			t.stands()
		}
	}}
	err = job.run(ctx, line)
	if cause := context.Cause(ctx); errors.Is(cause, command.ErrUnavailable) {
		return nil, cause
	}
	if ctx.Err() == nil || !errors.Is(err, context.Cause(ctx)) {
		t.ended(err, parsed)
	}
	t.advise(parsed)
	return t, nil
}

// ended notes that the connection ended before the time was over.
func (t *trial) ended(err error, s *spec.Spec) {
	if t.err = err; err == nil {
		return
	}
	var orderly *EndedInOrder
	if errors.As(err, &orderly) && t.brought() {
		return
	}
	t.fail(errors.New(t.hidden.hide(clip(err.Error(), mostErrorText))))
	if hint := Advice(err, s); hint != "" {
		t.hint("%s", hint)
	}
}

func (t *trial) brought() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.view.Records) > 0
}

func (t *trial) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := err.Error()
	t.view.Error = &text
}

func (t *trial) hint(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.view.Hints = append(t.view.Hints, fmt.Sprintf(format, args...))
}

// advise says what to look at where little came.
func (t *trial) advise(s *spec.Spec) {
	t.mu.Lock()
	records, frames, dropped, heard, opened, untimed, failed := len(t.view.Records), t.view.Frames, t.view.Dropped, t.heard, t.opened, t.untimed, t.view.Error != nil
	t.mu.Unlock()
	for i := range frames {
		if what := notData(&frames[i]); what != "" {
			t.hint("%s", what)
			break
		}
	}
	switch {
	case !heard && !failed && opened && s.Kind == spec.KindWebSocket && len(s.WebSocket.Open) == 0:
		t.hint("the feed took the connection and said nothing: most want to be asked first. Put the message that its documentation has for subscribing into websocket: {open: […]}")
	case !heard && !failed:
		t.hint("nothing came in this time: try longer")
	case heard && records == 0 && len(dropped) > 0 && dropped[0].Reason == "filtered":
		t.hint("all that came was filtered: look at transform.where, split and map")
	}
	if untimed > 0 {
		t.hint("time: %d of the records have none that can be read: it must be RFC 3339, or a Unix time in s, ms, µs or ns", untimed)
	}
}

// notData says that a frame is no data at all.
func notData(f *command.Frame) string {
	if f.Dir != command.FrameIn || f.Meta.Status == 0 || f.Meta.Status > 299 {
		return ""
	}
	kind := strings.ToLower(f.Meta.Headers["content-type"])
	if page(f.Data) || strings.HasPrefix(kind, "text/html") && bytes.HasPrefix(bytes.TrimSpace(f.Data), []byte("<")) {
		return isPage
	}
	return ""
}

const isPage = "the URL answers an HTML page, which is made for people: look in the site's documentation for the address of its API, or in the browser's network view for what the page itself loads"
