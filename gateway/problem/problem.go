package problem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
)

// ContentType is the media type of a Problem.
const ContentType = "application/problem+json"

// Problem is an RFC 9457 document. It is an error.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Code is the stable name of the fault, for programs.
	Code string `json:"code"`
	// Errors are all faults of a document, each with a JSON pointer.
	Errors []Fault `json:"errors,omitempty"`
}

// Fault is one fault of a document.
type Fault struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

// Error is the problem in one line.
func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Code, p.Detail) }

// New makes a problem; detail may have verbs.
func New(status int, code, detail string, args ...any) *Problem {
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	return &Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail,
	}
}

// row maps an error to its status and code.
type row struct {
	is     error
	status int
	code   string
}

var table = []row{
	{messages.ErrStream, http.StatusUnprocessableEntity, "invalid_stream"},
	{messages.ErrPattern, http.StatusUnprocessableEntity, "invalid_stream"},
	{messages.ErrCursor, http.StatusUnprocessableEntity, "invalid_cursor"},
	{messages.ErrPosition, http.StatusUnprocessableEntity, "invalid_cursor"},
	{command.ErrInvalidFilter, http.StatusUnprocessableEntity, "invalid_filter"},
	{messages.ErrTooLarge, http.StatusRequestEntityTooLarge, "too_large"},
	{messages.ErrDraft, http.StatusUnprocessableEntity, "invalid_record"},
	{command.ErrStorageFull, http.StatusInsufficientStorage, "storage_full"},
	{command.ErrUnconfirmed, http.StatusServiceUnavailable, "unconfirmed"},
	{command.ErrUnavailable, http.StatusServiceUnavailable, "unavailable"},
	{command.ErrNotFound, http.StatusNotFound, "not_found"},
	{command.ErrExists, http.StatusConflict, "exists"},
	{command.ErrConflict, http.StatusPreconditionFailed, "conflict"},
	{command.ErrForbidden, http.StatusForbidden, "forbidden"},
	{command.ErrUnauthorized, http.StatusUnauthorized, "unauthorized"},
	{command.ErrNotPush, http.StatusConflict, "not_push"},
	{command.ErrPaused, http.StatusConflict, "paused"},
	{command.ErrSelf, http.StatusConflict, "own_node"},
	{command.ErrTooMany, http.StatusTooManyRequests, "rate_limited"},
	{command.ErrInvalid, http.StatusUnprocessableEntity, "invalid"},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "unconfirmed"},
}

// Of finds the problem that an error is. One that the table does not know is a 500 whose words stay in the
// log (Log), as do those of the causes of what is the node's fault: they may name its files and addresses.
func Of(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var faults spec.Faults
	if errors.As(err, &faults) {
		p = New(http.StatusUnprocessableEntity, "invalid_spec", "the spec has %d faults", len(faults))
		if len(faults) == 1 {
			p.Detail = "the spec has a fault"
		}
		for _, f := range faults {
			p.Errors = append(p.Errors, Fault{Path: f.Path, Message: f.Message})
		}
		return p
	}
	for _, r := range table {
		switch {
		case !errors.Is(err, r.is):
		case r.status >= http.StatusInternalServerError:
			return New(r.status, r.code, "%s", own(err))
		default:
			return New(r.status, r.code, "%s", err.Error())
		}
	}
	return New(http.StatusInternalServerError, "internal", "the node failed to answer; its log says why")
}

// OfRead is Of for what changes nothing: it is never in doubt whether it was done.
func OfRead(err error) *Problem {
	p := Of(err)
	if p.Code == "unconfirmed" {
		p.Code = "unavailable"
	}
	return p
}

// own is what an error says without its causes: those it wraps that hold none of the table's errors.
func own(err error) string {
	kinds := make([]error, len(table))
	for i, r := range table {
		kinds[i] = r.is
	}
	return command.Words(err, kinds)
}

// Log has what a problem does not tell the client: all of a 500; at the level Debug of what else is the node's
// fault, for what is behind that is an alarm, logged once where it was found.
func (p *Problem) Log(ctx context.Context, log *slog.Logger, err error, about ...any) {
	level := slog.LevelDebug
	switch {
	case p.Status == http.StatusInternalServerError:
		level = slog.LevelError
	case p.Status < http.StatusInternalServerError || p.Detail == err.Error():
		return
	}
	log.Log(ctx, level, "request failed", append(about, "code", p.Code, "error", err)...)
}

// JSON is the document.
func (p *Problem) JSON() []byte {
	body, err := json.Marshal(p)
	if err != nil { // texts and numbers always marshal
		body = []byte(`{"type":"about:blank","status":500,"code":"internal"}`)
	}
	return append(body, '\n')
}

// Write sends the problem.
func (p *Problem) Write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", ContentType)
	w.Header().Set("Cache-Control", "no-store")
	if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests || p.Status == http.StatusInsufficientStorage {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(p.JSON()) // the client may be gone
}
