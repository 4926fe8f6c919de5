package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"anode/messages"
	"anode/messages/command"
)

type namedList struct {
	Items []struct{ Name, ID string }
	Next  string
}

// A list is walked by its pages, each item once, in order, whatever the order it came in.
func TestListPages(t *testing.T) {
	w := newWorld(t)
	var all []command.SourceView
	for i := range 25 {
		all = append(all, oneSource(fmt.Sprintf("s%02d", (i*7)%25)))
	}
	w.node.answer = func(context.Context, any) (any, error) { return append([]command.SourceView(nil), all...), nil }
	target, seen := "/api/v1/sources?limit=10", []string{}
	for n := 0; target != ""; n++ {
		a := w.do("GET", target, "")
		w.is(a, 200, "")
		l := decode[namedList](t, a.body)
		for _, i := range l.Items {
			seen = append(seen, i.Name)
		}
		if target = ""; l.Next != "" {
			target = "/api/v1/sources?page=" + l.Next
		}
		if n == 0 { // one that was removed, and one that comes, move nothing
			all = append(all[1:], oneSource("s99"))
		}
	}
	if len(seen) != 26 || seen[0] != "s00" || seen[25] != "s99" {
		t.Errorf("%d: %v", len(seen), seen)
	}
}

// The page carries the pattern that the list began with; another beside it is refused, the same is not.
func TestPageCarriesMatch(t *testing.T) {
	w := newWorld(t)
	w.node.answer = says([]command.StreamView{{Name: "lab.a"}, {Name: "lab.b"}, {Name: "lab.c"}}, nil)
	first := decode[namedList](t, w.do("GET", "/api/v1/streams?match=lab.&limit=1", "").body)
	if len(first.Items) != 1 || first.Next == "" {
		t.Fatalf("%+v", first)
	}
	for _, beside := range []string{"", "&match=lab.", "&limit=1"} {
		l := decode[namedList](t, w.do("GET", "/api/v1/streams?page="+first.Next+beside, "").body)
		if q := w.node.last().(command.Streams); q.Match != "lab.>" || len(l.Items) != 1 || l.Items[0].Name != "lab.b" {
			t.Errorf("%q: asked %+v, got %+v", beside, q, l)
		}
	}
	if l := decode[namedList](t, w.do("GET", "/api/v1/streams?page="+first.Next+"&limit=5", "").body); len(l.Items) != 2 || l.Next != "" {
		t.Errorf("a larger page: %+v", l)
	}
	w.is(w.do("GET", "/api/v1/streams?page="+first.Next+"&match=other.", ""), 422, "invalid_page")
}

func TestListParameters(t *testing.T) {
	w := newWorld(t)
	w.node.answer = says([]command.StreamView(nil), nil)
	for query, code := range map[string]string{
		"limit=0": "invalid_limit", "limit=-1": "invalid_limit", "limit=x": "invalid_limit", "limit=1.5": "invalid_limit",
		"limit=99999999999999999999999": "invalid_limit", "page=%21": "invalid_page", "page=%25": "invalid_page", "page=AAAA%3D": "invalid_page",
		"match=a..b": "invalid_stream", "match=%3E.a": "invalid_stream", "match=" + strings.Repeat("x", 300): "invalid_stream",
	} {
		w.is(w.do("GET", "/api/v1/streams?"+query, ""), 422, code)
	}
	for _, query := range []string{"limit=999999", "limit=18446744073709551615", "match=%24sources.", "match=*"} {
		a := w.do("GET", "/api/v1/streams?"+query, "")
		if w.is(a, 200, ""); !strings.Contains(string(a.body), `"items":[]`) {
			t.Errorf("%s: %s", query, a.body)
		}
	}
}

func TestViews(t *testing.T) {
	w := newWorld(t)
	n := command.NodeView{ID: "self", Name: "n", State: "alive", Self: true, Started: someTime, Labels: map[string]string{}, Links: []command.LinkView{{Peer: "p", State: "up"}}}
	for target, answer := range map[string]any{
		"/api/v1/status": command.StatusView{Node: n, Components: []command.ComponentView{
			{Name: "journal", State: command.StateOK, Detail: "fine", Figures: map[string]float64{"records": 1.5}},
		}},
		"/api/v1/cluster":       command.ClusterView{Cluster: "c", Nodes: []command.NodeView{n}},
		"/api/v1/cluster/rates": command.MeshRatesView{Items: []command.MeshRate{{At: someTime, In: 1, Out: 2, MeshP99: 3.5}}},
		"/api/v1/alarms":        []command.AlarmView{{Severity: command.SeverityCritical, Node: "self", Since: someTime, Reason: "r", Hint: "h"}},
		"/api/v1/actors":        command.ActorView{Name: "node", Path: "/", State: "running", Since: someTime, Children: []command.ActorView{{Name: "hub", Path: "/hub", State: "restarting", LastFail: "oh", Since: someTime}}},
		"/api/v1/subscribers": []command.SubscriberView{{ID: "s1", Remote: "127.0.0.1:1", Kind: "events", Since: someTime, Subscriptions: []command.SubscriptionView{
			{Sub: "0", Streams: []messages.Pattern{">"}, Where: ".a", Unique: true, Policy: "drop", State: "live"},
		}}},
		"/api/v1/events":  []command.EventView{{At: someTime, Node: "self", Source: "x", Event: "registered", Version: "1-self", Spec: json.RawMessage(`{}`)}, {At: someTime.Add(-1), Node: "self", Source: "w", Event: "removed", Version: "2-self"}},
		"/api/v1/sources": []command.SourceView{oneSource("x")},
		"/api/v1/streams": []command.StreamView{{Name: "a", Records: 1, Bytes: 2, Last: someTime, Rate: 0.5}},
		"/readyz":         command.ReadyView{Ready: true, Checks: map[string]string{"journal": "ok"}},
		"/healthz":        nil,
	} {
		w.node.answer = says(answer, nil)
		w.is(w.do("GET", target, ""), 200, "")
	}
	w.node.answer = says(command.ReadyView{Checks: map[string]string{"journal": "no space"}}, nil)
	if a := w.do("GET", "/readyz", ""); a.status != 503 || !strings.Contains(string(a.body), "no space") {
		t.Errorf("%d %s", a.status, a.body)
	}
	w.node.answer = says(nil, command.ErrUnavailable)
	w.is(w.do("GET", "/readyz", ""), 503, "unavailable")
}

// Events of the registry are in order of time, though texts of times are compared.
func TestEventsInOrder(t *testing.T) {
	w := newWorld(t)
	w.node.answer = says([]command.EventView{
		{At: someTime.Truncate(1e9), Source: "b", Event: "paused"}, {At: someTime.Truncate(1e9).Add(1e6), Source: "c", Event: "resumed"}, {At: someTime.Truncate(1e9).Add(-1), Source: "a", Event: "registered"},
	}, nil)
	l := decode[struct{ Items []struct{ Source string } }](t, w.do("GET", "/api/v1/events", "").body)
	if len(l.Items) != 3 || l.Items[0].Source != "a" || l.Items[2].Source != "c" {
		t.Errorf("%+v", l)
	}
}
