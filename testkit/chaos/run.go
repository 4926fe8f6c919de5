package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Plan is what a Run does with a mesh.
type Plan struct {
	// Seed draws what clients do.
	Seed uint64
	// Script is what is done to the mesh; nil is nothing, and only clients work for Length.
	Script Script
	// Length is for how long clients work at least; they work until the script is through.
	Length time.Duration
	// Publishers and Readers are how many there are; every second reader begins with the latest, and the others with the
	// earliest. Rate is what each publisher publishes in a second.
	Publishers, Readers int
	Rate                float64
	// Converge is how long after the last action all nodes that run may take to hold the same; 0 is 25 s.
	Converge time.Duration
	// Logf gets a line for each step as it is done; nil means nobody.
	Logf func(format string, args ...any)
}

// NotInTime is the promise that a mesh is one again within Plan.Converge.
const NotInTime = "not the same everywhere in time"

const (
	convergeDefault = 25 * time.Second
	// lookEvery is how often is looked whether all is everywhere.
	lookEvery = 200 * time.Millisecond
	// tellEvery is how often is told what is still to come.
	tellEvery = 2 * time.Second
	// readPatience is how long readers may take at the end, beyond the nodes.
	readPatience = 15 * time.Second
	// after is for how long publishers go on after the script.
	after = time.Second
)

// Result is what came of a run.
type Result struct {
	History *History
	// Faults are broken promises; none is good.
	Faults []Fault
	// Converged is how long after the last action all nodes held the same.
	Converged time.Duration
	// Tally counts what publishers were told: "acknowledged", "unknown: no answer", ….
	Tally map[string]int
	// Gaps counts gaps that readers were told of, by reason.
	Gaps map[string]int
	// Records, Sessions and Delivered are how much there was: what is held, readers' connections, and what they got.
	Records, Sessions, Delivered int
}

// run is a Run that is under way.
type run struct {
	mesh  *Mesh
	plan  Plan
	begin time.Time
	fence fence

	mu      sync.Mutex // guards history
	history History
}

// Run lets clients work at a mesh while its script is played, waits until all is everywhere, and checks what they
// saw. Its error is that the script can't be played; what the mesh did wrong is in the Result.
func Run(ctx context.Context, mesh *Mesh, plan Plan) (*Result, error) {
	if plan.Converge == 0 {
		plan.Converge = convergeDefault
	}
	r := &run{mesh: mesh, plan: plan, begin: time.Now(), fence: fence{closed: make(map[int]bool)}}
	r.history = History{Held: make(map[string][]Record), Wiped: make(map[string]bool)}

	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	settle := make(chan struct{})
	var readers sync.WaitGroup
	list := make([]*reader, plan.Readers)
	for i := range list {
		list[i] = &reader{run: r, rng: r.source(i, 2), settle: settle, at: make(Cursor)}
		list[i].log = Reader{Name: fmt.Sprint("reader ", i), Latest: i%2 == 1}
		readers.Go(func() { list[i].read(reading) })
	}
	last, err := r.load(ctx)
	close(settle)
	result := &Result{}
	if err == nil {
		result, err = r.converge(ctx, last, list)
	}
	stopReading()
	readers.Wait()
	if err != nil {
		return nil, err
	}
	for _, reader := range list {
		r.history.Readers = append(r.history.Readers, reader.log)
	}
	r.finish(result)
	return result, nil
}

// source is a random source of its own for each client.
func (r *run) source(client, kind int) *rand.Rand {
	return rand.New(rand.NewPCG(r.plan.Seed, uint64(client)<<2|uint64(kind)))
}

func (r *run) now() time.Duration { return time.Since(r.begin) }

func (r *run) logf(format string, args ...any) {
	if r.plan.Logf != nil {
		r.plan.Logf("%6.1fs  "+format, append([]any{r.now().Seconds()}, args...)...)
	}
}

func (r *run) published(op Publish) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Publishes = append(r.history.Publishes, op)
}

func (r *run) wiped(origin string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Wiped[origin] = true
}

// load plays the script while publishers work, and gives when its last action was done.
func (r *run) load(ctx context.Context) (last time.Time, err error) {
	ctx, stop := context.WithCancel(ctx)
	var publishers sync.WaitGroup
	defer publishers.Wait()
	defer stop()
	for i := range r.plan.Publishers {
		p := &publisher{run: r, number: i, rate: r.plan.Rate, rng: r.source(i, 1)}
		publishers.Go(func() { p.publish(ctx) })
	}
	last = time.Now()
	for _, step := range r.plan.Script {
		if !sleep(ctx, step.At-r.now()) {
			return last, ctx.Err()
		}
		r.logf("%s", step.Action)
		if err := step.Action.do(ctx, r); err != nil {
			return last, fmt.Errorf("%s: %w", step.Action, err)
		}
		last = time.Now()
	}
	if !sleep(ctx, max(after, r.plan.Length-r.now())) {
		return last, ctx.Err()
	}
	return last, nil
}

// acknowledged are the ids that were answered, of which origin says true.
func (r *run) acknowledged(of func(origin string) bool) map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := make(map[string]bool)
	for i := range r.history.Publishes {
		if p, ok := ParsePosition(r.history.Publishes[i].ID); ok && of(p.Origin) {
			ids[r.history.Publishes[i].ID] = true
		}
	}
	return ids
}

// covered waits until other nodes that run hold what was acknowledged and may be on no other disk: what the node
// numbered itself, and what others did that lost their disks.
func (r *run) covered(ctx context.Context, node *Node, patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		rest := r.acknowledged(func(origin string) bool { return origin == node.ID() || r.history.Wiped[origin] })
		for _, other := range r.mesh.Running() {
			if other == node {
				continue
			}
			list, err := r.held(ctx, other)
			if err != nil {
				continue
			}
			for i := range list {
				delete(rest, list[i].ID)
			}
		}
		if len(rest) == 0 {
			return true
		}
		if !sleep(ctx, lookEvery) {
			return false
		}
	}
}

// held is all that a node holds of what was published.
func (r *run) held(ctx context.Context, node *Node) ([]Record, error) {
	var all []Record
	for p := range r.plan.Publishers {
		list, err := node.History(ctx, streamOf(p))
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// converge waits until all nodes that run hold the same, with all that was acknowledged, and readers have read it.
func (r *run) converge(ctx context.Context, last time.Time, readers []*reader) (*Result, error) {
	result := &Result{}
	waiting, cancel := context.WithDeadline(ctx, last.Add(r.plan.Converge))
	defer cancel()
	var err error
	for told := time.Now(); ; {
		if err = r.look(waiting); err == nil {
			break
		}
		if time.Since(told) > tellEvery {
			told = time.Now()
			r.logf("not yet: %v", err)
		}
		if !sleep(waiting, lookEvery) {
			break
		}
	}
	result.Converged = time.Since(last)
	if err != nil {
		result.Faults = append(result.Faults, Fault{NotInTime, fmt.Sprintf("%.1f s after the last action: %v", result.Converged.Seconds(), err)})
		for _, n := range r.mesh.Running() {
			list, err := r.held(ctx, n)
			if err != nil {
				return nil, err
			}
			r.history.Held[n.Name] = list
		}
	}
	heads := make(Cursor)
	for _, list := range r.history.Held {
		for i := range list {
			heads.See(list[i].ID)
		}
	}
	r.await(ctx, readers, heads)
	return result, ctx.Err()
}

// look reads what all nodes hold; nil is that it is the same, and all of it.
func (r *run) look(ctx context.Context) error {
	running := r.mesh.Running()
	first := make(map[string]int)
	for i, n := range running {
		counts, err := n.Streams(ctx, everything)
		if err != nil {
			return err
		}
		figures, err := n.Gossip(ctx)
		if err != nil {
			return err
		}
		if figures["missing"] != 0 || figures["backfill"] != 0 {
			return fmt.Errorf("%s misses %v and %v batches", n.Name, figures["missing"], figures["backfill"])
		}
		if i == 0 {
			first = counts
		}
		for stream := range first {
			if counts[stream] != first[stream] {
				return fmt.Errorf("of %s %s holds %d, %s %d", stream, running[0].Name, first[stream], n.Name, counts[stream])
			}
		}
	}
	want := r.acknowledged(func(string) bool { return true })
	var errs []error
	for _, n := range running {
		list, err := r.held(ctx, n)
		if err != nil {
			return err
		}
		r.history.Held[n.Name] = list
		rest := len(want)
		for i := range list {
			if want[list[i].ID] {
				rest--
			}
		}
		if rest > 0 {
			errs = append(errs, fmt.Errorf("%s lacks %d that were acknowledged", n.Name, rest))
		}
	}
	return errors.Join(errs...)
}

// await waits until readers have come to the heads; who does not is told of by the check.
func (r *run) await(ctx context.Context, readers []*reader, heads Cursor) {
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	for slices.ContainsFunc(readers, func(reader *reader) bool { return reader.behind(heads) }) {
		if !sleep(ctx, lookEvery) {
			return
		}
	}
}

// finish checks and counts.
func (r *run) finish(result *Result) {
	h := &r.history
	result.History = h
	result.Faults = append(result.Faults, Check(h)...)
	result.Tally, result.Gaps = make(map[string]int), make(map[string]int)
	for i := range h.Publishes {
		word := string(h.Publishes[i].Outcome)
		if why := h.Publishes[i].Why; why != "" {
			word += ": " + why
		}
		result.Tally[word]++
	}
	for _, list := range h.Held {
		result.Records = max(result.Records, len(list))
	}
	for i := range h.Readers {
		result.Sessions += len(h.Readers[i].Sessions)
		for j := range h.Readers[i].Sessions {
			for k := range h.Readers[i].Sessions[j].Messages {
				m := &h.Readers[i].Sessions[j].Messages[k]
				result.Delivered += len(m.Records)
				if m.Op == "gap" {
					result.Gaps[m.Reason]++
				}
			}
		}
	}
}
