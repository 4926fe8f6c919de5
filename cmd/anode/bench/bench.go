package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
)

// Command is "anode bench".
func Command() *cobra.Command {
	cmd := &cobra.Command{
		Use: "bench", Short: "measure what a node does on this machine",
		Long: `Measure what a node does on this machine: how many records it takes and delivers, how long that takes, and
what processor time and memory it costs. Each benchmark starts a node of its own, with a fresh data
directory that is removed afterwards, or loads the one that --server names.`,
		Example: `  anode bench fanout --subscribers 1000 --rate 50 --baseline
  anode bench ingest --connections 8 --for 10s
  anode bench journal --durability sync
  anode bench idle --subscribers 4000`,
	}
	cmd.AddCommand(newFanout(), newIngest(), newJournal(), newIdle(), newMesh(), newBaseline())
	return cmd
}

// common are the settings of all benchmarks of a node.
type common struct {
	server, output string
	length         time.Duration
	flags          []string
}

func (c *common) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.server, "server", "", "load the node at this `URL` instead of one that is started for it")
	f.StringVarP(&c.output, "output", "o", "table", "`FORMAT`: table or json")
	f.DurationVar(&c.length, "for", 10*time.Second, "how long to measure")
	f.StringArrayVar(&c.flags, "serve-flag", nil, "another `FLAG` for the node that is started, as in --serve-flag=--durability=none (repeatable)")
}

func (c *common) check() error {
	var faults []error
	if c.output != "table" && c.output != "json" {
		faults = append(faults, fmt.Errorf("-o %s: table and json are known", c.output))
	}
	if c.length < time.Second || c.length > time.Hour {
		faults = append(faults, fmt.Errorf("--for %s: 1s to 1h are allowed", c.length))
	}
	if u, err := url.Parse(c.server); c.server != "" && (err != nil || u.Scheme != "http" || u.Port() == "") {
		faults = append(faults, fmt.Errorf("--server %q: must be http://HOST:PORT, without TLS", c.server))
	}
	if c.server != "" && len(c.flags) > 0 {
		faults = append(faults, errors.New("--serve-flag is for a node that is started, and --server names one that runs"))
	}
	return errors.Join(faults...)
}

// between is a fault where a number is out of its bounds.
func between(flag string, value, low, high int) error {
	if value < low || value > high {
		return fmt.Errorf("--%s %d: %d to %d are allowed", flag, value, low, high)
	}
	return nil
}

// figure is one number of a result.
type figure struct {
	name, unit string
	value      float64
}

// result is one line of a report.
type result struct {
	name    string
	figures []figure
	// notes are what went wrong in words.
	notes []string
}

func (r *result) add(name, unit string, value float64) {
	r.figures = append(r.figures, figure{name: name, unit: unit, value: value})
}

func (r *result) addLatency(l *latencies) {
	for _, q := range []struct {
		name  string
		share float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}} {
		r.add(q.name, "ms", float64(l.quantile(q.share))/1e6)
	}
}

func (r *result) addUsage(u usage, records float64) {
	if records > 0 {
		r.add("cpu", "µs/record", u.cpu.Seconds()*1e6/records)
	}
	r.add("cores", "", u.cpu.Seconds()/u.span.Seconds())
	r.add("rss", "MB", float64(u.rss)/1e6)
}

// MarshalJSON writes an object: a figure's name and unit are its key.
func (r result) MarshalJSON() ([]byte, error) {
	object := map[string]any{"name": r.name}
	if len(r.notes) > 0 {
		object["notes"] = r.notes
	}
	for _, f := range r.figures {
		key := f.name
		if f.unit != "" {
			unit := strings.NewReplacer("/", "_per_", "µ", "u", "%", "percent").Replace(f.unit)
			key += "_" + strings.TrimPrefix(unit, "_")
		}
		object[strings.ReplaceAll(key, ".", "_")] = f.value
	}
	return json.Marshal(object)
}

// report prints results: figures are columns.
func report(w io.Writer, format string, results []result) error {
	if format == "json" {
		e := json.NewEncoder(w)
		for _, r := range results {
			if err := e.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	if len(results) > 0 {
		fmt.Fprint(tw, "\t")
		for _, f := range results[0].figures {
			fmt.Fprintf(tw, "%s\t", strings.TrimSpace(f.name+" "+f.unit))
		}
		fmt.Fprintln(tw)
	}
	for _, r := range results {
		fmt.Fprintf(tw, "%s\t", r.name)
		for _, f := range r.figures {
			fmt.Fprintf(tw, "%s\t", number(f.value))
		}
		fmt.Fprintln(tw)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, r := range results {
		for _, note := range r.notes {
			fmt.Fprintf(w, "%s: %s\n", r.name, note)
		}
	}
	return nil
}

// number shows three digits, or all that stand before the point.
func number(v float64) string {
	switch {
	case v == float64(int64(v)):
		return fmt.Sprintf("%d", int64(v))
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// progress is a line on a terminal that says how far it is; elsewhere it says nothing.
type progress struct{ to io.Writer }

func newProgress(w io.Writer) progress {
	if f, ok := w.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return progress{w}
	}
	return progress{}
}

func (p progress) say(format string, args ...any) {
	if p.to != nil {
		fmt.Fprintf(p.to, "\r\x1b[K"+format, args...)
	}
}

func (p progress) clear() { p.say("") }
