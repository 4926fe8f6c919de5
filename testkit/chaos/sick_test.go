package chaos_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"anode/testkit/chaos"
)

// alarm is one of GET /alarms.
type alarm struct{ Severity, Node, Source, Reason, Hint string }

// alarmsOf are those of one source that a node tells.
func alarmsOf(t *testing.T, n *chaos.Node, source string) (list []alarm) {
	t.Helper()
	var all []alarm
	if err := n.Get(t.Context(), "/api/v1/alarms", &all); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(a alarm) bool { return a.Source != source })
}

// refusedByFeed has a feed that answers its owner with 403, and one that answers everybody with 503.
func refusedByFeed(t *testing.T) {
	if !long() {
		t.Skip("it takes two minutes: ANODE_LONG=1")
	}
	f := newField(t, 100*time.Millisecond)
	m := fed(t, chaos.Config{Nodes: 3})
	linked(t, m, 20*time.Second)
	active(t, m, 20*time.Second)
	register(t, m.Node(0), f.spec("rest", "sick"), f.spec("websocket", "sick.ws"), f.spec("rest", "down"), f.spec("sse", "well"))
	before := agreed(t, m, 4, 1, 10*time.Second)
	fedBy(t, f, before, 10*time.Second)
	begin := time.Now()
	f.refuse(func(node, source string) int {
		switch {
		case source == "down":
			return http.StatusServiceUnavailable
		case strings.HasPrefix(source, "sick") && node == known(before[source][0]):
			return http.StatusForbidden
		}
		return 0
	})
	for _, open := range []string{"sick.ws"} {
		steer(t, m.Node(1), open, "restart") // a connection that stands is not refused
	}
	for _, name := range []string{"sick", "sick.ws"} {
		eventually(t, "another node reads "+name, 90*time.Second, func() error {
			for _, c := range f.callsOf(name) {
				if c.begin.After(begin) && c.status == http.StatusOK && c.node != known(before[name][0]) {
					return nil
				}
			}
			return errors.New("none does")
		})
		took := time.Since(begin)
		t.Logf("%s moved after %s", name, took.Round(time.Millisecond))
		if took > 45*time.Second {
			t.Errorf("%s moved after %s: want 40 s", name, took)
		}
		first := m.Node(before[name][0])
		if log := first.Log(); !strings.Contains(log, "source="+name) || !strings.Contains(log, "does not work on this node") || !strings.Contains(log, "403") {
			t.Errorf("the log of %s does not tell why %s moved", first.Name, name)
		}
		for _, n := range m.Nodes() {
			eventually(t, n.Name+" tells why", 10*time.Second, func() error {
				all, err := sourcesOf(t.Context(), n)
				if s := all[name].Status; err == nil && (s.State != "running" || !strings.Contains(s.Why, first.ID()) || !strings.Contains(s.Why, "403")) {
					return fmt.Errorf("%+v", s)
				}
				return err
			})
		}
	}
	after := agreed(t, m, 4, 1, 10*time.Second)
	if !slices.Equal(after["well"], before["well"]) {
		t.Errorf("well moved from %v to %v", before["well"], after["well"])
	}
	// Nobody can read what is down. It is tried on, by one node at a time, and told of once.
	eventually(t, "all have found that it is down", 150*time.Second-time.Since(begin), func() error {
		tried := make(map[string]bool)
		for _, c := range f.callsOf("down") {
			tried[c.node] = tried[c.node] || c.status != http.StatusOK
		}
		if len(tried) < len(m.Nodes()) {
			return fmt.Errorf("%v tried", tried)
		}
		return nil
	})
	for _, n := range m.Nodes() {
		eventually(t, n.Name+" tells that it is down, once", 60*time.Second, func() error {
			all, err := sourcesOf(t.Context(), n)
			if err != nil {
				return err
			}
			if s := all["down"].Status; s.State != "backoff" || len(s.Owners) != 1 {
				return fmt.Errorf("%+v", s)
			}
			if list := alarmsOf(t, n, "down"); len(list) != 1 {
				return fmt.Errorf("%v", list)
			}
			return nil
		})
		if list := alarmsOf(t, n, "well"); len(list) > 0 {
			t.Errorf("%s has alarms of what is well: %v", n.Name, list)
		}
	}
	f.refuse(nil)
	last := f.stop()
	for _, name := range []string{"sick", "sick.ws", "down", "well"} {
		whole(t, m.Node(1), name, last, 90*time.Second)
	}
}
