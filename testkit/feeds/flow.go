package feeds

import (
	"io"
	"net/http"
	"time"
)

// Part is a part of an answer that comes bit by bit. It ends early when the client is gone.
type Part func(*Flow) error

// Flow is the server's end of an answer that comes bit by bit, for parts.
type Flow struct {
	Request *http.Request
	writer  http.ResponseWriter
}

// Flowing answers 200 with a content type, plays the parts and ends the answer. A part that fails
// resets the connection.
func Flowing(kind string, parts ...Part) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kind != "" {
			w.Header().Set("Content-Type", kind)
		}
		f := &Flow{Request: r, writer: w}
		if f.Write("") != nil {
			return
		}
		for _, part := range parts {
			if part(f) != nil {
				panic(http.ErrAbortHandler)
			}
		}
	})
}

// Events is a Flowing of server-sent events.
func Events(parts ...Part) http.Handler { return Flowing("text/event-stream", parts...) }

// Write sends a text at once.
func (f *Flow) Write(text string) error {
	if _, err := io.WriteString(f.writer, text); err != nil {
		return err
	}
	return http.NewResponseController(f.writer).Flush()
}

// Pause waits.
func (f *Flow) Pause(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-f.Request.Context().Done():
		return f.Request.Context().Err()
	}
}

// Say sends texts, each at once.
func Say(texts ...string) Part {
	return func(f *Flow) error {
		for _, text := range texts {
			if err := f.Write(text); err != nil {
				return err
			}
		}
		return nil
	}
}

// Wait sends nothing for so long.
func Wait(d time.Duration) Part { return func(f *Flow) error { return f.Pause(d) } }

// Hold sends nothing more until the client leaves.
func Hold() Part {
	return func(f *Flow) error {
		<-f.Request.Context().Done()
		return f.Request.Context().Err()
	}
}

// HoldUntil sends nothing until the channel is closed.
func HoldUntil(closed <-chan struct{}) Part {
	return func(f *Flow) error {
		select {
		case <-closed:
			return nil
		case <-f.Request.Context().Done():
			return f.Request.Context().Err()
		}
	}
}

// Trickle sends a text byte by byte.
func Trickle(text string, pause time.Duration) Part {
	return func(f *Flow) error {
		for i := range len(text) {
			if err := f.Write(text[i : i+1]); err != nil {
				return err
			}
			if err := f.Pause(pause); err != nil {
				return err
			}
		}
		return nil
	}
}

// Flood sends a text until the client leaves.
func Flood(text string) Part {
	return func(f *Flow) error {
		for {
			if err := f.Write(text); err != nil {
				return err
			}
		}
	}
}

// Abort resets the connection in the middle of the answer.
func Abort() Part { return func(*Flow) error { return http.ErrAbortHandler } }
