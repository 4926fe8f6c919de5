package expr

import (
	"container/list"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"
)

const (
	// maxProgram is the longest program, in bytes.
	maxProgram = 16 << 10
	// maxNesting is how deep a program may nest; a list of n alternatives nests n deep.
	maxNesting = 4000
	// defaultPrograms is how many programs are kept.
	defaultPrograms = 1024
)

// EngineConfig is what an Engine is made of. All fields may be zero.
type EngineConfig struct {
	// Clock is the time that "now" tells; the system's when nil.
	Clock func() time.Time
	// Random is what "uuid" and signatures draw from, safe for concurrent use; the system's when
	// nil.
	Random io.Reader
	// Workers is how many runs go at once, GOMAXPROCS when zero; others wait for their turn. Half of them
	// at most are runs of heavy programs, so that these hold up each other, and no others.
	Workers int
	// Programs is how many compiled programs are kept for texts that come again, 1,024 when zero.
	Programs int
}

// Engine compiles programs and templates and runs them. It is safe for concurrent use.
type Engine struct {
	cfg      EngineConfig
	std      *library
	patterns patterns
	seats    chan struct{}
	heavy    chan struct{} // the seats of heavy programs, who need one of seats too
	over     chan struct{} // closed

	mu    sync.Mutex // guards what follows
	byUse *list.List // of *cached, the last used first
	kept  map[cacheKey]*list.Element
}

// cacheKey is what a program was made of.
type cacheKey struct {
	text   string
	secret bool
}

// cached is a program that is kept, or one that is being compiled.
type cached struct {
	key     cacheKey
	once    sync.Once
	program *Program
	err     error
}

// NewEngine makes an engine; it panics only where its own library is broken.
func NewEngine(cfg EngineConfig) *Engine {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.Programs <= 0 {
		cfg.Programs = defaultPrograms
	}
	e := &Engine{
		cfg: cfg, std: loadLibrary(), seats: make(chan struct{}, cfg.Workers),
		heavy: make(chan struct{}, max(1, cfg.Workers/2)), over: make(chan struct{}),
		byUse: list.New(), kept: make(map[cacheKey]*list.Element),
	}
	close(e.over)
	return e
}

// Compile reads a program of at most 16 KiB. The same text gives the same program as long as it
// is among the last used. An error is a *CompileError where it has a place in the text.
func (e *Engine) Compile(text string) (*Program, error) {
	return e.compileCached(text, false)
}

// compileCached is Compile, also of a template's expression, which may use secrets.
func (e *Engine) compileCached(text string, secret bool) (*Program, error) {
	if len(text) > maxProgram {
		return nil, fmt.Errorf("the expression has %d bytes, at most %d are allowed", len(text), maxProgram)
	}
	c := e.lookUp(cacheKey{text, secret})
	c.once.Do(func() { c.program, c.err = e.compile(text, secret) })
	if c.err != nil {
		e.forget(c)
	}
	return c.program, c.err
}

// Check tells what is wrong with a program; nothing is kept of it.
func (e *Engine) Check(text string) error {
	if len(text) > maxProgram {
		_, err := e.Compile(text)
		return err
	}
	_, err := e.compile(text, false)
	return err
}

func (e *Engine) compile(text string, secret bool) (p *Program, err error) {
	defer func() {
		if fault := recover(); fault != nil { // a fault of the library must not end the node
			p, err = nil, &CompileError{Text: text, What: fmt.Sprintf("the jq library failed: %.200v", fault), Offset: -1}
		}
	}()
	query, err := parse(text)
	if err != nil {
		return nil, err
	}
	w := rewriter{text: text, std: e.std, used: newUses()}
	p = &Program{engine: e, text: text, secret: secret}
	query, err = w.program(query, p.variables())
	if err != nil {
		return nil, err
	}
	p.query, p.natives, p.frame, p.key = query, w.used.names(), w.frame(), w.key
	first, err := p.prepare()
	if err != nil {
		return nil, &CompileError{Text: text, What: err.Error(), Offset: -1}
	}
	p.idle = append(p.idle, first)
	return p, nil
}

func (e *Engine) lookUp(key cacheKey) *cached {
	e.mu.Lock()
	defer e.mu.Unlock()
	if at, ok := e.kept[key]; ok {
		e.byUse.MoveToFront(at)
		return at.Value.(*cached)
	}
	if e.byUse.Len() >= e.cfg.Programs {
		last := e.byUse.Back()
		delete(e.kept, last.Value.(*cached).key)
		e.byUse.Remove(last)
	}
	c := &cached{key: key}
	e.kept[key] = e.byUse.PushFront(c)
	return c
}

func (e *Engine) forget(c *cached) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if at, ok := e.kept[c.key]; ok && at.Value == c {
		delete(e.kept, c.key)
		e.byUse.Remove(at)
	}
}

// enter waits for a seat.
func (e *Engine) enter(ctx context.Context, heavy bool) error {
	if heavy {
		if err := enter(ctx, e.heavy); err != nil {
			return err
		}
	}
	err := enter(ctx, e.seats)
	if err != nil && heavy {
		<-e.heavy
	}
	return err
}

func (e *Engine) leave(heavy bool) {
	<-e.seats
	if heavy {
		<-e.heavy
	}
}

// Heavy waits for the turn to do work that takes more than a moment and is no run of a program, beside such
// runs. Leave ends it.
func (e *Engine) Heavy(ctx context.Context) (leave func(), err error) {
	if err := e.enter(ctx, true); err != nil {
		return nil, err
	}
	return func() { e.leave(true) }, nil
}

func enter(ctx context.Context, seats chan struct{}) error {
	select {
	case seats <- struct{}{}:
		return nil
	default:
	}
	select {
	case seats <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
