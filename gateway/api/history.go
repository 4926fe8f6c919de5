package api

import (
	"bufio"
	"context"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
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

// history answers with the records of a stream that are held.
func (s *server) history(c echo.Context) error {
	question, err := readHistory(c)
	if err != nil {
		return err
	}
	whole := wants(c.Request(), typeNDJSON)
	otherwise := recordLimit
	if whole {
		otherwise = 0
	}
	limit, err := parseLimit(c.QueryParam("limit"), otherwise, maxRecordLimit)
	if err != nil {
		return err
	}
	if question.Page != "" {
		question.Page, limit, err = pageLimit(question.Page, c.QueryParam("limit"), limit)
		if err != nil {
			return err
		}
	}
	ctx := c.Request().Context()
	walk, err := command.Ask(ctx, s.Node, question)
	if err != nil {
		return err
	}
	defer walk.Close()
	if whole {
		return s.sendLines(c, walk, limit)
	}
	return sendRecords(c, walk, limit)
}

func readHistory(c echo.Context) (command.History, error) {
	q := command.History{Page: c.QueryParam("page")}
	var err error
	if q.Stream, err = messages.ParseStream(c.Param("stream")); err != nil {
		return q, err
	}
	if q.FromMs, err = readMs(c, "from"); err != nil {
		return q, err
	}
	if q.ToMs, err = readMs(c, "to"); err != nil {
		return q, err
	}
	if text := c.QueryParam("after"); text != "" {
		if q.After, err = messages.ParsePosition(text); err != nil {
			return q, err
		}
	}
	switch order := c.QueryParam("order"); order {
	case "", "asc":
	case "desc":
		q.Descending = true
	default:
		return q, problem.New(http.StatusUnprocessableEntity, "invalid_parameter", "order %q is neither asc nor desc", order)
	}
	switch unique := c.QueryParam("unique"); unique {
	case "", "false":
	case "true":
		q.Unique = true
	default:
		return q, problem.New(http.StatusUnprocessableEntity, "invalid_parameter", "unique %q is neither true nor false", unique)
	}
	return q, nil
}

// readMs reads a time as Unix ms, rounded up, so that a bound between two milliseconds
// excludes the earlier one.
func readMs(c echo.Context, name string) (int64, error) {
	text := c.QueryParam(name)
	if text == "" {
		return 0, nil
	}
	t, err := messages.ParseTime(text)
	if err != nil {
		return 0, problem.New(http.StatusUnprocessableEntity, "invalid_parameter", "%s: %v", name, err)
	}
	return max(1, t.Add(time.Millisecond-1).UnixMilli()), nil
}

// wants tells whether the client asks for a media type by name.
func wants(r *http.Request, kind string) bool {
	for _, part := range strings.Split(r.Header.Get("Accept"), ",") {
		if k, _, err := mime.ParseMediaType(part); err == nil && k == kind {
			return true
		}
	}
	return false
}

// pageLimit takes the limit out of a page token; one in the request wins.
func pageLimit(token, asked string, limit int) (string, int, error) {
	values, err := decodePage(token)
	if err != nil {
		return "", 0, err
	}
	if n, err := strconv.Atoi(values.Get("limit")); asked == "" && err == nil && n > 0 {
		limit = min(n, maxRecordLimit)
	}
	return values.Get("walk"), limit, nil
}

// sendRecords sends up to limit records as one object.
func sendRecords(c echo.Context, walk command.Walk, limit int) error {
	body := []byte(`{"items":[`)
	for n := 0; n < limit; n++ {
		record, err := walk.Next(c.Request().Context())
		if err != nil {
			return err
		}
		if record == nil {
			break
		}
		if n > 0 {
			body = append(body, ',')
		}
		body = record.AppendJSON(body)
	}
	body = append(body, ']')
	if token := walk.Page(); token != "" {
		next := encodePage(map[string][]string{"walk": {token}, "limit": {strconv.Itoa(limit)}})
		body = messages.AppendQuoted(append(body, `,"next":`...), next)
	}
	cursor, err := walk.Cursor().MarshalJSON()
	if err != nil {
		return err
	}
	body = append(append(append(body, `,"cursor":`...), cursor...), '}', '\n')
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, body)
}

// sendLines streams records, one a line; a limit of 0 is none. What fails on the way cuts the
// connection, so that no client takes a part for the whole.
func (s *server) sendLines(c echo.Context, walk command.Walk, limit int) error {
	ctx := c.Request().Context()
	record, err := walk.Next(ctx)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Content-Type", typeNDJSON)
	c.Response().WriteHeader(http.StatusOK)
	w := bufio.NewWriterSize(c.Response(), 64<<10)
	var line []byte
	for n := 1; record != nil; n++ {
		line = append(record.AppendJSON(line[:0]), '\n')
		if _, err := w.Write(line); err != nil {
			return nil // the client is gone, and nobody is left to tell
		}
		if n == limit {
			break
		}
		if record, err = walk.Next(ctx); err != nil {
			if !errors.Is(err, context.Canceled) {
				s.Logger.Error("a history was cut", "path", c.Request().URL.Path, "error", err)
			}
			panic(http.ErrAbortHandler)
		}
	}
	return w.Flush()
}
