package browser_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browserSwitch is the variable that asks for a browser.
const browserSwitch = "ANODE_BROWSER"

// needBrowser skips a test where nobody asked for it, and gives the browser's program.
func needBrowser(t *testing.T) string {
	t.Helper()
	if os.Getenv(browserSwitch) != "1" {
		t.Skip("SKIPPED: nothing is looked at in a browser without ANODE_BROWSER=1 (make browser)")
	}
	if path := findBrowser(); path != "" {
		return path
	}
	for _, args := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core", "fonts-liberation"}} {
		install := exec.Command("apt-get", args...)
		install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("there is no Chromium, and it can't be installed: %v\n%.2000s", err, out)
		}
	}
	path := findBrowser()
	if path == "" {
		t.Fatal("there is no Chromium after it was installed")
	}
	return path
}

func findBrowser() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// start starts a browser that dies with the test.
func start(t *testing.T) context.Context {
	t.Helper()
	path := needBrowser(t)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1440, 900),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("force-color-profile", "srgb"),
	)
	all, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	browser, stop := chromedp.NewContext(all)
	t.Cleanup(stop)
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("the browser does not start: %v", err)
	}
	return browser
}

// tab is one page, and what went wrong on it.
type tab struct {
	*testing.T
	ctx context.Context

	mu       sync.Mutex
	faults   []string
	requests map[network.RequestID]string
	// foreign are requests to hosts that are no node of the test.
	foreign []string
}

// open opens a tab that shares nothing with others.
func open(browser context.Context, t *testing.T, url string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p := &tab{T: t, ctx: ctx, requests: make(map[network.RequestID]string)}
	if err := chromedp.Listen(ctx, p.heed); err != nil {
		t.Fatal(err)
	}
	call(p, network.Enable, network.EnableParams{})
	call(p, log.Enable, cdp.Empty{})
	p.size(1440, 900)
	p.do(chromedp.Navigate(url))
	return p
}

// heed notes what goes wrong.
func (p *tab) heed(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fault := func(format string, args ...any) { p.faults = append(p.faults, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var words []string
			for _, arg := range e.Args {
				words = append(words, string(arg.Value)+arg.Description)
			}
			fault("console %s: %s", e.Type, strings.Join(words, " "))
		}
	case *runtime.EventExceptionThrown:
		what := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			what += " " + e.ExceptionDetails.Exception.Description
		}
		fault("exception: %s", what)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			fault("log: %s %s", e.Entry.Text, e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		p.requests[e.RequestID] = e.Request.Method + " " + e.Request.URL
		if u, err := url.Parse(e.Request.URL); err == nil && u.Hostname() != "127.0.0.1" && u.Scheme != "data" {
			p.foreign = append(p.foreign, e.Request.URL)
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			fault("%s: %d", p.requests[e.RequestID], e.Response.Status)
		}
	case *network.EventLoadingFailed:
		if !e.Canceled {
			fault("%s: %s", p.requests[e.RequestID], e.ErrorText)
		}
	}
}

// clean fails the test for what went wrong since the last look.
func (p *tab) clean(where string) {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
		p.Errorf("%s: %s", where, f)
	}
	for _, f := range p.foreign {
		p.Errorf("%s: it asked another host: %s", where, f)
	}
	p.faults, p.foreign = nil, nil
}

// do runs steps.
func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.Fatalf("in the browser: %v", err)
	}
}

// call sends a command of the browser's protocol.
func call[P, R any](p *tab, c cdp.Command[P, R], params P) R {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, c, params) })
	if err != nil {
		p.Fatalf("%s: %v", c.Method, err)
	}
	return answer
}

// size makes the screen that large.
func (p *tab) size(width, height int64) {
	p.Helper()
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
}

// theme is what the system prefers.
func (p *tab) theme(name string) {
	p.Helper()
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name},
	}})
}

// eval evaluates an expression, which may be a promise.
func eval[T any](p *tab, expression string) T {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%.200s: %v", expression, err)
	}
	return value
}

// patience is how long the page may take for anything.
const patience = 60 * time.Second

// until waits until an expression is true.
func (p *tab) until(what, expression string) {
	p.Helper()
	for end := time.Now().Add(patience); !eval[bool](p, "!!("+expression+")"); {
		if time.Now().After(end) {
			p.Fatalf("still not: %s\nthe page says:\n%.3000s\nfaults: %q", what, p.text(), p.faults)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// says waits until the page shows a text.
func (p *tab) says(text string) {
	p.Helper()
	p.until("the page says "+text, fmt.Sprintf("document.body.innerText.includes(%q)", text))
}

// text is what the page shows.
func (p *tab) text() string { p.Helper(); return eval[string](p, "document.body.innerText") }

// route goes to a page of the dashboard that is open, and waits until it has its heading.
func (p *tab) route(hash string) {
	p.Helper()
	eval[chromedp.Void](p, fmt.Sprintf("void (location.hash = %q)", hash))
	p.until("the page "+hash+" has a heading", "document.querySelector('main h1')")
}

// press presses keys, one after another.
func (p *tab) press(keys ...string) {
	p.Helper()
	for _, k := range keys {
		p.do(chromedp.KeyEvent(k))
	}
}

// tabTo presses Tab until an element e has the focus for which an expression is true.
func (p *tab) tabTo(what, expression string) {
	p.Helper()
	var passed []string
	for range 80 {
		p.press(kb.Tab)
		if eval[bool](p, "((e) => !!("+expression+"))(document.activeElement)") {
			if !eval[bool](p, "[document.activeElement, document.activeElement.parentElement].some((e) => getComputedStyle(e).outlineStyle !== 'none')") {
				p.Errorf("%s has the focus, and it can't be seen", what)
			}
			return
		}
		passed = append(passed, eval[string](p, "document.activeElement.tagName + ' ' + (document.activeElement.innerText || document.activeElement.getAttribute('aria-label') || '').slice(0, 20)"))
	}
	p.Fatalf("Tab does not lead to %s, but to %q", what, passed)
}
