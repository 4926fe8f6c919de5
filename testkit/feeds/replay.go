package feeds

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"time"
)

// AsCaptured waits for the client's messages where the capture has them.
const AsCaptured = -1

// ReplayConfig is how frames of a capture are sent again.
type ReplayConfig struct {
	// Capture is what is sent; required.
	Capture *Capture
	// Speed divides the captured intervals: 1 keeps them, 10 is ten times as fast, 0 sends at once.
	Speed float64
	// Await is how many messages of the client are waited for before the first frame; 0 is none, AsCaptured
	// waits for one wherever the capture's client sent one.
	Await int
	// From leaves out that many frames at the beginning; Count is the most that are sent, all when 0.
	From, Count int
}

// Validate names all faults of the configuration.
func (c ReplayConfig) Validate() error {
	var faults []error
	if c.Capture == nil {
		faults = append(faults, errors.New("config: Capture is required"))
	}
	if c.Speed < 0 || math.IsNaN(c.Speed) || math.IsInf(c.Speed, 0) {
		faults = append(faults, fmt.Errorf("config: Speed is %v, must be 0 or more", c.Speed))
	}
	if c.Await < AsCaptured {
		faults = append(faults, fmt.Errorf("config: Await is %d, must be 0 or more, or AsCaptured", c.Await))
	}
	if c.From < 0 || c.Count < 0 {
		faults = append(faults, errors.New("config: From and Count must not be negative"))
	}
	return errors.Join(faults...)
}

// Replay sends the frames of a capture.
func Replay(cfg ReplayConfig) (Step, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("feeds: replay: %w", err)
	}
	entries := cfg.entries()
	return func(c *Conn) error {
		if cfg.Await > 0 {
			if err := c.Await(cfg.Await); err != nil {
				return err
			}
		}
		var pace pace
		for _, e := range entries {
			if e.Event == Sent {
				if err := c.Await(1); err != nil {
					return err
				}
				continue
			}
			if err := c.Pause(pace.until(e.At, cfg.Speed)); err != nil {
				return err
			}
			if err := c.Text(e.Body); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// entries are the frames to send and, if asked, where the client's messages are waited for.
func (c ReplayConfig) entries() []Entry {
	var entries []Entry
	frames := 0
	for _, e := range c.Capture.Entries {
		switch {
		case e.Event == Sent && c.Await == AsCaptured:
			entries = append(entries, e)
		case e.Event == Frame:
			frames++
			if frames > c.From && (c.Count == 0 || frames <= c.From+c.Count) {
				entries = append(entries, e)
			}
		}
	}
	return entries
}

// pace keeps captured intervals without adding up what sending takes.
type pace struct {
	first, started time.Time
}

// until is how long to wait for what came at that time.
func (p *pace) until(at time.Time, speed float64) time.Duration {
	if speed == 0 {
		return 0
	}
	if p.first.IsZero() {
		p.first, p.started = at, time.Now()
	}
	return time.Until(p.started.Add(time.Duration(float64(at.Sub(p.first)) / speed)))
}

// Answers are the answers of a capture by path and query, in order, for a REST.
func Answers(c *Capture) (map[string][]http.Handler, error) {
	answers := make(map[string][]http.Handler)
	for _, e := range c.Of(Answered) {
		u, err := url.Parse(e.URL)
		if err != nil {
			return nil, fmt.Errorf("feeds: line %d: %w", e.Line, err)
		}
		header := make(http.Header)
		header.Set("Content-Type", "application/json")
		for name, v := range e.Header {
			header.Set(name, v)
		}
		key := Target(u)
		answers[key] = append(answers[key], Body(http.StatusOK, header, e.Body))
	}
	return answers, nil
}

// Target is path and query of an address, the query sorted by name: what a REST looks up.
func Target(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if query := u.Query().Encode(); query != "" {
		return path + "?" + query
	}
	return path
}
