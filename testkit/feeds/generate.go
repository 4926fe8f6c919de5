package feeds

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Shape is what a generator's messages look like.
type Shape uint8

const (
	// Trades are {"type":"trade","id":7,"symbol":"S1","price":"101.25","size":"0.5","time":1700000000123},
	// a walk of the price for each symbol.
	Trades Shape = iota
	// Readings are {"id":7,"room":"r1","c":21.53,"rh":44,"time":"2023-11-14T22:13:20.123Z"}.
	Readings
	// Texts are lines that are no JSON: "7 k1 0.731".
	Texts
)

// GeneratorConfig is what a generator makes.
type GeneratorConfig struct {
	// Seed makes the messages: the same seed gives the same bytes.
	Seed uint64
	// Shape is Trades when zero.
	Shape Shape
	// Keys are the symbols or rooms, taken at random; "S1" when empty.
	Keys []string
	// Count is how many messages there are; 0 is no end.
	Count int
	// Rate is messages a second; 0 is as fast as they are taken. It also spaces their times, as 1000 does when 0.
	Rate float64
	// Start is the time of the first; 2023-11-14T22:13:20Z when zero.
	Start time.Time
}

// Validate names all faults of the configuration.
func (c GeneratorConfig) Validate() error {
	var faults []error
	if c.Shape > Texts {
		faults = append(faults, fmt.Errorf("config: Shape %d is not known", c.Shape))
	}
	if c.Count < 0 {
		faults = append(faults, fmt.Errorf("config: Count is %d, must not be negative", c.Count))
	}
	if c.Rate < 0 || c.Rate > 1e6 || math.IsNaN(c.Rate) {
		faults = append(faults, fmt.Errorf("config: Rate is %v, must be from 0 to 1000000", c.Rate))
	}
	return errors.Join(faults...)
}

// Generator makes messages whose ids count from 1, without a gap. It is safe for concurrent use, as a connection may still
// end while the next one begins.
type Generator struct {
	cfg GeneratorConfig

	mu     sync.Mutex // guards what follows
	random *rand.Rand
	walks  []float64
	id     int
}

// NewGenerator makes a generator.
func NewGenerator(cfg GeneratorConfig) (*Generator, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("feeds: generator: %w", err)
	}
	if len(cfg.Keys) == 0 {
		cfg.Keys = []string{"S1"}
	}
	if cfg.Start.IsZero() {
		cfg.Start = time.Unix(1_700_000_000, 0).UTC()
	}
	g := &Generator{cfg: cfg, random: rand.New(rand.NewPCG(cfg.Seed, 1)), walks: make([]float64, len(cfg.Keys))}
	for i := range g.walks {
		g.walks[i] = 100 + 10*float64(i)
	}
	return g, nil
}

// ID is that of the last message; 0 before the first.
func (g *Generator) ID() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.id
}

// Next makes the next message; false after the last.
func (g *Generator) Next() ([]byte, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cfg.Count > 0 && g.id >= g.cfg.Count {
		return nil, false
	}
	g.id++
	rate := g.cfg.Rate
	if rate == 0 {
		rate = 1000
	}
	at := g.cfg.Start.Add(time.Duration(float64(g.id-1) / rate * float64(time.Second)))
	k := g.random.IntN(len(g.cfg.Keys))
	key := strconv.Quote(g.cfg.Keys[k])
	switch g.cfg.Shape {
	case Readings:
		g.walks[k] += g.random.NormFloat64() * 0.05
		return fmt.Appendf(nil, `{"id":%d,"room":%s,"c":%.2f,"rh":%d,"time":"%s"}`,
			g.id, key, g.walks[k]/5, 40+g.random.IntN(20), at.Format("2006-01-02T15:04:05.000Z")), true
	case Texts:
		return fmt.Appendf(nil, "%d %s %.3f", g.id, g.cfg.Keys[k], g.random.Float64()), true
	}
	g.walks[k] = max(0.01, g.walks[k]*(1+g.random.NormFloat64()*0.001))
	return fmt.Appendf(nil, `{"type":"trade","id":%d,"symbol":%s,"price":"%.2f","size":"%.3f","time":%d}`,
		g.id, key, g.walks[k], 0.001+g.random.Float64()*5, at.UnixMilli()), true
}

// Generate sends what a generator makes, at its rate. The generator belongs to the step: it goes on
// on the next connection where the last one ended, so that what was lost in between is missing.
func Generate(g *Generator) Step {
	return func(c *Conn) error {
		started := time.Now()
		for sent := 0; ; sent++ {
			if g.cfg.Rate > 0 {
				due := started.Add(time.Duration(float64(sent) / g.cfg.Rate * float64(time.Second)))
				if err := c.Pause(time.Until(due)); err != nil {
					return err
				}
			}
			if c.ctx.Err() != nil {
				return c.ctx.Err()
			}
			message, ok := g.Next()
			if !ok {
				return nil
			}
			if err := c.Text(message); err != nil {
				return err
			}
		}
	}
}

// List answers with the newest messages of a generator as a JSON array, the newest last: each request
// makes step new ones and shows at most window of them. Ids are seen again, as feeds of events have it. The
// generator belongs to the answer.
func List(g *Generator, step, window int) http.Handler {
	var mu sync.Mutex // guards the generator and what is shown
	var shown [][]byte
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		for range step {
			if message, ok := g.Next(); ok {
				shown = append(shown, message)
			}
		}
		shown = shown[max(0, len(shown)-window):]
		body := []byte{'['}
		for i, message := range shown {
			if i > 0 {
				body = append(body, ',')
			}
			if g.cfg.Shape == Texts {
				message = strconv.AppendQuote(nil, string(message))
			}
			body = append(body, message...)
		}
		mu.Unlock()
		JSON(string(append(body, ']'))).ServeHTTP(w, r)
	})
}

// Tally counts ids that were seen. The zero value has seen none.
type Tally struct {
	times map[int]int
}

// See counts an id.
func (t *Tally) See(id int) {
	if t.times == nil {
		t.times = make(map[int]int)
	}
	t.times[id]++
}

// Missing are the ids from 1 to last that were not seen, in order.
func (t *Tally) Missing(last int) []int {
	var missing []int
	for id := 1; id <= last; id++ {
		if t.times[id] == 0 {
			missing = append(missing, id)
		}
	}
	return missing
}

// Doubles is how many sightings there were beyond the first of each id.
func (t *Tally) Doubles() int {
	doubles := 0
	for _, n := range t.times {
		doubles += n - 1
	}
	return doubles
}
