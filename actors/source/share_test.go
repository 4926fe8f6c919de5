package source

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages/spec"
)

func TestAShareIsAPartOfTheMeshsPaceAndAChangeOfItNoBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Sources{cfg: Config{hosts: newHosts(time.Now)}}
		h := s.cfg.hosts
		var parts atomic.Int64
		parts.Store(1)
		s.SetShare(func(host string, every time.Duration) time.Duration {
			if host != "h" || every != 100*time.Millisecond {
				t.Errorf("asked for %s of %s", every, host)
			}
			return every * time.Duration(parts.Load())
		})
		j := asking(h, `{"requests":"10/s"}`)
		ctx, cancel := context.WithTimeout(t.Context(), 31*time.Second)
		defer cancel()
		var mu sync.Mutex
		var got []time.Time
		var all sync.WaitGroup
		for range 50 { // many wait at once
			all.Go(func() {
				for h.pass(ctx, j, "h:443", requests) == nil {
					mu.Lock()
					got = append(got, time.Now())
					mu.Unlock()
				}
			})
		}
		count := func(of int64, d time.Duration, least, most int) {
			t.Helper()
			parts.Store(of)
			mu.Lock()
			before := len(got)
			mu.Unlock()
			time.Sleep(d)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if n := len(got) - before; n < least || n > most {
				t.Errorf("with 1/%d of the pace %d passed in %s, %d to %d should", of, n, d, least, most)
			}
		}
		count(1, 10*time.Second, 99, 101)
		count(2, 10*time.Second, 49, 51)
		count(300, 5*time.Second, 0, 1)
		count(1, 5*time.Second, 39, 51) // it looks within a second
		cancel()
		all.Wait()
		for i := 1; i < len(got); i++ {
			if apart := got[i].Sub(got[i-1]); apart < 100*time.Millisecond {
				t.Fatalf("two passed %s apart", apart)
			}
		}
		s.SetShare(nil)
		if g := h.byName["h"].gates[requests]; g.pace() != 100*time.Millisecond {
			t.Errorf("without a share the pace is %s", g.pace())
		}
	})
}

func TestTheBudgetOfASourceThatRunsElsewhereBinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Sources{cfg: Config{hosts: newHosts(time.Now)}}
		h := s.cfg.hosts
		budget := &spec.Budget{Requests: spec.Rate{Every: 250 * time.Millisecond}}
		var known atomic.Pointer[spec.Budget]
		s.SetBudgets(func(host string) *spec.Budget {
			if host != "h" {
				t.Errorf("asked for %s", host)
			}
			return known.Load()
		})
		s.SetShare(func(_ string, every time.Duration) time.Duration { return every * 2 })
		took := func(j *job, what act) time.Duration {
			t.Helper()
			begun := time.Now()
			if err := h.pass(t.Context(), j, "h:443", what); err != nil {
				t.Fatal(err)
			}
			return time.Since(begun)
		}
		none, slow, fast := asking(h, ""), asking(h, `{"requests":"1/s"}`), asking(h, `{"requests":"100/s"}`)
		for _, x := range []struct {
			name   string
			budget *spec.Budget
			job    *job
			want   time.Duration
		}{
			{"no budget anywhere", nil, none, 0},
			{"one elsewhere", budget, none, 500 * time.Millisecond},
			{"a higher one here", budget, fast, 500 * time.Millisecond},
			{"a lower one here", budget, slow, 2 * time.Second},
		} {
			known.Store(x.budget)
			took(x.job, requests)
			if got := took(x.job, requests); got != x.want {
				t.Errorf("%s: it waited %s, want %s", x.name, got, x.want)
			}
			took(x.job, connects)
			if got := took(x.job, connects); got != 2*connectEvery {
				t.Errorf("%s: a connection waited %s", x.name, got)
			}
			h.release(x.job)
			time.Sleep(10 * time.Second)
		}
	})
}
