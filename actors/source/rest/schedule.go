package rest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"anode/messages/spec"
)

// closest is how close the first polls of several items follow each other at most, and those of one time of cron.
const closest = time.Second

// schedule decides when each of n targets is asked. It is pure but for the jitter, and belongs to one goroutine.
//
// The first round goes quickly, an item a second, or as often as the pace is; then item i has its place in
// every interval, at i/n of it. A place that comes less than half an interval after a poll is passed over.
type schedule struct {
	every  time.Duration
	cron   cron.Schedule // nil: every counts
	jitter spec.Jitter
	// due is when each is asked next; epoch is when the first interval began.
	due   []time.Time
	epoch time.Time
}

// newSchedule reads cron, of which an error is what is wrong.
func newSchedule(s *spec.REST, n int, now time.Time) (*schedule, error) {
	out := &schedule{every: s.Every.Of(), jitter: s.Jitter, due: make([]time.Time, n)}
	if s.Cron == "" {
		return out, nil
	}
	var err error
	out.cron, err = parseCron(s.Cron, now)
	return out, err
}

// parseCron reads minute, hour, day of month, month and day of week, or one of @hourly, @daily and the like.
func parseCron(text string, now time.Time) (cron.Schedule, error) {
	switch {
	case strings.Contains(text, "TZ="):
		return nil, errors.New("times are UTC: there is no TZ")
	case strings.HasPrefix(text, "@every"):
		return nil, errors.New("for a pace there is rest.every")
	}
	parsed, err := cron.ParseStandard(text)
	if err != nil {
		return nil, fmt.Errorf("must be minute, hour, day of month, month and day of week, or such as @daily: %w", err)
	}
	if parsed.Next(now.UTC()).IsZero() {
		return nil, errors.New("such a time never comes")
	}
	return parsed, nil
}

// begin makes due what should have been asked by now, in an order, one after the other.
func (s *schedule) begin(now time.Time, order []int) {
	if s.epoch.IsZero() {
		s.epoch = now
	}
	at := now
	if i, first := s.first(func(int) bool { return true }); first.After(now) || len(s.due) == 1 {
		s.due[i] = now // a connection begins with a poll
	}
	for _, i := range order {
		if s.due[i].After(now) {
			continue
		}
		s.due[i] = at
		at = at.Add(s.gap(now))
	}
}

// gap is between the polls of two items that are due at once.
func (s *schedule) gap(now time.Time) time.Duration {
	every := s.every
	if s.cron != nil {
		every = s.cron.Next(s.cron.Next(now.UTC())).Sub(s.cron.Next(now.UTC()))
	}
	return min(closest, every/time.Duration(len(s.due)))
}

// asked sets when a target is asked again that was asked at a time.
func (s *schedule) asked(i int, at time.Time) {
	n := time.Duration(len(s.due))
	switch {
	case s.cron != nil:
		next := s.cron.Next(at.UTC())
		gap := s.gap(at)
		// A poll that is late, or early by its place, still belongs to the time before.
		s.due[i] = next.Add(gap*time.Duration(i) + spread(s.jitter.Of(s.cron.Next(next).Sub(next))))
	case n == 1:
		s.due[i] = at.Add(s.every + spread(s.jitter.Of(s.every)))
	default:
		place := s.epoch.Add(s.every * time.Duration(i) / n)
		least := at.Add(s.every / 2)
		if behind := least.Sub(place); behind >= 0 {
			place = place.Add(s.every * (behind/s.every + 1))
		}
		s.due[i] = place.Add(spread(s.jitter.Of(s.every)))
	}
}

// first is who is due first of those that are free, and when.
func (s *schedule) first(free func(i int) bool) (i int, at time.Time) {
	i = -1
	for k, due := range s.due {
		if free(k) && (i < 0 || due.Before(at)) {
			i, at = k, due
		}
	}
	return i, at
}

func spread(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return rand.N(most)
}
