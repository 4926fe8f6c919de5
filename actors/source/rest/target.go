package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"anode/actors/source"
	"anode/actors/source/transform"
	"anode/messages/spec"
)

// target is one item, or all there is. It belongs to the goroutine that asks for it, and between polls to that
// of the connection.
type target struct {
	*connector
	item  any
	items []any

	// What makes the next request conditional: of the last walk that the journal has, its first page.
	address, etag, modified string
	// left is a walk whose page failed: it goes on there.
	left *walk
	// again tells that the present walk is not the first that the source ever makes.
	again bool
	// failed tells that the last poll did.
	failed bool
}

// mostTries is how often a page that fails is asked for again before the walk begins anew.
const mostTries = 5

// poll asks once for all pages, and gives for how long the feed wants to be left alone. The first poll of a
// connection takes its budget.
func (t *target) poll(ctx context.Context, r *round, connects bool) (time.Duration, error) {
	w := t.left
	if w == nil {
		w = newWalk()
	}
	wait, err := t.walk(ctx, r, w, connects)
	t.left = nil
	if err != nil && w.number > 1 && !t.restarts(w, err) {
		t.left = w
	}
	return wait, err
}

// restarts tells that a walk whose page failed begins anew: the place is not good any more, or the
// incremental state, which the first page gives, would be lost.
func (t *target) restarts(w *walk, err error) bool {
	w.tries++
	var refused *source.Refused
	gone := ofTheItem(err) && errors.As(err, &refused) && refused.Status < 500
	return gone || w.tries > mostTries || t.setup.Spec.Since != nil
}

// untilSeen tells that walks end where records are known.
func (c *connector) untilSeen() bool { return c.pages != nil && c.pages.Until == spec.UntilSeen }

// whole tells that the incremental state moves when a walk is over, not with each page: the order of pages is not known, and a
// state that is ahead of older ones would lose them. Where nothing recognises what comes again, each page counts by
// itself: a feed with the oldest first is then collected once.
func (c *connector) whole() bool {
	return c.pages != nil && (c.untilSeen() || c.setup.Spec.Since != nil && c.setup.Spec.Dedupe.By != spec.DedupeNone)
}

// walk asks for page after page, all with the state that counted before.
func (t *target) walk(ctx context.Context, r *round, w *walk, connects bool) (time.Duration, error) {
	vars, err := t.vars(ctx, r)
	if err != nil {
		return 0, err
	}
	if t.whole() {
		if t.again, err = r.line.Walk(ctx, t.item, t.untilSeen()); err != nil {
			return 0, err
		}
	}
	var first *source.Answer
	for {
		answer, page, err := t.ask(ctx, r, w, vars, connects)
		if err != nil {
			return 0, err
		}
		connects = false
		if w.number == 1 {
			first = answer
		}
		wait := source.Asked(answer.Response, t.setup.Clock())
		last, err := t.goesOn(r, w, answer, page)
		if err != nil {
			r.line.Report(t.name()+"rest/pages: "+r.line.Hide(err.Error()), nil, 0)
		}
		if last {
			return wait, t.finish(ctx, r, first)
		}
		if pause := source.AskedAtOnce(answer.Response, t.setup.Clock()); pause > 0 {
			if err := r.sleep(ctx, pause); err != nil {
				return 0, err
			}
		}
	}
}

// finish ends a walk that came to its end: what it brought is in the journal.
func (t *target) finish(ctx context.Context, r *round, first *source.Answer) error {
	if t.whole() {
		r.feeding.Lock()
		err := r.line.Walked(ctx, t.item)
		r.feeding.Unlock()
		if err != nil {
			return err
		}
	}
	if first != nil && first.StatusCode != http.StatusNotModified {
		t.remember(first)
	}
	return nil
}

// goesOn moves a walk on behind an answer, unless it was the last page. An error is to be reported.
func (t *target) goesOn(r *round, w *walk, answer *source.Answer, page *transform.Page) (last bool, err error) {
	if t.pages == nil || page == nil {
		return true, nil
	}
	seen := t.untilSeen() && r.line.Seen()
	number := w.number
	switch err := w.next(t.pages, *page, answer); {
	case errors.Is(err, errLast), seen:
		return true, nil
	case err != nil:
		return true, err
	}
	if number < t.pages.Max {
		return false, nil
	}
	if t.untilSeen() && t.again {
		return true, fmt.Errorf("all %d pages were new since the last poll: what is behind them is not collected; a higher rest.pages.max would", number)
	}
	return true, nil
}

// ask asks for one page and hands it on; page is nil where there is nothing new, or nothing at all.
func (t *target) ask(ctx context.Context, r *round, w *walk, vars transform.Vars, connects bool) (*source.Answer, *transform.Page, error) {
	vars.Page = w.page()
	to, err := w.detour(t.pages)
	if err != nil {
		return nil, nil, err
	}
	prepare := t.prepare
	if w.number > 1 {
		prepare = nil
	}
	answer, err := t.endpoint.Ask(ctx, r.line, source.Question{
		Vars: vars, To: to, Connects: connects, Feed: true, Timeout: t.spec.Timeout.Of(), Accept: source.AcceptJSON, Prepare: prepare,
	})
	if err != nil {
		return nil, nil, err
	}
	body, err := answer.Read(source.MaxMessage)
	answer.Close() // the time-out is the feed's; what follows is ours
	if err != nil && !(errors.Is(err, source.ErrTooLarge) && !success(answer.StatusCode)) {
		return nil, nil, err
	}
	switch {
	case answer.StatusCode == http.StatusNotModified && w.number == 1 && (t.etag != "" || t.modified != ""):
		r.line.Understood()
		r.line.Answered(answer.Response, answer.Shown, body)
		return answer, nil, nil
	case !success(answer.StatusCode):
		r.line.Answered(answer.Response, answer.Shown, body)
		return nil, nil, answer.Refused(body, t.spec.Every.Of()) // at least as seldom as when all is well
	}
	if len(bytes.TrimSpace(body)) == 0 {
		r.line.Understood()
		r.line.Answered(answer.Response, answer.Shown, body)
		return answer, nil, nil
	}
	page, err := t.feed(ctx, r, vars, body, answer)
	return answer, page, err
}

// feed hands an answer to the line, and waits until the journal has it. There is nobody to send to, so only
// fail counts.
func (t *target) feed(ctx context.Context, r *round, vars transform.Vars, body []byte, answer *source.Answer) (*transform.Page, error) {
	r.feeding.Lock()
	defer r.feeding.Unlock()
	actions, err := r.line.Feed(ctx, body, transform.Meta{
		Received: t.setup.Clock(), URL: answer.Shown, Status: answer.StatusCode, Headers: source.HeadersOf(answer.Response), Vars: vars,
	})
	if err != nil {
		return nil, err
	}
	for _, a := range actions {
		if a.Fail != "" {
			return nil, errors.New(r.line.Hide(a.Fail))
		}
	}
	page := r.line.Page()
	return &page, r.line.Settle(ctx)
}

// prepare makes a request conditional.
func (t *target) prepare(r *http.Request) {
	if !t.conditional(r) || t.address != r.URL.String() {
		return
	}
	if t.etag != "" && r.Header.Get("If-None-Match") == "" {
		r.Header.Set("If-None-Match", t.etag)
	}
	if t.modified != "" && r.Header.Get("If-Modified-Since") == "" {
		r.Header.Set("If-Modified-Since", t.modified)
	}
}

func (t *target) conditional(r *http.Request) bool {
	return t.spec.Conditional && r.Method == http.MethodGet
}

// remember keeps what makes the next request conditional: the journal has all that this answer began.
func (t *target) remember(answer *source.Answer) {
	if t.conditional(answer.Request) {
		t.address = answer.Request.URL.String()
		t.etag, t.modified = answer.Response.Header.Get("ETag"), answer.Response.Header.Get("Last-Modified")
	}
}
