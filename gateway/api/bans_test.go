package api

import (
	"fmt"
	"testing"
	"time"

	"anode/messages/command"
)

func TestBans(t *testing.T) {
	w := newWorld(t)
	w.node.answer = says(struct{}{}, nil)
	w.is(w.do("POST", "/api/v1/cluster/bans/m2x9q", ""), 204, "")
	if q := w.node.last().(command.Ban); q.Node != "m2x9q" || q.Lift {
		t.Errorf("%+v", q)
	}
	w.is(w.do("DELETE", "/api/v1/cluster/bans/m2x9q", ""), 204, "")
	if q := w.node.last().(command.Ban); q.Node != "m2x9q" || !q.Lift {
		t.Errorf("%+v", q)
	}
	w.node.answer = says(nil, fmt.Errorf("%w: it is no id", command.ErrNotFound))
	w.is(w.do("POST", "/api/v1/cluster/bans/No%20Node", ""), 404, "not_found")
	w.node.answer = says(nil, fmt.Errorf("%w: ask another one", command.ErrSelf))
	w.is(w.do("POST", "/api/v1/cluster/bans/self", ""), 409, "own_node")
	w.node.answer = says([]command.BanView{{Node: "b", By: "a", At: time.Unix(0, 0).UTC()}, {Node: "c", By: "a", At: time.Unix(0, 0).UTC()}}, nil)
	a := w.do("GET", "/api/v1/cluster/bans?limit=1", "")
	w.is(a, 200, "")
	if got, want := string(a.body), `{"items":[{"node":"b","at":"1970-01-01T00:00:00Z","by":"a"}],"next":"`; len(got) < len(want) || got[:len(want)] != want {
		t.Errorf("%s", got)
	}
}
