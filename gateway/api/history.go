package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"anode/gateway/problem"
	"anode/messages"
	"anode/messages/command"
)

// The bounds of ?limit= on records.
const (
	recordLimit    = 100
	maxRecordLimit = 10_000
)

// walkParams say which records of a stream are asked for.
var walkParams = []string{"from", "to", "after", "order", "unique"}

// history answers with the records of a stream that are held.
func (s *server) history(c echo.Context) error {
	lines := wants(c.Request(), typeNDJSON)
	otherwise := recordLimit
	if lines {
		otherwise = 0
	}
	p, err := readPage(c, otherwise, maxRecordLimit, walkParams...)
	if err != nil {
		return err
	}
	question, err := readHistory(param(c, "stream"), p)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	walk, err := command.Ask(ctx, s.Node, question)
	switch {
	case errors.Is(err, command.ErrInvalid) && question.Page != "":
		return notPage()
	case errors.Is(err, command.ErrInvalid) && !question.After.IsZero():
		return problem.New(http.StatusUnprocessableEntity, "invalid_cursor", "%s", err)
	case err != nil:
		return err
	}
	defer walk.Close()
	out := &recordWriter{server: s, echo: c, walk: walk, limit: p.limit}
	if lines {
		return out.lines(ctx)
	}
	return out.object(ctx, p)
}

// readHistory makes the question of a request.
func readHistory(stream string, p page) (command.History, error) {
	var q command.History
	var err error
	if q.Stream, err = messages.ParseStream(stream); err != nil {
		return q, err
	}
	if q.FromMs, err = readMs(p.params, "from"); err != nil {
		return q, err
	}
	if q.ToMs, err = readMs(p.params, "to"); err != nil {
		return q, err
	}
	if text := p.params.Get("after"); text != "" {
		if q.After, err = messages.ParsePosition(text); err != nil {
			return q, err
		}
	}
	switch order := p.params.Get("order"); order {
	case "", "asc":
	case "desc":
		q.Descending = true
	default:
		return q, invalidParameter("order %q is neither asc nor desc", clip(order))
	}
	switch unique := p.params.Get("unique"); unique {
	case "", "false":
	case "true":
		q.Unique = true
	default:
		return q, invalidParameter("unique %q is neither true nor false", clip(unique))
	}
	if q.Page = p.token.Get("walk"); p.token != nil && q.Page == "" {
		return q, notPage()
	}
	return q, nil
}

func invalidParameter(detail string, args ...any) *problem.Problem {
	return problem.New(http.StatusUnprocessableEntity, "invalid_parameter", detail, args...)
}

// readMs reads a time as Unix ms, rounded up, so that a bound between two milliseconds
// excludes the earlier one.
func readMs(params url.Values, name string) (int64, error) {
	text := params.Get(name)
	if text == "" {
		return 0, nil
	}
	t, err := messages.ParseTime(text)
	if err != nil {
		return 0, invalidParameter("%s: %v", name, err)
	}
	return max(1, t.Add(time.Millisecond-1).UnixMilli()), nil
}

// recordWriter sends records as the walk gives them, with little of them in memory. What fails
// before the first bytes are on their way is a problem; what fails later cuts the connection, so
// that no client takes a part for the whole.
type recordWriter struct {
	server *server
	echo   echo.Context
	walk   command.Walk
	// limit is the most records; 0 is all.
	limit int
	out   *bufio.Writer
	// buf is the record that is being written.
	buf []byte
}

// ready gives the head; it goes out with the first full buffer.
func (w *recordWriter) ready(kind string) {
	w.echo.Response().Header().Set("Content-Type", kind)
	w.out = bufio.NewWriterSize(w.echo.Response(), 64<<10)
}

// each calls send for each record, up to the limit.
func (w *recordWriter) each(ctx context.Context, send func(n int, r *messages.Record) error) error {
	for n := 0; w.limit == 0 || n < w.limit; n++ {
		record, err := w.walk.Next(ctx)
		if err != nil {
			return fmt.Errorf("history: %w", err)
		}
		if record == nil {
			return nil
		}
		if p, ok := w.echo.Response().Writer.(*patient); ok {
			p.behind = cap(w.buf) + max(record.Size(), messages.MaxBatchBytes) // the walk keeps its batch
		}
		if err := send(n, record); err != nil {
			return errGone
		}
	}
	return nil
}

// errGone tells that the client takes nothing any more: nobody is left to tell.
var errGone = errors.New("the client is gone")

// failed is what becomes of a failure on the way.
func (w *recordWriter) failed(err error) error {
	if !w.echo.Response().Committed {
		w.echo.Response().Header().Del("Content-Type")
		return err
	}
	if r := w.echo.Request(); !errors.Is(err, errGone) && r.Context().Err() == nil {
		w.server.Logger.Error("a history was cut", "path", r.URL.Path, "error", err)
	}
	panic(http.ErrAbortHandler)
}

// lines streams records, one a line.
func (w *recordWriter) lines(ctx context.Context) error {
	w.ready(typeNDJSON)
	if w.echo.Request().Method == http.MethodHead {
		return w.echo.NoContent(http.StatusOK)
	}
	err := w.each(ctx, func(_ int, r *messages.Record) error {
		w.buf = append(r.AppendJSON(w.buf[:0]), '\n')
		_, err := w.out.Write(w.buf)
		return err
	})
	if err != nil {
		return w.failed(err)
	}
	return w.end()
}

// end sends what is left.
func (w *recordWriter) end() error {
	if !w.echo.Response().Committed {
		w.echo.Response().WriteHeader(http.StatusOK) // of nothing, too
	}
	if w.out.Flush() != nil {
		return w.failed(errGone)
	}
	return nil
}

// object sends records as one object, with where to go on.
func (w *recordWriter) object(ctx context.Context, p page) error {
	w.ready(echo.MIMEApplicationJSON)
	_, _ = w.out.WriteString(`{"items":[`) // into the buffer
	err := w.each(ctx, func(n int, r *messages.Record) error {
		if w.buf = w.buf[:0]; n > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = r.AppendJSON(w.buf)
		_, err := w.out.Write(w.buf)
		return err
	})
	// A page that is on its way ends where the archive is needed, and is away: the next one says so.
	if err != nil && !(errors.Is(err, command.ErrUnavailable) && w.echo.Response().Committed) {
		return w.failed(err)
	}
	tail := []byte{']'}
	if token := w.walk.Page(); token != "" {
		next := p.next(url.Values{"walk": {token}})
		tail = messages.AppendQuoted(append(tail, `,"next":`...), next)
	}
	cursor, err := w.walk.Cursor().MarshalJSON()
	if err != nil {
		return w.failed(err)
	}
	tail = append(append(append(tail, `,"cursor":`...), cursor...), '}', '\n')
	if _, err := w.out.Write(tail); err != nil {
		return w.failed(errGone)
	}
	return w.end()
}
