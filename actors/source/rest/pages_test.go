package rest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestLinks(t *testing.T) {
	for text, want := range map[string]string{
		`<https://x/?page=2>; rel="next"`:                           "https://x/?page=2",
		`<https://x/1>; rel="prev", <https://x/3>; rel="next last"`: "https://x/3",
		`</a,b;c>; title="x, <y>; rel=next"; rel=NEXT`:              "/a,b;c",
		`<a>;REL = next`:            "a",
		`<a>; rel=last; rel=next`:   "",
		`<a>; title="rel=next"`:     "",
		`<a`:                        "",
		`a; rel=next`:               "",
		`<a>; rel="prev\", next"`:   "a",
		``:                          "",
		`<>; rel=next`:              "",
		`<a>; rel=x,<b>;rel="next"`: "b",
	} {
		if got := nextLink(http.Header{"Link": {text}}); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
	if got := nextLink(http.Header{"Link": {"<a>; rel=prev", "<b>; rel=next"}}); got != "b" {
		t.Errorf("of two headers %q", got)
	}
}

func FuzzLinks(f *testing.F) {
	f.Add(`<https://x/?page=2>; rel="next"`)
	f.Fuzz(func(t *testing.T, text string) {
		if got := nextLink(http.Header{"Link": {text}}); !strings.Contains(text, got) {
			t.Fatalf("%q has no %q", text, got)
		}
	})
}

func TestWhereANextPageMayBe(t *testing.T) {
	from, err := url.Parse("https://u:p@x.example/v1/a?b=c")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"?page=2":                     "https://u:p@x.example/v1/a?page=2",
		"/v2":                         "https://u:p@x.example/v2",
		"https://X.example/z#f":       "https://u:p@X.example/z",
		"http://x.example/z":          "https://u:p@x.example/z",
		"https://q:r@x.example/":      "https://u:p@x.example/",
		"https://y.example/":          "!on another host, y.example",
		"//y.example/":                "!on another host, y.example",
		"https://x.example:444/":      "!on another host",
		"http://x.example:443/":       "!on another host",
		"ftp://x.example/":            "!on another host",
		"https://x.example.evil.com/": "!on another host",
		"https://x.example@evil.com/": "!on another host",
		"http://[":                    "!no URL",
		"mailto:a":                    "!no URL",
	} {
		w := newWalk()
		err := w.follow(text, from)
		if rest, bad := strings.CutPrefix(want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), rest) {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if err != nil || w.at.String() != want {
			t.Errorf("%s: %v, %v", text, w.at, err)
		}
	}
	w := newWalk()
	for i, want := range []bool{true, true, false} {
		if err := w.follow([]string{"?1", "?2", "?1"}[i], from); (err == nil) != want {
			t.Errorf("%d: %v", i, err)
		}
	}
}
