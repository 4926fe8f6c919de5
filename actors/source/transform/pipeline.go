package transform

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"anode/actors/expr"
	"anode/messages"
	"anode/messages/spec"
)

// Config is what a Pipeline is made of. All fields but the last two are required.
type Config struct {
	Spec     *spec.Spec
	Language Language
	Clock    func() time.Time
	// Hide puts asterisks where a text that may have been cut has a secret; nil leaves it.
	Hide func(string) string
	// MostIdentities bounds what deduplication remembers: 1,000,000 when zero.
	MostIdentities int
}

// Pipeline makes drafts of the messages of one source.
type Pipeline struct {
	cfg    Config
	rules  []rule
	where  *condition
	split  step
	mapped step
	stream streamName
	key    *extractor
	native *extractor
	time   *extractor
	since  *sinceFrom
	pages  *pages
	dedupe *Dedupe
	// schema, sequence and limit are nil where the spec has none.
	schema   *schema
	sequence *sequence
	limit    *limit
	state    State
	// meta tells that an expression may ask for $meta.
	meta bool
}

// step is a program of the transform; nil stands for ".".
type step struct {
	name, text string
	program    Program
	// mapping does what the program does without decoding; nil where the program is not of the safe subset.
	mapping *expr.Mapping
}

// New compiles a spec; all faults of its expressions come at once, as spec.Faults.
func New(cfg Config) (*Pipeline, error) {
	if cfg.Spec == nil || cfg.Language == nil || cfg.Clock == nil {
		return nil, errors.New("transform: Spec, Language and Clock are required")
	}
	if cfg.MostIdentities <= 0 {
		cfg.MostIdentities = mostEntries
	}
	s := cfg.Spec
	p := &Pipeline{cfg: cfg, dedupe: newDedupe(s.Dedupe, cfg.MostIdentities)}
	var faults spec.Faults
	fault := func(path string, err error) {
		faults = append(faults, spec.FaultAt(path, err))
	}
	for i, r := range s.On {
		p.rules = append(p.rules, compileRule(cfg.Language, "/on/"+strconv.Itoa(i), r, fault))
	}
	p.compile(fault)
	var wrong spec.Faults
	p.schema, wrong = compileSchema(cfg.Language, s.Schema)
	faults = append(faults, wrong...)
	p.sequence = compileSequence(cfg.Language, s, fault)
	p.limit = newLimit(s.Limit)
	if len(faults) > 0 {
		return nil, faults
	}
	for _, x := range s.Expressions() {
		p.meta = p.meta || strings.Contains(x.Text, "$")
	}
	return p, nil
}

func (p *Pipeline) compile(fault func(string, error)) {
	s, language := p.cfg.Spec, p.cfg.Language
	var err error
	if s.Transform.Where != "" {
		where, err := compileCondition(language, s.Transform.Where)
		if err != nil {
			fault("/transform/where", err)
		}
		p.where = &where
	}
	p.split, p.mapped = step{name: "split", text: s.Transform.Split}, step{name: "map", text: s.Transform.Map}
	for _, step := range []*step{&p.split, &p.mapped} {
		if step.text == "" {
			continue
		}
		if step.program, err = language.Compile(step.text); err != nil {
			fault("/transform/"+step.name, err)
		} else if mapping, err := expr.CompileMapping(step.text); err == nil {
			step.mapping = mapping
		}
	}
	for _, x := range []struct {
		name, text string
		into       **extractor
	}{{"key", s.Key, &p.key}, {"native_id", s.NativeID, &p.native}, {"time", s.Time, &p.time}} {
		if *x.into, err = compileExtractor(language, x.name, x.text); err != nil {
			fault("/"+x.name, err)
		}
	}
	if p.since, err = compileSince(language, s.Since); err != nil {
		fault("/since/from", err)
	}
	p.pages = compilePages(language, s, fault)
	if p.stream, err = compileStream(s.Stream); err != nil {
		fault("/stream", err)
	}
}

// Dedupe is what the pipeline remembers, to be filled before the first message.
func (p *Pipeline) Dedupe() *Dedupe { return p.dedupe }

// Evicted counts identities that were forgotten before their window ended, for want of room.
func (p *Pipeline) Evicted() uint64 { return p.dedupe.evicted }

// Reset forgets $state, but for those of Meta: a new connection begins. What dedupe, sequence and limit remember stays.
func (p *Pipeline) Reset() {
	p.state = State{}
	if p.sequence != nil {
		p.sequence.connected()
	}
}

// Forget takes back that drafts were collected: they were not stored.
func (p *Pipeline) Forget(drafts []messages.Draft) {
	for i := len(drafts) - 1; i >= 0; i-- { // as they came, backwards
		p.dedupe.forget(&drafts[i])
		if p.sequence != nil {
			p.sequence.forget(&drafts[i])
		}
		if p.limit != nil {
			p.limit.forget(&drafts[i])
		}
	}
}

// Due gives the drafts that limit held and that have their turn now.
func (p *Pipeline) Due() []messages.Draft {
	if p.limit == nil {
		return nil
	}
	return p.limit.due(nil, p.cfg.Clock())
}

// Wait is how long it takes until Due may give something; false while nothing is held.
func (p *Pipeline) Wait() (time.Duration, bool) {
	if p.limit == nil {
		return 0, false
	}
	return p.limit.next(p.cfg.Clock())
}

// Held numbers the drafts that limit holds, in the order in which it came to hold them: of the first and of
// the last one ever; false while nothing is held.
func (p *Pipeline) Held() (oldest, newest uint64, held bool) {
	if p.limit == nil {
		return 0, 0, false
	}
	return p.limit.marked()
}

// Flush gives all drafts that limit held, be it before their turn: a connection ends.
func (p *Pipeline) Flush() []messages.Draft {
	if p.limit == nil {
		return nil
	}
	return p.limit.flush(p.cfg.Clock())
}

// Feed makes drafts of one message. It keeps parts of the message only in what it returns.
func (p *Pipeline) Feed(ctx context.Context, message []byte, meta Meta) Result {
	out, _ := p.FeedTo(ctx, message, meta, nil) // nothing fails but take
	return out
}

// The most of a Result that FeedTo gives to take, and little more.
const (
	pieceDrafts = 1024
	pieceBytes  = 1 << 20
)

// FeedTo is Feed for messages that may make more than memory should hold: what has come together is
// given to take, piece by piece, and what comes last is returned. Actions are all in the last. An error of
// take, or the end of ctx, ends the message.
func (p *Pipeline) FeedTo(ctx context.Context, message []byte, meta Meta, take func(*Result) error) (Result, error) {
	f := feeding{Pipeline: p, ctx: ctx, meta: &meta, take: take}
	each := func(v *value, part []byte) bool {
		f.out.Decoded = true
		f.part = part
		return f.message(v) && f.handOver()
	}
	failed := func(part []byte, err error) bool {
		f.part = part
		f.fail("parse", "", nil, err)
		return f.handOver()
	}
	parsing{each, failed}.run(p.cfg.Spec.Parse, message, meta.Headers["content-type"])
	if n := len(f.out.Actions); f.ending != "" && (n == 0 || f.out.Actions[n-1].Fail == "") {
		f.out.Actions = append(f.out.Actions, Action{Fail: f.ending})
	}
	return f.out, f.err
}
