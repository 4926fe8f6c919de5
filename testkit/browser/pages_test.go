package browser_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// pages are all pages, and what each shows when it has what it needs. {node} is the name of a node.
var pages = []struct{ name, hash, shows string }{
	{"overview", "#/", "Records a second"},
	{"sources", "#/sources", "demo-market"},
	{"source", "#/sources/demo-market", "demo-market"},
	{"source-new", "#/sources/new", "Begin with an address"},
	{"streams", "#/streams", "market.BTC-USD"},
	{"stream", "#/streams/market.BTC-USD", "anode subscribe market.BTC-USD"},
	{"subscribers", "#/subscribers", "$status.>"},
	{"actors", "#/actors", "link to south"},
	{"storage", "#/storage", "Journals of the mesh"},
	{"events", "#/events", "was registered"},
	{"node", "#/node", "Drain north"},
}

// Every page of a mesh of three shows what it is about, without an error, in both themes, on a large screen and a small one, and as
// the rules of accessibility have it.
func TestPages(t *testing.T) {
	browser := start(t)
	nodes := mesh(t, "--demo", "--label", "site=lab")
	axe, err := os.ReadFile(repository(t, "gateway", "dashboard", "web", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("the rules of accessibility are among the packages of the page (npm ci in gateway/dashboard/web): %v", err)
	}
	listen(t, nodes[0].URL+"/api/v1/streams/market.%3E/events?where=.data.size%3E1")
	listen(t, nodes[0].URL+"/api/v1/streams/lab./events?policy=conflate:1s")
	p := open(browser, t, nodes[0].URL)
	p.says("via north")
	p.until("the name of the mesh", "document.querySelector('header .cluster').innerText === 'anode' && document.title.startsWith('anode')")
	if os.Getenv("ANODE_SCREENSHOTS") != "" {
		p.until("there is some history to show", "performance.now() > 50000")
	}
	eval[chromedp.Void](p, string(axe)+";void 0")
	for _, at := range pages {
		for _, theme := range []string{"light", "dark"} {
			where := at.name + ", " + theme
			p.theme(theme)
			p.size(1440, 900)
			p.route(at.hash)
			p.says(at.shows)
			p.until("the theme is "+theme, "document.documentElement.dataset.theme === "+quoted(theme))
			eval[chromedp.Void](p, "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
			if at.name == "overview" || at.name == "stream" {
				p.until("there is some history", "document.querySelectorAll('main canvas, main details').length > 0")
			}
			for _, v := range violations(p) {
				t.Errorf("%s: %s", where, v)
			}
			p.picture(at.name+"-"+theme, 1440)
			p.size(390, 844)
			wide := eval[string](p, `(() => { const w = document.documentElement; return w.scrollWidth > w.clientWidth ? [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 5).map((e) => e.outerHTML.slice(0, 150)).join('\n') || 'it' : '' })()`)
			if wide != "" {
				t.Errorf("%s: on a small screen it is scrolled sideways:\n%s", where, wide)
			}
			p.picture(at.name+"-"+theme+"-small", 390)
			p.clean(where)
		}
	}
}

// listen reads server-sent events until the test ends.
func listen(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v %v", url, answer, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	}()
	t.Cleanup(func() { cancel(); <-ended })
}

// violations are the serious and critical ones of the page.
func violations(p *tab) []string {
	p.Helper()
	return eval[[]string](p, `axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations
		.filter((v) => v.impact === 'serious' || v.impact === 'critical')
		.map((v) => v.id + ' (' + v.impact + '): ' + v.help + '\n' + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200) + ' ' + n.failureSummary).join('\n')))`)
}

// picture saves what the page looks like, where pictures are asked for.
func (p *tab) picture(name string, width int) {
	p.Helper()
	dir := os.Getenv("ANODE_SCREENSHOTS")
	if dir == "" || dir == "1" && width < 1000 {
		return
	}
	shot, kind := page.CaptureScreenshotParams{}, ".png"
	if dir == "1" {
		quality := int64(80)
		dir, kind = repository(p.T, "docs", "img"), ".webp"
		shot.Format, shot.Quality = page.CaptureScreenshotFormatWebp, &quality
	}
	picture := call(p, page.CaptureScreenshot, shot).Data
	if len(picture) > 150_000 && strings.HasSuffix(kind, "webp") {
		p.Errorf("the picture %s has %d bytes", name, len(picture))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s%s", name, kind)), picture, 0o644); err != nil {
		p.Error(err)
	}
}
