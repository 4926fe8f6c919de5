package rest

import (
	"fmt"
	"net/http"
	"time"

	"anode/actors/source"
)

// refused is the error of an answer that is no success, in the feed's own words.
func (c *connector) refused(r *http.Response, body []byte, wait time.Duration, line *source.Line) error {
	text := fmt.Sprintf("the feed answered %d %s", r.StatusCode, http.StatusText(r.StatusCode))
	switch words := source.Words(body); {
	case r.StatusCode >= 300 && r.StatusCode < 400 && r.Header.Get("Location") == "" && r.StatusCode != http.StatusNotModified:
		text += " without saying where to"
	case words != "":
		text += ": " + words
	}
	err := &source.Refused{Status: r.StatusCode, Text: line.Hide(text)}
	if r.StatusCode == http.StatusTooManyRequests && wait == 0 {
		wait = c.spec.Every.Of() // at least as seldom as when all is well
	}
	if wait == 0 {
		return err
	}
	return &source.AskedToWait{Err: err, Wait: wait}
}
