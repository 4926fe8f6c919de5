package browser_test

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// Who opens an address that is none is told so on a page that leads to the dashboard, within the policy of the page.
func TestAnAddressThatIsNoneLeadsToTheDashboard(t *testing.T) {
	browser := start(t)
	axe, err := os.ReadFile(repository(t, "gateway", "dashboard", "web", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("the rules of accessibility are among the packages of the page (npm ci in gateway/dashboard/web): %v", err)
	}
	node := mesh(t)[0]
	p := open(browser, t, node.URL+"/sourcse/birds")
	p.says("nothing is at /sourcse/birds")
	p.until("it has its style", "getComputedStyle(document.querySelector('main')).maxWidth !== 'none'")
	eval[chromedp.Void](p, string(axe)+";void 0")
	for _, theme := range []string{"light", "dark"} {
		p.theme(theme)
		for _, v := range violations(p) {
			t.Errorf("%s: %s", theme, v)
		}

	}
	p.mu.Lock()
	for _, f := range p.faults {
		if !strings.Contains(f, "404") { // that it is none is told in the console too
			t.Error(f)
		}
	}
	p.faults = nil
	p.mu.Unlock()
	eval[chromedp.Void](p, "void document.querySelector('main a').click()")
	p.until("the dashboard", "document.body?.innerText.includes('All is well')")
	p.clean("the dashboard")
}
