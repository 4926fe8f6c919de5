package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"anode/testkit/sim"
)

func newTraceWriter(w io.Writer) *bufio.Writer { return bufio.NewWriterSize(w, 1<<20) }

// several runs one seed after the other, up to the first violation.
func (r *simulation) several(ctx context.Context, text string) error {
	if r.output == "table" {
		if err := r.line("SEED", "BATCHES", "DELIVERIES", "MISSING", "P99", "LAST P99", "COPIES", "REPAIRED", "EVENTS/S", "VERDICT"); err != nil {
			return err
		}
	}
	for i := range r.runs {
		seed := r.seed + uint64(i)
		result, err := r.once(ctx, r.nodes, seed, text, fmt.Sprintf("%s, run %d of %d", r.name(), i+1, r.runs))
		if result == nil || err != nil && result.OK() {
			return err
		}
		f := &result.Figures
		if r.output == "json" {
			err = errors.Join(err, object(r.sh.out, result))
		} else {
			err = errors.Join(err, r.line(fmt.Sprint(seed), countText(f.Sealed), countText(f.Deliveries), countText(f.Missing), msText(f.Latency.P99), msText(f.Last.P99),
				decimals(f.CalmRedundancy, 3), percent(f.Repaired), countText(uint64(result.Cost.EventsPerSecond)), verdictText(result)))
		}
		if err = errors.Join(err, r.verdict(result)); err != nil {
			return err
		}
	}
	return nil
}

// line prints a row whose columns have a fixed width: the next row may be minutes away.
func (r *simulation) line(cells ...string) error {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteString("  ")
		}
		fmt.Fprintf(&b, "%-*s", []int{10, 9, 12, 8}[min(i, 3)], cell)
	}
	_, err := fmt.Fprintln(r.sh.out, strings.TrimRight(b.String(), " "))
	return err
}

func verdictText(result *sim.Result) string {
	if result.OK() {
		return "ok"
	}
	return "VIOLATION"
}

// compare runs meshes of different sizes.
func (r *simulation) compare(ctx context.Context, text string) error {
	t := r.sh.table("NODES", "HOPS", "MOST", "P50", "P99", "LAST P50", "LAST P99", "FLOODING", "RATIO", "COPIES", "FLOODING", "CONTROL", "MEMORY", "EVENTS/S", "TOOK")
	var failed error
	for _, nodes := range r.sweep {
		result, err := r.once(ctx, nodes, r.seed, text, fmt.Sprintf("%s nodes", countText(uint64(nodes))))
		if result != nil && r.output == "json" {
			err = errors.Join(err, object(r.sh.out, result))
		}
		if failed = err; failed != nil {
			break
		}
		t.row(sweepRow(result)...)
		if failed = r.verdict(result); failed != nil {
			break
		}
	}
	if r.output == "json" {
		return failed
	}
	fmt.Fprintf(r.sh.out, "seed %d, %s, %s; of the batches that were sealed while no fault was near\n", r.seed, r.name(), &r.duration)
	return errors.Join(failed, t.write(r.sh.out, "nothing was run to its end"))
}

func sweepRow(result *sim.Result) []string {
	f := &result.Figures
	flood := or(f.Flooding)
	return []string{
		countText(uint64(result.Nodes)), decimals(f.Hops, 1), strconv.Itoa(f.MaxHops), msText(f.CalmLatency.P50), msText(f.CalmLatency.P99),
		msText(f.CalmLast.P50), msText(f.CalmLast.P99), msText(flood.Last.P99), decimals(flood.Ratio, 2), decimals(f.CalmRedundancy, 3),
		decimals(flood.Redundancy, 1), bytesText(f.Control) + "/s", bytesText(float64(result.Cost.Memory)),
		countText(uint64(result.Cost.EventsPerSecond)), result.Cost.Took.Round(100 * time.Millisecond).String(),
	}
}

// or is what a pointer leads to, or nothing.
func or[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// print says what came of one run.
func (r *simulation) print(result *sim.Result) error {
	f := &result.Figures
	p := r.sh.paint()
	head := fmt.Sprintf("seed %d: %s, %s of %s, %s simulated in %s", result.Seed, r.name(), countText(uint64(result.Up)), plural(result.Nodes, "node"),
		result.Simulated.Round(100*time.Millisecond), result.Cost.Took.Round(10*time.Millisecond))
	if result.Partial {
		head += ", interrupted"
	}
	fmt.Fprintln(r.sh.out, p.bold(head))
	t := [][2]string{
		{"batches", deliveryText(f)},
		{"latency", quantilesText(f.Latency) + calmText(f.CalmLatency)},
		{"last node", quantilesText(f.Last) + calmText(f.CalmLast)},
		{"hops", decimals(f.Hops, 1) + " on average, at most " + strconv.Itoa(f.MaxHops)},
		{"copies", decimals(f.Redundancy, 3) + " beyond the first, calm " + decimals(f.CalmRedundancy, 3)},
		{"repair", percent(f.Repaired) + " of the deliveries were faster by it, to " + percent(f.Mended) + " the tree came not at all"},
		{"control", bytesText(f.Control) + "/s a node: " + typesText(f.ByType)},
		{"data", bytesText(f.Data) + "/s a node"},
	}
	if fl := f.Flooding; fl != nil {
		t = append(t, [2]string{"flooding", floodingText(fl)})
	}
	for _, more := range moreText(f) {
		t = append(t, [2]string{"", more})
	}
	t = append(t, [2]string{"cost", fmt.Sprintf("%s events, %s/s, %s a node", countText(result.Cost.Events), countText(uint64(result.Cost.EventsPerSecond)), bytesText(float64(result.Cost.Memory)))})
	for _, row := range t {
		if _, err := fmt.Fprintf(r.sh.out, "  %s %s\n", p.dim(fmt.Sprintf("%-9s", row[0])), row[1]); err != nil {
			return err
		}
	}
	return r.printFaults(result)
}

// printFaults says how the mesh took the faults.
func (r *simulation) printFaults(result *sim.Result) error {
	t := r.sh.table("AT", "FAULT", "TREES WHOLE AFTER", "COMPLETE AFTER")
	for _, f := range result.Faults {
		complete := msText(f.Complete)
		if f.Never {
			complete = "never"
		}
		t.row(f.At.String(), f.Fault, msText(f.Whole), complete)
	}
	return t.write(r.sh.out, "")
}

func deliveryText(f *sim.Figures) string {
	text := fmt.Sprintf("%s sealed, %s deliveries", countText(f.Sealed), countText(f.Deliveries))
	if f.Backfilled > 0 {
		text += ", " + countText(f.Backfilled) + " backfilled"
	}
	if f.Missing > 0 {
		return text + ", " + countText(f.Missing) + " missing"
	}
	return text + ", nothing is missing"
}

// moreText is what is worth a word only where it is not nothing.
func moreText(f *sim.Figures) []string {
	var parts []string
	for _, one := range []struct {
		n    uint64
		text string
	}{
		{f.Refused, "batches that origins could not take"},
		{f.GaveUp, "holes given up"},
		{f.Gaps, "gaps told to readers"},
		{f.Forks, "forks"},
		{f.Stopped, "nodes stopped because their identity was in use"},
		{f.Lost, "frames lost"},
		{uint64(f.MaxQueue), "bytes at most in a link's queue"},
	} {
		if one.n > 0 {
			parts = append(parts, countText(one.n)+" "+one.text)
		}
	}
	return parts
}

func floodingText(f *sim.Flooding) string {
	text := fmt.Sprintf("last node %s, this mesh %s: %s times; %s copies", quantilesText(f.Last), quantilesText(f.Ours), decimals(f.Ratio, 2), decimals(f.Redundancy, 1))
	if f.Missed > 0 {
		text += ", " + percent(f.Missed) + " never reached"
	}
	return text
}

func quantilesText(q sim.Quantiles) string {
	return fmt.Sprintf("p50 %s, p99 %s, max %s", msText(q.P50), msText(q.P99), msText(q.Max))
}

func calmText(q sim.Quantiles) string {
	if q.Count == 0 {
		return ""
	}
	return "; calm " + quantilesText(q)
}

// typesText are the types of frames that cost most.
func typesText(types map[string]float64) string {
	names := slices.SortedFunc(maps.Keys(types), func(a, b string) int {
		return cmp.Or(cmp.Compare(types[b], types[a]), strings.Compare(a, b))
	})
	var parts []string
	for _, name := range names[:min(4, len(names))] {
		parts = append(parts, name+" "+bytesText(types[name]))
	}
	return strings.Join(parts, ", ")
}

// msText is a duration in milliseconds, or in seconds where it is long.
func msText(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 0, 64) + "ms"
}

func decimals(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

func percent(share float64) string { return decimals(share*100, 2) + " %" }
