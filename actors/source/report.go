package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"anode/actors/source/transform"
	"anode/messages"
	"anode/messages/command"
)

// The streams on which sources tell of themselves, before the source's name.
const (
	errorsPrefix  = "$errors."
	sourcesPrefix = "$sources."
)

const (
	// maxFrame is the most of a frame in an error record, in bytes.
	maxFrame = 4 << 10
	// mostReports is how many records may wait for the journal; more are dropped and counted.
	mostReports = 1024
	// errorsASecond bounds the error records of one source.
	errorsASecond = 10
	// A source tells of changes of its state: so many at once, then so many a second.
	statesAtOnce, statesASecond = 20, 2
)

// errorReport is the data of a record on $errors.<source>.
type errorReport struct {
	Reason string `json:"reason"`
	// Frame is the message, at most 4 KiB of it; FrameBase64 where it is no UTF-8 text. Size is how
	// many bytes it had.
	Frame       *string `json:"frame,omitempty"`
	FrameBase64 []byte  `json:"frame_base64,omitempty"`
	Size        int     `json:"size"`
	// Gap is a hole in the feed's own numbering.
	Gap *gapReport `json:"gap,omitempty"`
	// Suppressed is how many errors before this one have no record, for there were too many.
	Suppressed uint64 `json:"suppressed,omitempty"`
}

// gapReport is what is missing: from and to, and all between; per is of what, if the spec numbers by something.
type gapReport struct {
	Per  string `json:"per,omitempty"`
	From int64  `json:"from"`
	To   int64  `json:"to"`
}

// stateReport is the data of a record on $sources.<name>.
type stateReport struct {
	Source string          `json:"source"`
	Node   messages.NodeID `json:"node"`
	State  string          `json:"state"`
	Since  time.Time       `json:"since"`
	// Before is the state that it was in.
	Before string     `json:"before,omitempty"`
	Reason string     `json:"reason,omitempty"`
	NextAt *time.Time `json:"next_at,omitempty"`
	// Records, Errors and Restarts are its counters.
	Records  uint64 `json:"records"`
	Errors   uint64 `json:"errors"`
	Restarts uint64 `json:"restarts"`
	// Skipped is how many changes before this one have no record, for there were too many.
	Skipped uint64 `json:"skipped,omitempty"`
}

func errorDraft(b *board, f *transform.Failure, hidden *hidden) messages.Draft {
	frame, size := f.Frame, f.Size
	r := errorReport{Reason: f.Reason, Size: size, Suppressed: b.suppressed.Swap(0)}
	if g := f.Gap; g != nil {
		r.Gap = &gapReport{hidden.hide(g.Per), g.From, g.To}
	}
	cut := frame[:min(len(frame), maxFrame)]
	for trim := 0; trim < utf8.UTFMax && trim < len(cut) && len(cut) < size; trim++ { // a character that was cut
		if utf8.Valid(cut[:len(cut)-trim]) {
			cut = cut[:len(cut)-trim]
			break
		}
	}
	shown := hidden.hide(string(cut))
	if len(cut) < size {
		shown = hidden.hideEnd(shown)
	}
	switch {
	case len(frame) == 0:
	case utf8.Valid(cut):
		r.Frame = &shown
	default:
		r.FrameBase64 = []byte(shown)
	}
	return reportDraft(errorsPrefix, b.name, r)
}

func reportDraft(prefix, source string, data any) messages.Draft {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	payload := []byte("null")
	if e.Encode(data) == nil { // the types above always pass
		payload = bytes.TrimSpace(text.Bytes())
	}
	name := source
	if strings.Count(name, ".")+2 > messages.MaxStreamTokens {
		name = messages.StreamToken(source)
	}
	return messages.Draft{Stream: messages.Stream(prefix + name), Source: source, Payload: payload}
}

// reporter brings what sources tell of themselves into the journal, without any of them waiting.
type reporter struct {
	queue   chan messages.Draft
	dropped atomic.Uint64
}

func newReporter() *reporter { return &reporter{queue: make(chan messages.Draft, mostReports)} }

// say takes a record; a full queue drops it, counted.
func (r *reporter) say(d messages.Draft) {
	select {
	case r.queue <- d:
	default:
		r.dropped.Add(1)
	}
}

// lastReports bounds the time for what was said before the end.
const lastReports = 2 * time.Second

// run submits what is said until ctx ends, and then what was said before.
func (r *reporter) run(ctx context.Context, intake command.Intake, log *slog.Logger) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case d := <-r.queue:
			r.submit(ctx, r.gather(d), intake, log)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastReports)
	defer cancel()
	for {
		select {
		case d := <-r.queue:
			r.submit(last, r.gather(d), intake, log)
		default:
			return
		}
	}
}

// gather takes what is queued behind a record.
func (r *reporter) gather(first messages.Draft) []messages.Draft {
	drafts := []messages.Draft{first}
	for len(drafts) < 256 {
		select {
		case d := <-r.queue:
			drafts = append(drafts, d)
		default:
			return drafts
		}
	}
	return drafts
}

// submit hands records to the journal; what that does not take is counted.
func (r *reporter) submit(ctx context.Context, drafts []messages.Draft, intake command.Intake, log *slog.Logger) {
	n := uint64(len(drafts))
	err := intake.Submit(ctx, command.Submission{Drafts: drafts, Done: func(o command.Outcome) {
		if o.Err != nil && !errors.Is(o.Err, command.ErrUncovered) { // which is stored
			r.dropped.Add(n)
		}
	}})
	if err != nil {
		r.dropped.Add(n)
		log.Debug("what sources report is not taken", "error", err)
	}
}
