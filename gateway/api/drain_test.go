package api

import (
	"strings"
	"testing"

	"anode/messages/command"
)

func TestADrainIsBegun(t *testing.T) {
	w := newWorld(t)
	w.node.answer = says(command.RetireView{Stays: []string{"feed"}}, nil)
	a := w.do("POST", "/api/v1/cluster/drain", "")
	w.is(a, 202, "")
	if got := strings.TrimSpace(string(a.body)); got != `{"stays":["feed"]}` {
		t.Errorf("%s", got)
	}
	if _, ok := w.node.last().(command.Retire); !ok {
		t.Errorf("%+v", w.node.last())
	}
}
