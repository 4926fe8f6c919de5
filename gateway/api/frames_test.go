package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"anode/messages/command"
)

// fakeFrames gives its frames, and then ends with a failure, or with the caller's context.
type fakeFrames struct {
	frames []command.Frame
	err    error
	closed int
}

func (f *fakeFrames) Next(ctx context.Context) (command.Frame, error) {
	if len(f.frames) > 0 {
		one := f.frames[0]
		f.frames = f.frames[1:]
		return one, nil
	}
	if f.err != nil {
		return command.Frame{}, f.err
	}
	<-ctx.Done()
	return command.Frame{}, context.Cause(ctx)
}

func (f *fakeFrames) Close() { f.closed++ }

func TestFramesAreStreamedForATime(t *testing.T) {
	for name, ends := range map[string]error{"the time is over": nil, "the source is gone": io.EOF} {
		w := newWorld(t)
		f := &fakeFrames{err: ends, frames: []command.Frame{
			{Received: someTime, Dir: command.FrameIn, Meta: command.FrameMeta{URL: "wss://a/", Connection: 1}, Data: []byte("{}")},
			{Skipped: 7},
			{Received: someTime, Dir: command.FrameOut, Data: []byte("\xff")},
		}}
		w.node.answer = says(command.FrameReader(f), nil)
		a := w.do("GET", "/api/v1/sources/a.b/frames?for=50ms", "")
		w.is(a, 200, "")
		if got := strings.Split(string(a.body), "\n"); len(got) != 4 || got[1] != `{"skipped":7}` || f.closed != 1 {
			t.Errorf("%s: %q, closed %d times", name, got, f.closed)
		}
		if q := w.node.last().(command.Frames); q.Name != "a.b" {
			t.Errorf("asked %+v", q)
		}
	}
}

func TestFramesRefused(t *testing.T) {
	w := newWorld(t)
	for _, d := range []string{"0s", "-1s", "25h", "soon", "5"} {
		w.is(w.do("GET", "/api/v1/sources/a/frames?for="+d, ""), 422, "invalid_parameter")
	}
	if len(w.node.asked) > 0 {
		t.Errorf("the node was asked %v", w.node.asked)
	}
	for err, code := range map[error]string{command.ErrNotFound: "404 not_found", command.ErrUnavailable: "503 unavailable", command.ErrTooMany: "429 rate_limited"} {
		w.node.answer = says(nil, fmt.Errorf("%w: source a", err))
		a := w.do("GET", "/api/v1/sources/a/frames", "")
		if got := fmt.Sprint(a.status, " ", a.code()); got != code {
			t.Errorf("%v is %s", err, got)
		}
	}
	f := &fakeFrames{}
	w.node.answer = says(command.FrameReader(f), nil)
	if w.is(w.do("HEAD", "/api/v1/sources/a/frames", ""), 200, ""); f.closed != 1 {
		t.Error("HEAD leaves the frames open")
	}
}

func TestFramesEndWithTheServer(t *testing.T) {
	w := newWorld(t)
	closing := make(chan struct{})
	w.config.Closing = closing
	var err error
	if w.api, err = New(w.config); err != nil {
		t.Fatal(err)
	}
	w.node.answer = says(command.FrameReader(&fakeFrames{}), nil)
	time.AfterFunc(10*time.Millisecond, func() { close(closing) })
	w.is(w.do("GET", "/api/v1/sources/a/frames?for=24h", ""), 200, "")
}

func TestFramesThatCannotBeReadAreLogged(t *testing.T) {
	w := newWorld(t)
	f := &fakeFrames{err: errors.New("broken")}
	w.node.answer = says(command.FrameReader(f), nil)
	if w.do("GET", "/api/v1/sources/a/frames?for=1s", ""); !strings.Contains(w.log.String(), "broken") || f.closed != 1 {
		t.Errorf("the log says %s", w.log)
	}
}
