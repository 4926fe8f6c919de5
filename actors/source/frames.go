package source

import (
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"anode/actors/source/transform"
	"anode/messages/command"
)

// show gives a frame to those who look; a try keeps it, and has its index.
func (l *Line) show(frame func() command.Frame) int {
	if l.job.trial != nil {
		return l.job.trial.frame(frame())
	}
	l.board.taps.offer(frame)
	return -1
}

// came shows a message of the feed to those who look at frames.
func (l *Line) came(message []byte, meta *transform.Meta) int {
	return l.show(func() command.Frame {
		data := message
		if meta.Raw != nil {
			data = meta.Raw
		}
		return l.frame(data, meta.Received, command.FrameIn, command.FrameMeta{
			URL: meta.URL, Status: meta.Status, Headers: meta.Headers, Event: meta.Event, ID: meta.ID, Item: meta.Vars.Item, Binary: meta.Binary,
			Socket: l.sockets.number(meta.State),
		})
	})
}

// sockets numbers the states of a connection's sockets as they are seen. The mutex is a leaf.
type sockets struct {
	mu   sync.Mutex
	next uint64
	seen map[*transform.State]uint64
}

// mostSockets is how many are told apart: only those that overlap must be.
const mostSockets = 16

// number is 0 for the first.
func (s *sockets) number(state *transform.State) uint64 {
	if state == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, known := s.seen[state]; known {
		return n
	}
	if s.seen == nil || len(s.seen) >= mostSockets {
		s.seen = make(map[*transform.State]uint64)
	}
	n := s.next
	s.seen[state] = n
	s.next++
	return n
}

// Sent shows what the source sent to its feed, to those who look at frames: a message, or a request's body.
// The bytes are not changed afterwards. It is cheap where nobody looks.
func (l *Line) Sent(data []byte, meta command.FrameMeta) {
	l.show(func() command.Frame { return l.frame(data, l.cfg.Clock(), command.FrameOut, meta) })
}

// Requested shows a request that goes to the feed; its shown address has no secret.
func (l *Line) Requested(r *http.Request, shown string) {
	l.show(func() command.Frame {
		var body []byte
		if r.GetBody != nil {
			if from, err := r.GetBody(); err == nil {
				body, _ = io.ReadAll(io.LimitReader(from, MaxMessage)) // it is in memory, and only looked at
			}
		}
		return l.frame(body, l.cfg.Clock(), command.FrameOut, command.FrameMeta{URL: shown, Method: r.Method})
	})
}

// Answered shows an answer of the feed that is no message: a refusal, or one without a body.
func (l *Line) Answered(r *http.Response, shown string, body []byte) {
	l.show(func() command.Frame {
		return l.frame(body, l.cfg.Clock(), command.FrameIn, command.FrameMeta{URL: shown, Status: r.StatusCode, Headers: HeadersOf(r)})
	})
}

// HeadersOf are the headers of an answer as $meta has them: names in lower case, several values joined.
func HeadersOf(r *http.Response) map[string]string {
	headers := make(map[string]string, len(r.Header))
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return headers
}

// frame is what people see of one: no secret, and no cookie, which is one.
func (l *Line) frame(data []byte, at time.Time, dir string, meta command.FrameMeta) command.Frame {
	meta.Connection = l.gen
	meta.URL = l.Hide(meta.URL)
	if len(meta.Headers) > 0 {
		headers := maps.Clone(meta.Headers)
		for name, text := range headers {
			headers[name] = l.Hide(text)
		}
		if headers["set-cookie"] != "" {
			headers["set-cookie"] = shownSecret
		}
		meta.Headers = headers
	}
	return command.Frame{Received: at, Dir: dir, Meta: meta, Data: l.job.hidden.hideBytes(data)}
}
