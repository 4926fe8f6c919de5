package capture

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"anode/actors/source/guess"
	"anode/messages/command"
	"anode/messages/spec"
)

// maxDrop is the most of a message in a drop, in bytes.
const maxDrop = 4 << 10

// mostGuessed is how many messages a guess looks at.
const mostGuessed = 200

// Guess makes a spec of captured frames: of what is given, which is a url at least.
func Guess(given map[string]json.RawMessage, frames []command.Frame) (*guess.Guess, error) {
	kind, err := guess.KindOf(given)
	if err != nil {
		return nil, err
	}
	in := guess.Input{Given: given}
	for i := range frames {
		f := &frames[i]
		if f.Skipped > 0 || f.Dir == command.FrameOut || !isMessage(f) || len(in.Messages) == mostGuessed {
			continue
		}
		if f.Meta.Event != "" || f.Meta.ID != "" {
			kind = spec.KindSSE
		}
		in.Messages = append(in.Messages, guess.Message{Data: f.Data, Event: f.Meta.Event, Headers: f.Meta.Headers})
	}
	in.Kind = kind
	return guess.Of(in)
}

// Try takes frames through a spec, and shows what a node's try shows: up to so many records, with the frames up
// to the last of them.
func Try(ctx context.Context, s *spec.Spec, frames iter.Seq2[command.Frame, error], records int) (command.Trial, error) {
	r, err := New(s)
	if err != nil {
		return command.Trial{}, err
	}
	view := command.Trial{Spec: s.JSON, Frames: []command.Frame{}, Records: []json.RawMessage{}, RecordFrames: []int{}, Dropped: []command.TrialDrop{}}
	var untimed uint64
	for f, err := range frames {
		if err != nil {
			return view, err
		}
		if len(view.Records) >= records {
			view.More.Frames++
			continue
		}
		step, err := r.Feed(ctx, &f)
		if err != nil {
			return view, fmt.Errorf("frame %d: %w", len(view.Frames)+1, err)
		}
		at := len(view.Frames)
		view.Frames = append(view.Frames, f)
		list(&view, &step, at, records)
		untimed += step.Untimed
		drop := func(reason string, data []byte, count uint64) {
			if count > 0 {
				text := strings.ToValidUTF8(string(data[:min(len(data), maxDrop)]), "�")
				view.Dropped = append(view.Dropped, command.TrialDrop{Reason: reason, Frame: text, Index: at, Count: count})
			}
		}
		drop("filtered", f.Data, step.Dropped.Filtered)
		drop("duplicate", f.Data, step.Dropped.Duplicate)
		drop("limited", f.Data, step.Dropped.Limited)
		for i := range step.Failures {
			drop(step.Failures[i].Reason, step.Failures[i].Frame, 1)
		}
		for _, a := range step.Actions {
			if a.Fail != "" {
				view.Hints = append(view.Hints, fmt.Sprintf("frame %d would end the connection: %s", at+1, a.Fail))
			}
		}
	}
	end := r.End()
	list(&view, &end, len(view.Frames)-1, records)
	if untimed > 0 {
		view.Hints = append(view.Hints, fmt.Sprintf("time: %d of the records have none that can be read: it must be RFC 3339, or a Unix time in s, ms, µs or ns", untimed))
	}
	return view, nil
}

// list adds the records of a step.
func list(view *command.Trial, step *Step, at, most int) {
	for _, line := range step.Lines() {
		if len(view.Records) >= most {
			view.More.Records++
			continue
		}
		view.Records = append(view.Records, line)
		view.RecordFrames = append(view.RecordFrames, at)
	}
}
