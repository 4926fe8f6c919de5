// Package deploy_test holds what watches a mesh against what a mesh tells of itself: a board or an alert on a metric that is not there
// is silent for ever.
package deploy_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// foreign are metrics of Go's own collectors, and of Prometheus.
var foreign = []string{"up", "process_cpu_seconds_total", "process_resident_memory_bytes"}

// told are the names of all metrics in the program's sources.
func told(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	literal := regexp.MustCompile(`"(anode_[a-z_]+)"`)
	for _, dir := range []string{"../actors", "../gateway", "../storage", "../cmd"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, found := range literal.FindAllSubmatch(text, -1) {
				names[string(found[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(names) < 20 {
		t.Fatalf("%d metrics are found: this test shows nothing", len(names))
	}
	return names
}

var (
	quoted = regexp.MustCompile(`"[^"]*"`)
	// grouping are the lists of labels that are no metrics.
	grouping = regexp.MustCompile(`\b(by|on|without|ignoring|group_left|group_right) *\([^)]*\)|\{[^}]*\}`)
	word     = regexp.MustCompile(`[a-zA-Z_][a-zA-Z0-9_]*`)
	// functions and keywords of PromQL that are used.
	spoken = []string{"sum", "max", "rate", "increase", "histogram_quantile", "topk", "vector", "and", "or"}
)

// metrics are the names of metrics in a query.
func metrics(query string) []string {
	query = grouping.ReplaceAllString(quoted.ReplaceAllString(query, `""`), "")
	query = regexp.MustCompile(`\[[^\]]*\]`).ReplaceAllString(query, "")
	var names []string
	for _, name := range word.FindAllString(query, -1) {
		if !slices.Contains(spoken, name) {
			names = append(names, name)
		}
	}
	return names
}

func checkQuery(t *testing.T, told map[string]bool, where, query string) {
	t.Helper()
	names := metrics(query)
	if len(names) == 0 || strings.Count(query, "(") != strings.Count(query, ")") || strings.Count(query, "{") != strings.Count(query, "}") {
		t.Errorf("%s: %q is no query", where, query)
	}
	for _, name := range names {
		base := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			base = strings.TrimSuffix(base, suffix)
		}
		if !told[name] && !told[base] && !slices.Contains(foreign, name) {
			t.Errorf("%s: there is no metric %s", where, name)
		}
	}
}

func TestQueriesAreRead(t *testing.T) {
	got := metrics(`anode_a == 0 and on (instance) histogram_quantile(0.99, sum by (le) (rate(anode_b_bucket{dir=~"x.*",i="1"}[5m]))) > 0.1`)
	if !slices.Equal(got, []string{"anode_a", "anode_b_bucket"}) {
		t.Errorf("they are %s", got)
	}
}

// rule is an alert.
type rule struct {
	Alert       string
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

// TestAlertsAreOfMetricsThatExist: each alert has a query of metrics that are there, says how bad it is and what it means, and
// docs/operations.md says what to do.
func TestAlertsAreOfMetricsThatExist(t *testing.T) {
	text, err := os.Open("prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	var file struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	decoder := yaml.NewDecoder(text)
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	manual, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	there, count := told(t), 0
	for _, group := range file.Groups {
		for _, r := range group.Rules {
			count++
			checkQuery(t, there, r.Alert, r.Expr)
			if s := r.Labels["severity"]; s != "warning" && s != "critical" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s does not say how bad it is, or what: %+v", r.Alert, r)
			}
			if !strings.Contains(string(manual), "| `"+r.Alert+"` |") {
				t.Errorf("docs/operations.md does not say what to do about %s", r.Alert)
			}
		}
	}
	if count == 0 {
		t.Error("there are no alerts")
	}
}

// panel is one of a board, or a row of them.
type panel struct {
	Title   string
	Panels  []panel
	Targets []struct{ Expr string }
}

func TestTheBoardIsOfMetricsThatExist(t *testing.T) {
	text, err := os.ReadFile("grafana/anode.json")
	if err != nil {
		t.Fatal(err)
	}
	var board panel
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	there, count := told(t), 0
	var walk func(panel)
	walk = func(p panel) {
		for _, target := range p.Targets {
			count++
			checkQuery(t, there, p.Title, target.Expr)
		}
		for _, inner := range p.Panels {
			walk(inner)
		}
	}
	walk(board)
	if count == 0 {
		t.Error("the board is empty")
	}
}

// TestEachNodeIsAskedByName: a node that is away is known to be down only where it is named: by then its name may not resolve.
func TestEachNodeIsAskedByName(t *testing.T) {
	var asks struct {
		ScrapeConfigs []struct {
			StaticConfigs []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	var runs struct{ Services map[string]any }
	for name, into := range map[string]any{"prometheus/prometheus.yml": &asks, "../docker-compose.yml": &runs} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	if len(asks.ScrapeConfigs) != 1 || len(asks.ScrapeConfigs[0].StaticConfigs) != 1 {
		t.Fatalf("%+v", asks)
	}
	nodes := 0
	for name := range runs.Services {
		if !strings.HasPrefix(name, "node-") {
			continue
		}
		nodes++
		if !slices.Contains(asks.ScrapeConfigs[0].StaticConfigs[0].Targets, name+":8080") {
			t.Errorf("%s is not asked by its name", name)
		}
	}
	if nodes == 0 {
		t.Error("there are no nodes")
	}
}

// TestTheManualIsOfMetricsThatExist: each metric that docs/operations.md names is there.
func TestTheManualIsOfMetricsThatExist(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	there := told(t)
	for _, found := range regexp.MustCompile("`(anode_[a-z_]+)").FindAllSubmatch(text, -1) {
		if name := string(found[1]); !there[name] {
			t.Errorf("there is no metric %s", name)
		}
	}
}
