package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"anode/messages/units"
	"anode/testkit/sim"
)

func newSimulate(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "simulate", Short: "run a mesh of thousands of nodes in simulated time, with faults, and check what is promised",
		Long: `Run a mesh in simulated time: the code that decides in a node is the real one, the network, the disks and the clocks
are not. The same seed gives the same run. What is promised is checked all the time; a promise that is broken makes the
exit code 1, and the command that shows it again is printed.

Scenarios:
` + scenarioList() + `
A script has an action a line, led by its time; # begins a comment:
  2s   load origins=10 rate=5 size=300
  20s  crash 10% machine back=5s
  30s  partition 0-499 | 500-999
  40s  heal
NODES are numbers such as 0-9,12, a share such as 10%, any:5, all, or down. A script without a load gets that of the flags,
from 2 s on. Actions:
` + verbList(),
		Example: `  anode simulate --nodes 1000 --scenario crash10
  anode simulate --nodes 200 --loss 5% --runs 20
  anode simulate --sweep 10,100,1000,10000 --duration 30s
  anode simulate --script faults.txt --seed 7 -o json`,
		Args: cobra.NoArgs,
	}
	r := &simulation{
		sh: sh, cmd: cmd, latency: spanFlag{Min: time.Millisecond, Max: 50 * time.Millisecond}, size: 300,
		duration: units.Duration(time.Minute), converge: units.Duration(30 * time.Second), append: units.Duration(time.Millisecond),
	}
	r.flags(cmd.Flags())
	for name, values := range map[string][]string{"output": {"table", "json"}, "scenario": scenarioNames()} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context()) }
	return cmd
}

func verbList() string {
	var b strings.Builder
	for _, v := range sim.Verbs() {
		fmt.Fprintf(&b, "  %s\n      %s\n", strings.TrimSpace(v.Name+" "+v.Usage), v.About)
	}
	return strings.TrimRight(b.String(), "\n")
}

func scenarioList() string {
	var b strings.Builder
	for _, sc := range sim.Scenarios() {
		fmt.Fprintf(&b, "  %-10s %s\n", sc.Name, sc.About)
	}
	return b.String()
}

func scenarioNames() []string {
	var names []string
	for _, sc := range sim.Scenarios() {
		names = append(names, sc.Name)
	}
	return names
}

// simulation is one run of the command.
type simulation struct {
	sh                                 *shell
	cmd                                *cobra.Command
	nodes, origins, runs               int
	rate                               float64
	size                               units.Size
	seed                               uint64
	duration, converge, jitter, append units.Duration
	age                                units.Duration
	latency                            spanFlag
	loss                               shareFlag
	bandwidth, retention               units.Size
	scenario, script, trace, output    string
	sweep                              []int
	sweeping                           string
}

func (r *simulation) flags(f *pflag.FlagSet) {
	f.IntVar(&r.nodes, "nodes", 50, "`N` nodes")
	f.IntVar(&r.origins, "origins", 5, "`N` of them publish, chosen at random")
	f.Float64Var(&r.rate, "rate", 5, "`N` batches a second of each origin, at random times")
	f.Var(&r.size, "size", "bytes of a batch")
	f.Uint64Var(&r.seed, "seed", 0, "`N` that decides all that is random (default: another one each time, printed)")
	f.Var(&r.duration, "duration", "simulated time; what is on its way then is waited for")
	f.Var(&r.converge, "converge", "how long after the last fault everything must be everywhere")
	f.Var(&r.latency, "latency", "`SPAN` from which each pair of nodes has its latency")
	f.Var(&r.jitter, "jitter", "what a frame takes longer, from 0 up to it")
	f.Var(&r.loss, "loss", "`SHARE` of all frames that just do not come")
	f.Var(&r.bandwidth, "bandwidth", "bytes a second of each link and direction; 0 is no bound")
	f.Var(&r.append, "append", "how long a journal takes for a batch")
	f.Var(&r.retention, "retention-bytes", "how much each journal keeps; 0 is no bound")
	f.Var(&r.age, "retention-age", "how long each journal keeps batches; 0 is for ever")
	f.StringVar(&r.scenario, "scenario", "steady", "what happens: `NAME` of a scenario")
	f.StringVar(&r.script, "script", "", "`FILE` that says what happens, in place of a scenario; - is standard input")
	f.IntVar(&r.runs, "runs", 1, "`N` seeds, one after the other, up to the first violation")
	f.StringVar(&r.sweeping, "sweep", "", "`LIST` of numbers of nodes: a line for each, to compare")
	f.StringVar(&r.trace, "trace", "", "write what happens to `FILE`, a line for each frame that comes")
	f.StringVarP(&r.output, "output", "o", "table", "`FORM`: table, or json: an object a run, each on a line")
	for _, none := range []string{"bandwidth", "retention-bytes", "retention-age", "jitter", "loss"} {
		f.Lookup(none).DefValue = "" // nothing, which needs no word
	}
}

// run checks the flags, and runs what they ask for.
func (r *simulation) run(ctx context.Context) error {
	if err := r.check(); err != nil {
		return err
	}
	if !r.cmd.Flags().Changed("seed") {
		r.seed = rand.Uint64N(1_000_000_000)
	}
	text, err := r.text()
	if err != nil {
		return err
	}
	switch {
	case r.sweeping != "":
		return r.compare(ctx, text)
	case r.runs > 1:
		return r.several(ctx, text)
	}
	result, err := r.once(ctx, r.nodes, r.seed, text, r.name())
	if result == nil {
		return err
	}
	if r.output == "json" {
		err = errors.Join(err, object(r.sh.out, result))
	} else {
		err = errors.Join(err, r.print(result))
	}
	return errors.Join(err, r.verdict(result))
}

// check names what is wrong with the flags.
func (r *simulation) check() error {
	if err := r.config(r.nodes, r.seed).Validate(); err != nil || r.nodes == 0 {
		return misuse{errors.Join(err, zeroNodes(r.nodes))}
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
	case r.script != "" && changed("scenario"):
		return misusef("--scenario and --script exclude each other")
	case r.runs < 1:
		return misusef("runs %d: want at least 1", r.runs)
	case r.runs > 1 && r.sweeping != "":
		return misusef("--runs and --sweep exclude each other")
	case r.trace != "" && (r.runs > 1 || r.sweeping != ""):
		return misusef("--trace is for a single run")
	case r.origins < 1 || r.sweeping == "" && r.origins > r.nodes:
		return misusef("origins %d: want 1 to the %d nodes", r.origins, r.nodes)
	case !(r.rate > 0):
		return misusef("rate %g: want more than 0", r.rate)
	case r.duration <= 0:
		return misusef("duration %s: want more than 0", &r.duration)
	}
	for part := range strings.SplitSeq(r.sweeping, ",") {
		if r.sweeping == "" {
			break
		}
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > sim.MaxNodes {
			return misusef("sweep %q: want numbers of nodes from 1 to %d, with commas between", r.sweeping, sim.MaxNodes)
		}
		r.sweep = append(r.sweep, n)
	}
	return nil
}

// zeroNodes is an error where there are none, which elsewhere means the default.
func zeroNodes(nodes int) error {
	if nodes == 0 {
		return fmt.Errorf("0 nodes: 1 to %d are possible", sim.MaxNodes)
	}
	return nil
}

// text reads the script; it is empty where there is a scenario.
func (r *simulation) text() (string, error) {
	if r.script == "" {
		return "", nil
	}
	var b []byte
	var err error
	if r.script == "-" {
		b, err = io.ReadAll(interruptedBy(r.cmd.Context(), r.sh.in))
	} else {
		b, err = os.ReadFile(r.script)
	}
	return string(b), err
}

// name is what the run is called.
func (r *simulation) name() string {
	if r.script != "" {
		return r.script
	}
	return r.scenario
}

func (r *simulation) config(nodes int, seed uint64) sim.Config {
	return sim.Config{
		Nodes: nodes, Seed: seed, Duration: time.Duration(r.duration), Converge: time.Duration(r.converge),
		Latency: sim.Span(r.latency), Jitter: time.Duration(r.jitter), Loss: float64(r.loss), Bandwidth: int64(r.bandwidth),
		Append: time.Duration(r.append), RetentionBytes: int64(r.retention), RetentionAge: time.Duration(r.age), Baseline: true,
	}
}

// once runs one seed.
func (r *simulation) once(ctx context.Context, nodes int, seed uint64, text, label string) (*sim.Result, error) {
	cfg := r.config(nodes, seed)
	gauge := r.sh.gauge()
	defer gauge.clear()
	cfg.Progress = func(p sim.Progress) { gauge.say(progressText(gauge, label, p)) }
	flush, err := r.traced(&cfg)
	if err != nil {
		return nil, err
	}
	s, err := sim.New(cfg)
	if err != nil {
		return nil, misuse{err}
	}
	load := sim.Load{At: sim.Any(min(r.origins, nodes)), Rate: r.rate, Size: int(r.size)}
	if r.script == "" {
		sc, _ := sim.FindScenario(r.scenario)
		text = sc.Script(sim.Shape{Nodes: nodes, Duration: cfg.Duration, Seed: seed, Load: load})
	}
	if err := s.Play(text); err != nil {
		return nil, misusef("%s: %w", r.name(), err)
	}
	if !s.Loaded() {
		s.At(2*time.Second, sim.Publish(load))
	}
	result, err := s.Run(ctx)
	return result, errors.Join(err, flush())
}

// progressText says how far a run is.
func progressText(g *gauge, label string, p sim.Progress) string {
	took := g.now().Sub(g.start)
	text := fmt.Sprintf("%s: %s of at most %s simulated", label, p.At.Round(100*time.Millisecond), p.End.Round(time.Second))
	if took > 0 {
		text += ", " + countText(uint64(float64(p.Events)/took.Seconds())) + " events/s"
	}
	if took > 2*time.Second && p.At > 0 && p.End > p.At {
		text += ", at most " + span(time.Duration(float64(took)*float64(p.End-p.At)/float64(p.At))) + " left"
	}
	return text
}

// traced opens the file of the trace; what it gives closes it.
func (r *simulation) traced(cfg *sim.Config) (func() error, error) {
	if r.trace == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(r.trace)
	if err != nil {
		return nil, err
	}
	w := newTraceWriter(f)
	cfg.Trace = w
	return func() error { return errors.Join(w.Flush(), f.Close()) }, nil
}

// replay is the command that shows a run again.
func (r *simulation) replay(seed uint64) string {
	args := []string{"anode simulate"}
	r.cmd.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains([]string{"seed", "runs", "output", "trace", "sweep"}, f.Name) {
			args = append(args, "--"+f.Name, quoted(f.Value.String()))
		}
	})
	return strings.Join(append(args, "--seed", strconv.FormatUint(seed, 10)), " ")
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	if word != "" && !strings.ContainsAny(word, " '\"\\$`|&;<>()*?[]#~") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// verdict fails the command where a promise was broken, and says how to see it again.
func (r *simulation) verdict(result *sim.Result) error {
	if result.OK() {
		return nil
	}
	for _, v := range result.Violations {
		fmt.Fprintln(r.sh.errs, "anode: violation "+v.String())
	}
	fmt.Fprintln(r.sh.errs, "anode: see it again with: "+r.replay(result.Seed))
	return errSilent
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

func (s *shareFlag) String() string { return strconv.FormatFloat(float64(*s)*100, 'g', -1, 64) + "%" }
func (*shareFlag) Type() string     { return "share" }

// Set implements pflag.Value.
func (s *shareFlag) Set(text string) error {
	parsed, err := sim.ParseShare(text)
	*s = shareFlag(parsed)
	return err
}
