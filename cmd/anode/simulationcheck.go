package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"anode/messages/units"
	"anode/testkit/sim"
)

// mostScript is how large a script can be: 100,000 lines of it are a tenth of that.
const mostScript = 64 * units.MiB

// check names what is wrong with the flags.
func (r *simulation) check() error {
	if r.nodes == 0 {
		return misusef("0 nodes: 1 to %d are possible", sim.MaxNodes)
	}
	if err := r.config(r.nodes, r.seed).Validate(); err != nil {
		return misuse{err}
	}
	changed := r.cmd.Flags().Changed
	if !changed("origins") {
		r.origins = min(r.origins, r.nodes)
	}
	_, known := sim.FindScenario(r.scenario)
	switch {
	case r.output != "table" && r.output != "json":
		return misusef("output %q is neither table nor json", r.output)
	case !known:
		return misusef("unknown scenario %q: there are %s", r.scenario, strings.Join(scenarioNames(), ", "))
	case changed("script") && r.script == "", changed("sweep") && r.sweeping == "", changed("trace") && (r.trace == "" || r.trace == "-"):
		return misusef("--script and --trace want the name of a file, --sweep numbers of nodes")
	case r.runs < 1:
		return misusef("runs %d: want at least 1", r.runs)
	case r.origins < 1 || r.sweeping == "" && r.origins > r.nodes:
		return misusef("origins %d: want 1 to the %s", r.origins, plural(r.nodes, "node"))
	case !(r.rate > 0):
		return misusef("rate %g: want more than 0", r.rate)
	case r.size < 1:
		return misusef("size %s: a batch has at least a byte", r.size)
	case r.duration <= 0 || r.converge <= 0:
		return misusef("duration %s, converge %s: want more than 0", r.duration, r.converge)
	}
	if err := r.exclusive(); err != nil {
		return err
	}
	return r.sizes()
}

// exclusive names flags that can't be together.
func (r *simulation) exclusive() error {
	changed := r.cmd.Flags().Changed
	for _, pair := range [][2]string{
		{"script", "scenario"},
		{"runs", "sweep"},
		{"nodes", "sweep"},
		{"trace", "runs"},
		{"trace", "sweep"},
		{"dry-run", "runs"},
		{"dry-run", "sweep"},
		{"dry-run", "trace"},
		{"dry-run", "output"},
	} {
		if changed(pair[0]) && changed(pair[1]) {
			return misusef("--%s and --%s exclude each other", pair[0], pair[1])
		}
	}
	script, err1 := os.Stat(r.script)
	trace, err2 := os.Stat(r.trace)
	if err1 == nil && err2 == nil && os.SameFile(script, trace) {
		return misusef("--trace would overwrite the script %s: name another file", r.script)
	}
	return nil
}

// sizes reads the numbers of nodes of a sweep.
func (r *simulation) sizes() error {
	if r.sweeping == "" {
		return nil
	}
	for part := range strings.SplitSeq(r.sweeping, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > sim.MaxNodes {
			return misusef("sweep %q: want numbers of nodes from 1 to %d, with commas between", r.sweeping, sim.MaxNodes)
		}
		r.sweep = append(r.sweep, n)
	}
	return nil
}

// read reads the script, if there is one.
func (r *simulation) read() (err error) {
	if r.script == "" {
		return nil
	}
	var from io.Reader
	if r.script == "-" {
		from = interruptedBy(r.cmd.Context(), r.sh.in)
	} else {
		f, err := os.Open(r.script)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // it was only read
		from = f
	}
	b, err := io.ReadAll(io.LimitReader(from, int64(mostScript)+1))
	if err == nil && len(b) > int(mostScript) {
		return misusef("%s is larger than %s", r.script, mostScript)
	}
	r.text = string(b)
	return err
}

// spanFlag is a span as a flag.
type spanFlag sim.Span

func (s *spanFlag) String() string { return sim.Span(*s).String() }
func (*spanFlag) Type() string     { return "span" }

// Set implements pflag.Value.
func (s *spanFlag) Set(text string) error {
	parsed, err := sim.ParseSpan(text)
	*s = spanFlag(parsed)
	return err
}

// shareFlag is a share as a flag.
type shareFlag float64

func (s *shareFlag) String() string {
	return fmt.Sprintf("%s%%", strconv.FormatFloat(float64(*s)*100, 'g', 12, 64)) // 0.07 is 7.000000000000001 of a hundred
}
func (*shareFlag) Type() string { return "share" }

// Set implements pflag.Value.
func (s *shareFlag) Set(text string) error {
	parsed, err := sim.ParseShare(text)
	*s = shareFlag(parsed)
	return err
}
