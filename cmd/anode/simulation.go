package main

import (
	"bufio"
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

// simulation is one run of the command.
type simulation struct {
	sh                                       *shell
	cmd                                      *cobra.Command
	nodes, origins, runs                     int
	rate                                     float64
	size                                     units.Size
	seed                                     uint64
	duration, converge, jitter, append, sync units.Duration
	age, status                              units.Duration
	latency                                  spanFlag
	loss                                     shareFlag
	bandwidth, retention                     units.Size
	scenario, script, trace, output          string
	sweeping                                 string
	dry                                      bool

	// sweep are the numbers of nodes of a sweep, text is the script of a file.
	sweep []int
	text  string
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
	f.Var(&r.sync, "sync", "how often a journal is synced: crash power loses what came since; 0 is with each batch")
	f.Var(&r.retention, "retention-bytes", "how much each journal keeps; 0 is no bound")
	f.Var(&r.age, "retention-age", "how long each journal keeps batches; 0 is for ever")
	f.Var(&r.status, "status", "how often each node publishes a status of 1.5 KiB; 0 is never")
	f.StringVar(&r.scenario, "scenario", "steady", "what happens: `NAME` of a scenario")
	f.StringVar(&r.script, "script", "", "`FILE` that says what happens, in place of a scenario; - is standard input")
	f.BoolVar(&r.dry, "dry-run", false, "print the script of what would happen, and run nothing")
	f.IntVar(&r.runs, "runs", 1, "`N` seeds, one after the other, up to the first violation")
	f.StringVar(&r.sweeping, "sweep", "", "`LIST` of numbers of nodes: a line for each, to compare")
	f.StringVar(&r.trace, "trace", "", "write what happens to `FILE`, a line for each frame that comes")
	f.StringVarP(&r.output, "output", "o", "table", "`FORM`: table, or json: an object a run, each on a line")
	for _, none := range []string{"bandwidth", "retention-bytes", "retention-age", "jitter", "loss", "sync", "status"} {
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
	if err := r.read(); err != nil {
		return err
	}
	switch {
	case r.dry:
		return r.show()
	case r.sweeping != "":
		return r.compare(ctx)
	case r.runs > 1:
		return r.several(ctx)
	}
	result, err := r.once(ctx, r.nodes, r.seed, r.name())
	if result == nil {
		return err
	}
	if r.output == "json" {
		err = errors.Join(err, r.object(r.nodes, result))
	} else {
		err = errors.Join(err, r.print(result))
	}
	return errors.Join(err, r.judge(r.nodes, result))
}

// name is what the run is called.
func (r *simulation) name() string {
	if r.script != "" {
		return r.script
	}
	return r.scenario
}

// config is a mesh as the flags have it. Where they say 0 and the simulator means its default by that, they get a
// nanosecond.
func (r *simulation) config(nodes int, seed uint64) sim.Config {
	cfg := sim.Config{
		Nodes: nodes, Seed: seed, Duration: time.Duration(r.duration), Converge: time.Duration(r.converge),
		Latency: sim.Span(r.latency), Jitter: time.Duration(r.jitter), Loss: float64(r.loss), Bandwidth: int64(r.bandwidth),
		Append: max(time.Duration(r.append), 1), Sync: time.Duration(r.sync),
		RetentionBytes: int64(r.retention), RetentionAge: time.Duration(r.age), Status: time.Duration(r.status), Baseline: true,
	}
	cfg.Latency.Max = max(cfg.Latency.Max, 1)
	return cfg
}

// made is a mesh that is ready to run.
func (r *simulation) made(cfg sim.Config) (*sim.Sim, error) {
	s, err := sim.New(cfg)
	if err != nil {
		return nil, misuse{err}
	}
	load := sim.Load{At: sim.Any(min(r.origins, cfg.Nodes)), Rate: r.rate, Size: int(r.size)}
	text := r.text
	if r.script == "" {
		sc, _ := sim.FindScenario(r.scenario)
		text = sc.Script(sim.Shape{Nodes: cfg.Nodes, Duration: cfg.Duration, Seed: cfg.Seed, Load: load})
	}
	if err := s.Play(text); err != nil {
		return nil, misusef("%s: %w", r.name(), err)
	}
	if !s.Loaded() {
		s.At(2*time.Second, sim.Publish(load))
	} else if r.script != "" {
		for _, name := range []string{"rate", "size", "origins"} {
			if r.cmd.Flags().Changed(name) {
				return nil, misusef("--%s has no say: %s has a load of its own", name, r.script)
			}
		}
	}
	if err := s.Check(); err != nil {
		return nil, misusef("%s: %w", r.name(), err)
	}
	return s, nil
}

// once runs one seed.
func (r *simulation) once(ctx context.Context, nodes int, seed uint64, label string) (*sim.Result, error) {
	cfg := r.config(nodes, seed)
	gauge := r.sh.gauge()
	defer gauge.clear()
	if gauge.to != nil {
		cfg.Progress = func(p sim.Progress) { gauge.say(progressText(gauge, label, p)) }
	}
	w := bufio.NewWriterSize(io.Discard, 1<<20)
	if r.trace != "" {
		cfg.Trace = w
	}
	s, err := r.made(cfg)
	if err != nil {
		return nil, err
	}
	if r.trace == "" {
		return s.Run(ctx)
	}
	f, err := os.Create(r.trace) // not before all is right: it may have the trace of another run
	if err != nil {
		return nil, err
	}
	w.Reset(f)
	result, err := s.Run(ctx)
	return result, errors.Join(err, w.Flush(), f.Close())
}

// show prints the script of a run.
func (r *simulation) show() error {
	s, err := r.made(r.config(r.nodes, r.seed))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.sh.out, "# %s\n%s", r.replay(r.nodes, r.seed), s.Text())
	return err
}

// progressText says how far a run is.
func progressText(g *gauge, label string, p sim.Progress) string {
	took := g.now().Sub(g.start)
	text := fmt.Sprintf("%s: %s of %s simulated", label, p.At.Round(100*time.Millisecond), units.FormatDuration(p.Planned))
	if p.At >= p.Planned {
		text = fmt.Sprintf("%s: %s simulated, waiting for the rest, up to %s", label, p.At.Round(100*time.Millisecond), p.End.Round(time.Second))
	}
	if took > 2*time.Second && p.At > 0 && p.Planned > p.At {
		text += ", about " + span(time.Duration(float64(took)*float64(p.Planned-p.At)/float64(p.At))) + " left"
	}
	if took > 0 {
		text += ", " + units.Grouped(uint64(float64(p.Events)/took.Seconds())) + " events/s"
	}
	return text
}

// replay is the command that shows a run again.
func (r *simulation) replay(nodes int, seed uint64) string {
	args := []string{"anode simulate"}
	r.cmd.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains([]string{"seed", "runs", "output", "trace", "sweep", "nodes", "origins", "dry-run"}, f.Name) {
			args = append(args, "--"+f.Name, quoted(f.Value.String()))
		}
	})
	changed := r.cmd.Flags().Changed
	if changed("origins") {
		args = append(args, "--origins", strconv.Itoa(min(r.origins, nodes)))
	}
	if changed("nodes") || changed("sweep") {
		args = append(args, "--nodes", strconv.Itoa(nodes))
	}
	return strings.Join(append(args, "--seed", strconv.FormatUint(seed, 10)), " ")
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n'\"\\$`|&;<>()*?[]#~!{}") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// judge fails the command where a promise was broken, and says how to see it again.
func (r *simulation) judge(nodes int, result *sim.Result) error {
	if result.OK() {
		return nil
	}
	for _, line := range violationLines(result.Violations) {
		fmt.Fprintln(r.sh.errs, "anode: violation "+line)
	}
	again := "see it again with: "
	if r.script == "-" {
		again = "see it again, with the same standard input, with: "
	}
	fmt.Fprintln(r.sh.errs, "anode: "+again+r.replay(nodes, result.Seed))
	return errSilent
}

// violationLines are violations, those that say the same of different nodes in one line.
func violationLines(list []sim.Violation) []string {
	var texts, lines []string
	nodes := make(map[string][]string)
	first := make(map[string]sim.Violation)
	for _, v := range list {
		if len(nodes[v.Text]) == 0 {
			texts, first[v.Text] = append(texts, v.Text), v
		}
		nodes[v.Text] = append(nodes[v.Text], strconv.Itoa(int(v.Node)))
	}
	for _, text := range texts {
		if v := first[text]; len(nodes[text]) == 1 {
			lines = append(lines, v.String())
		} else {
			lines = append(lines, fmt.Sprintf("from %s on, nodes %s: %s", v.At, strings.Join(nodes[text], ", "), text))
		}
	}
	return lines
}

// report is a run as an object.
type report struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Verdict string `json:"verdict"`
	Replay  string `json:"replay"`
	*sim.Result
}

func (r *simulation) object(nodes int, result *sim.Result) error {
	return object(r.sh.out, report{r.name(), result.OK(), result.Verdict(), r.replay(nodes, result.Seed), result})
}
