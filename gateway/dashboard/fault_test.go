package dashboard

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func faultAnswer(t *testing.T, method, title, detail string) (*httptest.ResponseRecorder, string) {
	t.Helper()
	w := httptest.NewRecorder()
	Fault(w, httptest.NewRequest(method, "/nowhere", nil), 404, title, detail)
	return w, w.Body.String()
}

func TestAFaultIsShownAsTextWithAWayBack(t *testing.T) {
	w, text := faultAnswer(t, "GET", "Not <Found>", `nothing is at /<script>alert("1")</script>`)
	if w.Code != 404 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	for _, want := range []string{"<h1>Not &lt;Found&gt;</h1>", "nothing is at /&lt;script&gt;alert(", `<a href="/">`} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "<script") {
		t.Errorf("the detail became markup:\n%s", text)
	}
}

func TestAFaultKeepsToThePolicyOfThePage(t *testing.T) {
	all, err := Files(Config{})
	if err != nil {
		t.Fatal(err)
	}
	w, text := faultAnswer(t, "GET", "a", "b")
	page := serve(t, all, "GET", "/", "Host: example.com").Header
	for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy"} {
		if got := w.Header().Get(name); got == "" || got != page.Get(name) {
			t.Errorf("%s is %q, that of the page %q", name, got, page.Get(name))
		}
	}
	if inline := regexp.MustCompile(`<style|<script|<[^>]* (?:on\w+|style)=`).FindString(text); inline != "" {
		t.Errorf("%q is inline, which the policy forbids", inline)
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if all[m[1]] == nil {
			t.Errorf("it loads %s, which is not served", m[1])
		}
	}
}

func TestTheHeadOfAFaultHasNoBody(t *testing.T) {
	if w, text := faultAnswer(t, "HEAD", "a", "b"); w.Code != 404 || text != "" {
		t.Errorf("%d %q", w.Code, text)
	}
}
