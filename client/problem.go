package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Problem is what a node says when it does not do what it was asked: the document of RFC 9457,
// a WebSocket's close code, or an "error" message. It is an error.
type Problem struct {
	// Status is the HTTP status, or the close code of a subscription (1000 and above), or 0 where
	// the node answered with an error message.
	Status int `json:"status"`
	// Code is the stable name of the fault, such as "not_found".
	Code string `json:"code"`
	// Detail says it in words.
	Detail string `json:"detail"`
	// Errors are all faults of a document.
	Errors []Fault `json:"errors,omitempty"`
}

// Fault is one fault of a document.
type Fault struct {
	// Path is the JSON pointer of what is wrong.
	Path    string `json:"path"`
	Message string `json:"message"`
}

// Error is the problem in one line, with every fault. Where the words begin with those of the code, these are said once.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Code)
	detail := p.Detail
	for again := strings.ReplaceAll(p.Code, "_", " ") + ": "; strings.HasPrefix(detail, again); {
		detail = detail[len(again):]
	}
	if detail != "" {
		b.WriteString(": " + detail)
	}
	for i, f := range p.Errors {
		b.WriteString([]string{": ", "; "}[min(i, 1)])
		if f.Path != "" {
			b.WriteString(f.Path + ": ")
		}
		b.WriteString(f.Message)
	}
	return b.String()
}

// unconfirmed tells whether what was asked may have been done all the same: a node says so, and of what
// a proxy handed on it knows nothing.
func (p *Problem) unconfirmed() bool {
	return p.Code == "unconfirmed" || p.Status == http.StatusBadGateway || p.Status == http.StatusGatewayTimeout
}

// maxProblem is the most bytes that are read of an answer that is not a success.
const maxProblem = 1 << 20

// readProblem reads why a request was refused. What is no problem document, as from a proxy,
// becomes one.
func readProblem(r *http.Response) *Problem {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxProblem))
	p := &Problem{}
	if err == nil && json.Unmarshal(body, p) == nil && p.Code != "" {
		p.Status = r.StatusCode
		return p
	}
	return &Problem{Status: r.StatusCode, Code: codeOf(r.StatusCode), Detail: fmt.Sprintf("the server answers %s", r.Status)}
}

// codeOf names a status that came without a code.
func codeOf(status int) string {
	text := strings.ToLower(http.StatusText(status))
	if text == "" {
		return "unknown"
	}
	return strings.NewReplacer(" ", "_", "'", "").Replace(text)
}
