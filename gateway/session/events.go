package session

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"anode/gateway/problem"
	"anode/messages"
	"anode/messages/command"
)

// ServeEvents serves server-sent events of the streams that match the path value "pattern".
func (s *Server) ServeEvents(w http.ResponseWriter, r *http.Request) {
	ask, err := eventsOf(r)
	if err != nil {
		problem.Of(err).Write(w)
		return
	}
	done, p := s.admit(r)
	if p != nil {
		p.Write(w)
		return
	}
	header := w.Header().Clone()
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2, or nothing that is a connection
		done()
		problem.New(http.StatusUpgradeRequired, "http_version", "events need HTTP/1.1").Write(w)
		return
	}
	out := newWire(conn, done)
	if err := conn.SetDeadline(time.Time{}); err != nil {
		out.Close()
		return
	}
	session, err := s.open(r, stream{out, header})
	if err != nil {
		s.refuse(out, err, header)
		out.Close()
		return
	}
	rest := io.Reader(conn)
	if buffered.Reader.Buffered() == 0 {
		buffered = nil // not kept for the life of the session
	} else {
		rest = io.MultiReader(buffered.Reader, conn)
	}
	s.serve(out, session, func(ctx context.Context) {
		// A filter is only checked by the session, so that the head comes after it.
		if err := session.Ask(ctx, command.Check(ask)); err != nil {
			s.refuse(out, err, header) // nothing else can be written: the session has no subscription
			return
		}
		session.Raw(append(responseHead(http.StatusOK, "text/event-stream", header), "retry: 1000\n\n"...))
		if err := session.Ask(ctx, ask); err != nil {
			session.Close(command.CloseUnavailable, "")
		}
		drain(rest)
	})
}

// eventsOf reads what a request for events asks for; Last-Event-ID wins over ?start=.
func eventsOf(r *http.Request) (command.Subscribe, error) {
	q := r.URL.Query()
	if q.Has("stream") {
		return command.Subscribe{}, problem.New(http.StatusUnprocessableEntity, "invalid_parameter", "the stream stands in the path")
	}
	q.Set("stream", r.PathValue("pattern"))
	ask, _, err := fromQuery(q)
	if err != nil {
		return ask, err
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		c, err := messages.ParseCursorText(id)
		if err != nil {
			return ask, err
		}
		ask.Start = command.Start{After: &c}
	}
	return ask, nil
}

// refuse answers with a problem, where nothing was said yet.
func (s *Server) refuse(w *wire, err error, header http.Header) {
	p := problem.OfRead(err)
	p.Log(context.Background(), s.Logger, err, "op", "events")
	if w.said.CompareAndSwap(false, true) {
		_ = w.Write(appendProblem(nil, p, header), firstWrite) // it is closed whatever comes of it
	}
}

// appendProblem appends a whole response that is a problem.
func appendProblem(dst []byte, p *problem.Problem, header http.Header) []byte {
	body := p.JSON()
	header = header.Clone()
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if p.Status == http.StatusServiceUnavailable {
		header.Set("Retry-After", "1")
	}
	return append(append(dst, responseHead(p.Status, problem.ContentType, header)...), body...)
}

// responseHead is the head of a response that ends with its connection.
func responseHead(status int, kind string, header http.Header) []byte {
	header = header.Clone()
	header.Set("Content-Type", kind)
	header.Set("Cache-Control", "no-store")
	header.Set("Connection", "close")
	header.Set("X-Accel-Buffering", "no")
	var b strings.Builder
	b.WriteString("HTTP/1.1 " + strconv.Itoa(status) + " " + http.StatusText(status) + "\r\n")
	_ = header.Write(&b) // a Builder takes everything
	b.WriteString("\r\n")
	return []byte(b.String())
}
