package source

import (
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// The most that waits to be learned of: batches, and their bytes.
const (
	mostLearning      = 1024
	mostLearningBytes = 16 << 20
)

// learner reads the batches that other nodes sealed for what they have of the sources that run here: identities,
// values and states.
//
//	journal ──Learn──▶ queue ──run──▶ open ──by source──▶ job.learnt, ledger
//	           │ full
//	           └─▶ since when ──▶ each job reads the journal instead, before its next message
//
// It is safe for concurrent use.
type learner struct {
	self  messages.NodeID
	clock func() time.Time
	// caring is how many jobs there are in byName.
	caring atomic.Int32
	wake   chan struct{}
	// dropped counts batches that a full queue refused.
	dropped atomic.Uint64
	// runs tells that what is queued is read. left counts what sources that ended had held back, and left to other owners.
	runs atomic.Bool
	left atomic.Uint64

	mu     sync.Mutex // guards what follows; a leaf
	byName map[string]*job
	// told is what the reader knows of byName; nil when that has changed.
	told  *told
	queue []command.StoredBatch
	bytes int
	// lost is the Unix ms from which on something was refused that no job was told of; 0 is nothing.
	lost int64
	// skews are how far the clocks of other nodes are behind.
	skews map[messages.NodeID]*clockSkew
}

func newLearner(self messages.NodeID, clock func() time.Time) *learner {
	return &learner{self: self, clock: clock, wake: make(chan struct{}, 1), byName: make(map[string]*job), skews: make(map[messages.NodeID]*clockSkew)}
}

// mostSkews is of how many nodes the clocks are compared; of more it is begun again.
const mostSkews = 10_000

// compare takes over that a live batch of another node came at a Unix ms.
func (l *learner) compare(b *command.StoredBatch, now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.skews[b.Origin]
	if k == nil {
		if len(l.skews) >= mostSkews {
			clear(l.skews)
		}
		k = new(clockSkew)
		l.skews[b.Origin] = k
	}
	k.came(b.First.Millis(), now)
}

// here is a Unix ms of another node by this node's clock, or a little later.
func (l *learner) here(origin messages.NodeID, ms int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.skews[origin]; k != nil {
		return ms + k.behind()
	}
	return ms
}

// Learn tells of batches that were stored, in order. It is meant for the journal's writer and does not block.
func (s *Sources) Learn(stored command.Stored) { s.cfg.learner.learn(stored) }

func (l *learner) learn(stored command.Stored) {
	caring, now := l.caring.Load() > 0, l.clock().UnixMilli()
	for i := range stored.Batches {
		b := &stored.Batches[i]
		if b.Origin == l.self {
			continue
		}
		if b.Live {
			l.compare(b, now)
		}
		if caring {
			l.put(b)
		}
	}
}

// put queues a batch; of one that has no place it is noted since when it may have something.
func (l *learner) put(b *command.StoredBatch) {
	size := len(b.Bytes())
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) >= mostLearning || len(l.queue) > 0 && l.bytes+size > mostLearningBytes {
		l.dropped.Add(1)
		if first := b.First.Millis(); l.lost == 0 || first < l.lost {
			l.lost = first
		}
		return
	}
	l.bytes += size
	if l.queue = append(l.queue, *b); len(l.queue) == 1 {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// depth is how many batches wait.
func (l *learner) depth() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}

// run reads what is queued until ctx ends.
func (l *learner) run(ctx context.Context, cfg *Config) {
	l.runs.Store(true)
	defer l.runs.Store(false)
	l.drain(ctx, cfg) // what came while nobody ran
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-l.wake:
			l.drain(ctx, cfg)
		}
	}
}

func (l *learner) drain(ctx context.Context, cfg *Config) {
	for ctx.Err() == nil {
		queue, lost, told := l.take()
		if len(queue) == 0 && lost == 0 {
			return
		}
		touched := make(map[*job]struct{})
		if lost != 0 {
			for _, j := range told.jobs {
				if !j.learns.Load() {
					continue
				}
				j.learnt.lose(lost)
				touched[j] = struct{}{}
			}
		}
		for i := range queue {
			l.read(cfg, &queue[i], told, touched)
		}
		for j := range touched {
			j.standby.nudge()
		}
	}
}

// take takes all that is queued, and who wants to know of it.
func (l *learner) take() (queue []command.StoredBatch, lost int64, of *told) {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue, lost = l.queue, l.lost
	l.queue, l.bytes, l.lost = nil, 0, 0
	if l.told == nil {
		l.told = &told{jobs: maps.Clone(l.byName), known: make(map[messages.Stream]bool)}
	}
	return queue, lost, l.told
}

// told are the jobs that learn, and which streams may have something for them. It belongs to the reader.
type told struct {
	jobs  map[string]*job
	known map[messages.Stream]bool
}

// mostKnown is of how many streams it is known; of more it is found out again.
const mostKnown = 100_000

// wants tells whether a stream may have records of a job's source, or its state.
func (t *told) wants(stream messages.Stream) bool {
	wanted, known := t.known[stream]
	if known {
		return wanted
	}
	for _, j := range t.jobs {
		if wanted = j.mayHave(stream); wanted {
			break
		}
	}
	if len(t.known) >= mostKnown {
		clear(t.known)
	}
	t.known[messages.Stream(strings.Clone(string(stream)))] = wanted
	return wanted
}

// mayHave tells whether a stream may have records of the source, or its state.
func (j *job) mayHave(stream messages.Stream) bool {
	if strings.HasPrefix(string(stream), statePrefix) {
		return sourceOf(stream) == j.states.stream
	}
	return !stream.Own() && j.streams.Match(stream)
}

// read tells jobs what a batch has of their sources, and notes whom it told.
func (l *learner) read(cfg *Config, stored *command.StoredBatch, told *told, touched map[*job]struct{}) {
	var name string
	var of *job
	behind := l.here(stored.Origin, 0)
	err := stored.EachOf(told.wants, func(r *messages.Record) {
		if r.Source != name {
			if name, of = r.Source, told.jobs[r.Source]; of != nil {
				touched[of] = struct{}{}
			}
		}
		switch {
		case name == "" || of == nil:
		case r.Stream.Own():
			of.states.hear(r)
		default:
			ms := r.HLC.Millis()
			of.heard(ms + behind)
			if !of.learns.Load() {
				return
			}
			of.learnt.add(heardCopy{of.pipeline.Dedupe().CopyOf(&r.Draft, ms+behind), ms, stored.Live && stored.Origin < l.self})
		}
	})
	if err != nil {
		cfg.Logger.Warn("a batch can't be read for what it has of sources", "origin", stored.Origin, "epoch", stored.Epoch, "seq", stored.Sequence, "error", err)
	}
}

// join has a job learn, and tells whether it did not before. What is stored before that, it finds in the journal.
func (l *learner) join(j *job) (anew bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	anew = l.byName[j.spec.Name] != j
	l.byName[j.spec.Name], l.told = j, nil
	l.caring.Store(int32(len(l.byName)))
	return anew
}

// leave ends that.
func (l *learner) leave(j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(j)
}

// leaveIf is leave where that is still wanted.
func (l *learner) leaveIf(j *job, wanted *atomic.Bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if wanted.Load() {
		l.drop(j)
	}
}

// drop is leave; mu is held.
func (l *learner) drop(j *job) {
	if l.byName[j.spec.Name] == j {
		delete(l.byName, j.spec.Name)
		l.told = nil
		l.caring.Store(int32(len(l.byName)))
	}
}
