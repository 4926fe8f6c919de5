package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"anode/messages/units"
	"anode/testkit/sim"
)

// column is one of a table whose rows come one by one, the next maybe minutes later: its width is fixed.
type column struct {
	head  string
	width int
}

var (
	seedColumns = []column{
		{"SEED", 9},
		{"BATCHES", 8},
		{"DELIVERIES", 11},
		{"MISSING", 7},
		{"P99", 6},
		{"LAST P99", 8},
		{"COPIES", 6},
		{"REPAIRED", 8},
		{"EVENTS/S", 9},
		{"VERDICT", 0},
	}
	sizeColumns = []column{
		{"NODES", 7},
		{"HOPS", 4},
		{"P50", 6},
		{"P99", 6},
		{"LAST P50", 8},
		{"LAST P99", 8},
		{"FLOODING", 8},
		{"TIMES", 5},
		{"COPIES", 6},
		{"CONTROL", 9},
		{"MEMORY", 9},
		{"EVENTS/S", 9},
		{"TOOK", 7},
		{"VERDICT", 0},
	}
)

// heads prints the head of a table, unless objects are wanted.
func (r *simulation) heads(columns []column) error {
	heads := make([]string, 0, len(columns))
	for _, c := range columns {
		heads = append(heads, c.head)
	}
	return r.line(columns, heads, r.sh.paint().bold)
}

// line prints a row.
func (r *simulation) line(columns []column, cells []string, look func(string) string) error {
	if r.output == "json" {
		return nil
	}
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteString("  ")
		}
		fmt.Fprintf(&b, "%-*s", columns[i].width, cell)
	}
	_, err := fmt.Fprintln(r.sh.out, look(strings.TrimRight(b.String(), " ")))
	return err
}

// note prints a line beside a table, unless objects are wanted.
func (r *simulation) note(format string, args ...any) error {
	if r.output == "json" {
		return nil
	}
	_, err := fmt.Fprintf(r.sh.out, format+"\n", args...)
	return err
}

// row runs one of several, and prints it.
func (r *simulation) row(ctx context.Context, nodes int, seed uint64, label string, columns []column, cells func(*sim.Result) []string) error {
	result, err := r.once(ctx, nodes, seed, label)
	if result == nil {
		return err
	}
	if r.output == "json" {
		err = errors.Join(err, r.object(nodes, result))
	}
	err = errors.Join(err, r.line(columns, append(cells(result), verdictWord(result)), func(text string) string { return text }))
	return errors.Join(err, r.judge(nodes, result))
}

// several runs one seed after the other, up to the first violation.
func (r *simulation) several(ctx context.Context) error {
	if err := r.heads(seedColumns); err != nil {
		return err
	}
	for i := range r.runs {
		label := fmt.Sprintf("%s, run %d of %d", r.name(), i+1, r.runs)
		if err := r.row(ctx, r.nodes, r.seed+uint64(i), label, seedColumns, seedRow); err != nil {
			return errors.Join(err, r.note("run %d of %d was the last", i+1, r.runs))
		}
	}
	return r.note("%s, and no promise was broken", plural(r.runs, "run"))
}

func seedRow(result *sim.Result) []string {
	f := &result.Figures
	return []string{
		fmt.Sprint(result.Seed), units.Grouped(f.Sealed), units.Grouped(f.Deliveries), units.Grouped(f.Missing), someText(f.Latency, f.Latency.P99),
		someText(f.Last, f.Last.P99), decimals(f.Redundancy, 3), percent(f.Repaired), units.Grouped(uint64(result.Cost.EventsPerSecond)),
	}
}

// compare runs meshes of different sizes.
func (r *simulation) compare(ctx context.Context) error {
	err := r.note("seed %d, %s, %s; of calm batches, which no fault was near; FLOODING is its LAST P99, TIMES how much longer this mesh took",
		r.seed, harmless(r.name()), r.duration)
	if err = errors.Join(err, r.heads(sizeColumns)); err != nil {
		return err
	}
	for _, nodes := range r.sweep {
		if err := r.row(ctx, nodes, r.seed, plural(nodes, "node"), sizeColumns, sizeRow); err != nil {
			return err
		}
	}
	return nil
}

func sizeRow(result *sim.Result) []string {
	f := &result.Figures
	flood, times, copies := "-", "-", "-"
	if fl := f.Flooding; fl != nil && fl.Ours.Count > 0 {
		flood, times = msText(fl.Last.P99), decimals(fl.Ratio, 2)
	}
	if f.CalmLatency.Count > 0 {
		copies = decimals(f.CalmRedundancy, 3)
	}
	return []string{
		units.Grouped(uint64(result.Nodes)), decimals(f.Hops, 1), someText(f.CalmLatency, f.CalmLatency.P50), someText(f.CalmLatency, f.CalmLatency.P99),
		someText(f.CalmLast, f.CalmLast.P50), someText(f.CalmLast, f.CalmLast.P99), flood, times, copies, bytesText(f.Control) + "/s",
		bytesText(float64(result.Cost.Memory)), result.Cost.Took.Round(100 * time.Millisecond).String(),
	}
}

// someText is a quantile, where there was something to measure.
func someText(q sim.Quantiles, d time.Duration) string {
	if q.Count == 0 {
		return "-"
	}
	return msText(d)
}

// verdictWord is what came of a run, in a word or two.
func verdictWord(result *sim.Result) string {
	if !result.OK() {
		return "VIOLATION"
	}
	word, _, _ := strings.Cut(result.Verdict(), ":")
	if strings.HasPrefix(word, "no promise") {
		word = "ok, not whole"
	}
	return word
}
