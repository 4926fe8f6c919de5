package check_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// rules are the alerts, as Prometheus reads them: syntax, templates and labels are as they are to be.
func rules(t *testing.T) (list []rulefmt.Rule) {
	t.Helper()
	groups, faults := rulefmt.ParseFile("../rules.yml", false)
	for _, err := range faults {
		t.Error(err)
	}
	if t.Failed() {
		t.FailNow()
	}
	for _, group := range groups.Groups {
		list = append(list, group.Rules...)
	}
	if len(list) == 0 {
		t.Fatal("there are no alerts")
	}
	return list
}

// panel is one of the board, or a row of them.
type panel struct {
	Title   string
	Panels  []panel
	Targets []struct{ Expr string }
}

// queries are the board's, by the titles of their panels, for all instances.
func queries(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../grafana/anode.json")
	if err != nil {
		t.Fatal(err)
	}
	var board panel
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]string)
	var walk func(p *panel)
	walk = func(p *panel) {
		for _, target := range p.Targets {
			all[p.Title] = append(all[p.Title], strings.ReplaceAll(target.Expr, "$instance", ".+"))
		}
		for i := range p.Panels {
			walk(&p.Panels[i])
		}
	}
	walk(&board)
	if len(all) == 0 {
		t.Fatal("the board is empty")
	}
	return all
}

// seldom are metrics that have a series only once something happened.
var seldom = []string{"anode_actor_restarts_total"}

// selects wants that each selector of a query finds something that nodes tell.
func selects(t *testing.T, s *series, where, query string) {
	t.Helper()
	expr, err := parser.ParseExpr(query)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		of, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		for _, name := range seldom {
			if of.Name == name {
				return nil
			}
		}
		for i := range s.list {
			if matches(s.list[i].labels, of.LabelMatchers) {
				return nil
			}
		}
		t.Errorf("%s: no node tells of %s", where, of)
		return nil
	})
}

// TestARealMeshIsSeenAndNoAlarm: each query of alerts and board finds what nodes tell, by name and labels, and the engine takes it; of a mesh that is well, but
// for its archive, no alert has anything to tell.
func TestARealMeshIsSeenAndNoAlarm(t *testing.T) {
	var s series
	for i, text := range told(t) {
		s.expose(t, []string{"one", "two"}[i], text, 60)
	}
	for _, rule := range rules(t) {
		selects(t, &s, rule.Alert, rule.Expr)
		found, err := s.ask(rule.Expr, 59*step)
		if err != nil || len(found) > 0 {
			t.Errorf("%s: %v, %v", rule.Alert, found, err)
		}
	}
	for title, list := range queries(t) {
		for _, query := range list {
			selects(t, &s, title, query)
			if _, err := s.ask(query, 59*step); err != nil {
				t.Errorf("%s: %v", title, err)
			}
		}
	}
}

// TestEachAlertTells: each has something that it is for, of which it tells for as long as it wants to be sure, and something beside that, of which it
// does not.
func TestEachAlertTells(t *testing.T) {
	// 60 samples are a quarter of an hour.
	cases := map[string]struct{ wrong, well string }{
		"AnodeDown":     {`up{job="anode",instance="a"} 0x60`, `up{job="anode",instance="a"} 1x60`},
		"AnodePeerDead": {"anode_peers{instance=\"a\",state=\"dead\"} 1x60\nanode_peers{instance=\"b\",state=\"dead\"} 0x60", `anode_peers{instance="a",state="left"} 1x60`},
		"AnodeAlone": {
			"anode_mesh_links{instance=\"a\"} 0x60\nanode_peers{instance=\"a\",state=\"alive\"} 2x60",
			"anode_mesh_links{instance=\"a\"} 0x60\nanode_peers{instance=\"a\",state=\"alive\"} 0x60\nanode_peers{instance=\"b\",state=\"alive\"} 2x60",
		},
		"AnodeSourceFailed": {`anode_source_state{source="s",state="failed"} 1x60`, `anode_source_state{source="s",state="failed"} 0x60`},
		"AnodeSourceSilent": {`anode_source_state{source="s",state="stale"} 1x60`, `anode_source_state{source="s",state="running"} 1x60`},
		"AnodeDropping":     {`anode_queue_dropped_total{queue="q"} 0+1x60`, `anode_queue_dropped_total{queue="q"} 7x60`},
		"AnodeDiskSlow": {
			"anode_journal_sync_seconds_bucket{instance=\"a\",le=\"0.1\"} 0x60\nanode_journal_sync_seconds_bucket{instance=\"a\",le=\"1\"} 0+1x60\nanode_journal_sync_seconds_bucket{instance=\"a\",le=\"+Inf\"} 0+1x60",
			"anode_journal_sync_seconds_bucket{instance=\"a\",le=\"0.1\"} 0+1x60\nanode_journal_sync_seconds_bucket{instance=\"a\",le=\"1\"} 0+1x60\nanode_journal_sync_seconds_bucket{instance=\"a\",le=\"+Inf\"} 0+1x60",
		},
		"AnodeDataDamaged":   {`anode_journal_damaged_total{instance="a"} 0x40 1x20`, `anode_journal_damaged_total{instance="a"} 3x60`},
		"AnodeArchiveBehind": {`anode_archive_lag_seconds{instance="a"} 301x60`, `anode_archive_lag_seconds{instance="a"} 299x60`},
		"AnodeFailing":       {`anode_actor_restarts_total{actor="a"} 0+1x60`, `anode_actor_restarts_total{actor="a"} 0x58 3x2`},
	}
	for _, rule := range rules(t) {
		c, known := cases[rule.Alert]
		if !known {
			t.Errorf("of %s it is not shown that it tells", rule.Alert)
			continue
		}
		for text, want := range map[string]int{c.wrong: 1, c.well: 0} {
			var s series
			s.add(t, text)
			const now = 59 * step
			for at := now; at >= now-time.Duration(rule.For); at -= step {
				if found, err := s.ask(rule.Expr, at); err != nil || len(found) != want {
					t.Errorf("%s: of %s it tells %v, %v at %s", rule.Alert, text, found, err, at)
					break
				}
			}
		}
	}
}
