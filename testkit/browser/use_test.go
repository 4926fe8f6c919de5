package browser_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
)

// feed serves a list of one value that is another each time, and at /events a stream of such, which may be silent.
type feed struct {
	*httptest.Server
	silent atomic.Bool
	count  atomic.Int64
}

func newFeed(t *testing.T) *feed {
	t.Helper()
	f := &feed{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/events" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `[{"bird":"<b>heron</b>","n":%d}]`, f.count.Add(1))
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			line := ": the connection lives\n\n"
			if !f.silent.Load() {
				line = fmt.Sprintf("data: {\"n\":%d}\n\n", f.count.Add(1))
			}
			_, err := fmt.Fprint(w, line)
			if err = errors.Join(err, http.NewResponseController(w).Flush()); err != nil {
				return
			}
			select {
			case <-r.Context().Done():
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	}))
	t.Cleanup(f.Close)
	return f
}

// Without a mouse: to the sources, a new one is written and registered, its records appear, also as a stream, and it is paused.
func TestASourceIsRegisteredByTheKeyboardAndItsRecordsAppear(t *testing.T) {
	browser := start(t)
	f, nodes := newFeed(t), mesh(t)
	p := open(browser, t, nodes[0].URL)
	p.says("via north")
	p.tabTo("the skip link", "e.textContent === 'Skip to the page'")
	p.press("g", "s")
	p.until("the sources", "location.hash === '#/sources' && document.querySelector('main h1')")
	p.tabTo("the link to a new one", "e.getAttribute('href') === '#/sources/new'")
	p.press(kb.Enter)
	p.says("Register a source")
	p.tabTo("the editor", "e.tagName === 'TEXTAREA'")
	for i, line := range []string{"name: birds", "kind: rest", "url: " + f.URL + "/", "rest: {every: 200ms}", "transform: {split: '.[]'}", "stream: lab.birds", "key: .n"} {
		if i > 0 {
			p.press(kb.Enter)
		}
		p.press(line)
	}
	p.says("valid")
	p.tabTo("the button", "e.textContent.trim() === 'Register'")
	p.press(kb.Enter)
	p.until("the page of the source", "location.hash === '#/sources/birds'")
	p.until("records of it, as text", "document.querySelector('main').innerText.includes('<b>heron</b>')")

	p.route("#/streams/lab.birds")
	p.until("records of the stream, as text", "[...document.querySelectorAll('main summary')].some((e) => e.innerText.includes('<b>heron</b>'))")

	p.route("#/sources/birds")
	p.tabTo("the button that pauses", "e.textContent.trim() === 'Pause'")
	p.press(kb.Enter)
	p.until("it is asked", "document.querySelector('dialog[open]')")
	if !eval[bool](p, "document.querySelector('dialog[open]').contains(document.activeElement)") {
		p.tabTo("the dialog", "document.querySelector('dialog[open]').contains(e)")
	}
	if eval[string](p, "document.activeElement.textContent.trim()") != "Pause" {
		p.tabTo("yes", "e.textContent.trim() === 'Pause' && e.closest('dialog')")
	}
	p.press(kb.Enter)
	sourceIs(t, nodes[1], "birds", "paused", 1)
	p.until("the page says so", "document.querySelector('main').innerText.includes('paused')")
	p.clean("the way by the keyboard")
}

// A feed that is silent is an alarm in words, which goes when data comes again.
func TestAnAlarmAppearsAndClears(t *testing.T) {
	browser := start(t)
	f, nodes := newFeed(t), mesh(t)
	register(t, nodes[0], "name: birds\nkind: sse\nurl: "+f.URL+"/events\nliveness: {data: 2s}\n")
	p := open(browser, t, nodes[2].URL)
	p.says("All is well")
	p.until("the source runs", "document.querySelector('main').innerText.includes('birds')")
	sourceIs(t, nodes[2], "birds", "running", 1)
	f.silent.Store(true)
	p.until("the alarm", "/birds: connected, but silent for \\d/.test(document.querySelector('main').innerText)")
	p.until("the navigation counts it", "document.querySelector('nav').innerText.includes('1')")
	p.picture("alarm", 1440)
	f.silent.Store(false)
	p.says("All is well")
	p.clean("an alarm")
}

// When the node that served the page is killed, the page goes on with another one, says so, and shows that node as dead.
func TestThePageOutlivesItsNode(t *testing.T) {
	browser := start(t)
	nodes := mesh(t, "--demo")
	p := open(browser, t, nodes[1].URL)
	p.says("via south")
	p.route("#/streams/market.>")
	const count = "Number((/([\\d,]+) records/.exec(document.querySelector('.count')?.innerText ?? '') ?? ['', '0'])[1].replaceAll(',', ''))"
	p.until("records come", count+" > 20")
	p.clean("before the kill")
	nodes[1].Kill()
	p.until("the page says that it moved", "/Now through (north|west)/.test(document.body.innerText)")
	before := eval[int](p, count)
	p.until("records go on to come", fmt.Sprintf("%s > %d", count, before+20))
	p.route("#/")
	p.until("the table says that the node is gone", "[...document.querySelectorAll('main table tr')].some((r) => /^south/.test(r.innerText) && /dead|does not answer/.test(r.innerText))")
	p.until("the map too", "[...document.querySelectorAll('main svg')].some((s) => /south/.test(s.textContent) && /dead|does not answer|gone/.test(s.outerHTML))")
	p.picture("moved", 1440)
	p.route("#/node")
	p.until("other pages ask the node that is there", "/^(north|west)/.test(document.querySelector('main h1').innerText)")
}

// A push source runs on every node: when the one dies that was pushed to, the page tells when its clocks went last, and that less is counted.
func TestWhatADeadNodeWasPushedIsNotForgotten(t *testing.T) {
	browser := start(t)
	nodes := mesh(t)
	register(t, nodes[0], "name: hook\nkind: push\n")
	sourceIs(t, nodes[1], "hook", "running", 0)
	for i := range 3 {
		if status, body, err := nodes[1].Do(t.Context(), http.MethodPost, "/api/v1/sources/hook/push", "application/json", fmt.Appendf(nil, `{"n":%d}`, i)); err != nil || status != http.StatusAccepted {
			t.Fatalf("%d %s %v", status, body, err)
		}
	}
	p := open(browser, t, nodes[0].URL+"/#/sources/hook")
	const (
		runsOn   = "(document.querySelector('main .facts dd')?.innerText ?? '')"
		clocks   = "(document.querySelector('main .clocks')?.innerText ?? '')"
		recorded = "(document.querySelector('main .figures')?.innerText ?? '')"
	)
	p.until("what south was pushed is shown", "/south/.test("+runsOn+") && !/none yet/.test("+clocks+") && /Records\\s+3/.test("+recorded+")")
	nodes[1].Kill()
	p.until("south runs it no more", "!/south/.test("+runsOn+") && /north/.test("+runsOn+")")
	p.until("the page says that less is counted", "/Less than before/.test(document.querySelector('main').innerText) && /Records\\s+0/.test("+recorded+")")
	if shown := eval[string](p, clocks); strings.Contains(shown, "none yet") || !strings.Contains(shown, "ago") {
		t.Errorf("the clocks forgot what came: %q", shown)
	}
}
