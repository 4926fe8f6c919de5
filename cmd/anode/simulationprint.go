package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"anode/messages/units"
	"anode/testkit/sim"
)

// mostFaults is how many faults of a run are shown.
const mostFaults = 50

// print says what came of one run.
func (r *simulation) print(result *sim.Result) error {
	p := r.sh.paint()
	head := fmt.Sprintf("seed %d: %s, %s of %s, %s simulated in %s, hash %s", result.Seed, r.name(), units.Grouped(uint64(result.Up)),
		plural(result.Nodes, "node"), result.Simulated.Round(100*time.Millisecond), result.Cost.Took.Round(10*time.Millisecond), result.Hash)
	look := "33"
	if result.OK() && strings.HasPrefix(result.Verdict(), "ok") {
		look = "32"
	} else if !result.OK() {
		look = "31"
	}
	width := r.sh.width(0)
	for _, line := range folded(harmless(head), width) {
		fmt.Fprintln(r.sh.out, p.bold(line))
	}
	for _, line := range folded(result.Verdict(), width) {
		fmt.Fprintln(r.sh.out, p.with(look, line))
	}
	for _, row := range figureRows(result) {
		lines := folded(row[1], width-12)
		fmt.Fprintf(r.sh.out, "  %s %s\n", p.dim(fmt.Sprintf("%-9s", row[0])), lines[0])
		for _, line := range lines[1:] {
			fmt.Fprintf(r.sh.out, "            %s\n", line)
		}
	}
	return r.printFaults(result)
}

// folded breaks a text between words into lines of a width; 0 and less is one line.
func folded(text string, width int) []string {
	var lines []string
	for width > 0 && len(text) > width {
		at := strings.LastIndexByte(text[:width+1], ' ')
		if at <= 0 {
			break
		}
		lines, text = append(lines, text[:at]), text[at+1:]
	}
	return append(lines, text)
}

// figureRows are what was measured, by name; what means nothing without deliveries is left out where there are none.
func figureRows(result *sim.Result) [][2]string {
	f := &result.Figures
	rows := [][2]string{{"batches", deliveryText(result)}}
	if f.Latency.Count > 0 {
		rows = append(rows, [][2]string{
			{"latency", quantilesText(f.Latency) + calmText(f.CalmLatency, f.Latency)},
			{"last node", quantilesText(f.Last) + calmText(f.CalmLast, f.Last)},
			{"hops", decimals(f.Hops, 1) + " on average, at most " + strconv.Itoa(f.MaxHops)},
			{"copies", copiesText(f)},
			{"repair", percent(f.Repaired) + " of the deliveries were faster by a pull, to " + percent(f.Mended) + " the tree came not at all"},
		}...)
	}
	if f.Status.Count > 0 {
		rows = append(rows, [2]string{"status", quantilesText(f.Status) + unshownText(f)})
	}
	rows = append(rows, [2]string{"control", bytesText(f.Control) + "/s a node" + typesText(f.ByType)}, [2]string{"data", bytesText(f.Data) + "/s a node"})
	if fl := f.Flooding; fl != nil && fl.Ours.Count > 0 {
		rows = append(rows, [2]string{"flooding", floodingText(fl)})
	}
	for _, more := range moreText(f) {
		rows = append(rows, [2]string{"", more})
	}
	c := &result.Cost
	return append(rows, [2]string{"cost", fmt.Sprintf("%s events, %s/s, %s a node", units.Grouped(c.Events), units.Grouped(uint64(c.EventsPerSecond)), bytesText(float64(c.Memory)))})
}

// printFaults says how the mesh took the faults.
func (r *simulation) printFaults(result *sim.Result) error {
	t := r.sh.table("AT", "FAULT", "TREES WHOLE AFTER", "COMPLETE AFTER")
	for _, f := range result.Faults[:min(len(result.Faults), mostFaults)] {
		complete := afterText(f.Complete)
		if f.Never {
			complete = "never"
		}
		t.row(units.FormatDuration(f.At), units.Clip(f.Fault, 60), afterText(f.Whole), complete)
	}
	if err := t.write(r.sh.out, ""); err != nil {
		return err
	}
	if more := len(result.Faults) - mostFaults; more > 0 {
		_, err := fmt.Fprintf(r.sh.out, "… and %s more, which -o json has\n", plural(more, "fault"))
		return err
	}
	return nil
}

// afterText is how long after a fault something was whole.
func afterText(d time.Duration) string {
	if d == 0 {
		return "at once"
	}
	return msText(d)
}

func deliveryText(result *sim.Result) string {
	f := result.Figures
	if result.Partial {
		f.Unstored = 0 // their journals may just have been at it
	}
	text := fmt.Sprintf("%s sealed, %s deliveries", units.Grouped(f.Sealed), units.Grouped(f.Deliveries))
	for _, one := range []struct {
		n    uint64
		text string
	}{
		{f.Backfilled, " backfilled"},
		{f.Unstored, " that no journal has taken"},
		{f.Gone, " on no node that runs"},
		{f.Missing, " missing"},
	} {
		if one.n > 0 {
			text += ", " + units.Grouped(one.n) + one.text
		}
	}
	if f.Missing == 0 && f.Gone == 0 && f.Sealed > f.Unstored && !result.Partial {
		text += ", nothing is missing"
	}
	return text
}

// moreText is what is worth a word only where it is not nothing.
func moreText(f *sim.Figures) []string {
	var parts []string
	for _, one := range []struct {
		n     uint64
		thing string
		text  string
	}{
		{f.Refused, "batch", "that origins could not take"},
		{f.GaveUp, "hole", "given up"},
		{f.Gaps, "gap", "told to readers"},
		{f.Forks, "fork", "seen"},
		{f.Stopped, "node", "stopped because their identity was in use"},
		{f.Lost, "frame", "lost"},
	} {
		if one.n > 0 {
			parts = append(parts, plural(int(one.n), one.thing)+" "+one.text)
		}
	}
	if f.MaxQueue > 0 {
		parts = append(parts, bytesText(float64(f.MaxQueue))+" at most in a link's queue")
	}
	return parts
}

func floodingText(f *sim.Flooding) string {
	text := fmt.Sprintf("last node %s with %s copies", quantilesText(f.Last), decimals(f.Redundancy, 1))
	if f.Missed > 0 {
		text += ", " + percent(f.Missed) + " never reached"
	}
	return text + fmt.Sprintf("; this mesh, the same batches, %s: %s times", quantilesText(f.Ours), decimals(f.Ratio, 2))
}

func copiesText(f *sim.Figures) string {
	text := decimals(f.Redundancy, 3) + " beyond the first"
	if calm := decimals(f.CalmRedundancy, 3); f.CalmLatency.Count > 0 && calm != decimals(f.Redundancy, 3) {
		text += "; calm " + calm
	}
	return text
}

func quantilesText(q sim.Quantiles) string {
	return fmt.Sprintf("p50 %s, p99 %s, max %s", msText(q.P50), msText(q.P99), msText(q.Max))
}

// calmText are the figures of calm batches, where they are others than those of all.
func calmText(calm, all sim.Quantiles) string {
	if calm.Count == 0 || quantilesText(calm) == quantilesText(all) {
		return ""
	}
	return "; calm " + quantilesText(calm)
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
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
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

// unshownText says how many statuses did not come in time.
func unshownText(f *sim.Figures) string {
	if f.Unshown == 0 {
		return ""
	}
	return fmt.Sprintf("; %s of nodes lack one that is older than 3 s", plural(int(f.Unshown), "pair"))
}
