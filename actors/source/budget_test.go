package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages/spec"
)

// asking is a source for tests of budgets, given as JSON; empty is none.
func asking(h *hosts, budget string) *job {
	s := &spec.Spec{}
	if budget != "" {
		s.Budget = &spec.Budget{}
		if err := json.Unmarshal([]byte(budget), s.Budget); err != nil {
			panic(err)
		}
	}
	return &job{cfg: &Config{hosts: h, Clock: time.Now}, spec: s}
}

// within counts the most of some times within a span.
func within(times []time.Time, span time.Duration) (most int) {
	for i, begin := range times {
		n := 0
		for _, t := range times[i:] {
			if t.Sub(begin) < span {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

func TestFiveHundredSourcesKeepToTheRatesOfFiveHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(time.Now)
		var mu sync.Mutex
		got := make(map[string][]time.Time)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var all sync.WaitGroup
		for i := range 500 {
			host := fmt.Sprintf("h%d:443", i%5)
			// Host n gets 4(n+1) a second, as one source of a hundred says; the others say more, or nothing.
			budget := fmt.Sprintf(`{"requests":"%d/s"}`, 1000)
			switch i / 5 {
			case 0:
				budget = ""
			case 50:
				budget = fmt.Sprintf(`{"requests":"%d/s"}`, 4*(i%5+1))
			}
			j := asking(h, budget)
			all.Go(func() {
				defer h.release(j)
				for h.pass(ctx, j, host, requests) == nil {
					if i/5 != 50 { // all are there before the first passes a second time
						mu.Lock()
						got[host] = append(got[host], time.Now())
						mu.Unlock()
					}
					time.Sleep(time.Duration(i) * time.Millisecond)
				}
			})
			if i/5 == 50 { // its limit holds from its first use on
				synctest.Wait()
				mu.Lock()
				got[host] = []time.Time{time.Now()}
				mu.Unlock()
			}
		}
		all.Wait()
		for n := range 5 {
			times := got[fmt.Sprintf("h%d:443", n)]
			rate := 4 * (n + 1)
			if most := within(times, time.Second); most > rate {
				t.Errorf("host %d got %d in a second, %d are allowed", n, most, rate)
			}
			if len(times) < rate*25 {
				t.Errorf("host %d got %d in 30 s, of %d", n, len(times), rate*30)
			}
		}
		if len(h.claims) != 0 {
			t.Errorf("%d sources are not gone", len(h.claims))
		}
	})
}

func TestBudgetsAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(time.Now)
		slow, fast := asking(h, `{"requests":"1/m"}`), asking(h, `{"requests":"10/s","connects":"1/s"}`)
		took := func(j *job, what act) time.Duration {
			t.Helper()
			begun := time.Now()
			if err := h.pass(t.Context(), j, "X:443", what); err != nil {
				t.Fatal(err)
			}
			return time.Since(begun)
		}
		if a, b, c := took(fast, requests), took(fast, requests), took(slow, requests); a != 0 || b != 100*time.Millisecond || c != time.Minute {
			t.Errorf("%s %s %s", a, b, c)
		}
		// One who waits by the slow one's limit is let go with it.
		go func() {
			time.Sleep(time.Second)
			h.release(slow)
		}()
		if d := took(fast, requests); d != time.Second {
			t.Errorf("it waited %s", d)
		}
		if d := took(fast, requests); d != 100*time.Millisecond {
			t.Errorf("it waited %s", d)
		}
		// Acts have rates of their own.
		if a, b, c := took(fast, connects), took(fast, connects), took(fast, sends); a != 0 || b != time.Second || c != 0 {
			t.Errorf("%s %s %s", a, b, c)
		}
		// Nobody is left: the next one's limits count, and what was done lately.
		h.release(fast)
		other := asking(h, "")
		if a, b := took(other, connects), took(other, connects); a != connectEvery || b != connectEvery {
			t.Errorf("%s %s", a, b)
		}
	})
}

func TestWhoLeavesTheQueueHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(time.Now)
		j := asking(h, `{"requests":"1/s"}`)
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		if err := h.pass(ctx, j, "x", requests); err != nil {
			t.Fatal(err)
		}
		var order []int
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 5 {
			of := ctx
			if i >= 3 {
				of = t.Context()
			}
			all.Go(func() {
				err := h.pass(of, j, "x", requests)
				mu.Lock()
				defer mu.Unlock()
				if (err != nil) != (i < 3) || err != nil && !errors.Is(err, cause) {
					t.Errorf("%d: %v", i, err)
				}
				if err == nil {
					order = append(order, i)
				}
			})
			synctest.Wait()
		}
		begun := time.Now()
		cancel(cause)
		all.Wait()
		if fmt.Sprint(order) != "[3 4]" || time.Since(begun) != 2*time.Second {
			t.Errorf("%v after %s", order, time.Since(begun))
		}
	})
}

func TestHostsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(time.Now)
		j := asking(h, "")
		for i := range 3000 { // one source that is elsewhere each time
			if err := h.pass(t.Context(), j, fmt.Sprintf("h%d", i), connects); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		for i := range 3000 { // sources that come and go
			k := asking(h, "")
			if err := h.pass(t.Context(), k, fmt.Sprintf("g%d", i), connects); err != nil {
				t.Fatal(err)
			}
			h.release(k)
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(h.byName); n > 3*mostClaims {
			t.Errorf("%d hosts are remembered", n)
		}
		if len(h.claims) != 1 || len(h.claims[j]) != mostClaims {
			t.Errorf("%d sources, the first of %d hosts", len(h.claims), len(h.claims[j]))
		}
	})
}

func TestHostNames(t *testing.T) {
	for name, want := range map[string]string{"X.Example:443": "x.example", "x:80": "x", "x:8080": "x:8080", "[::1]:443": "::1", "[::1]": "::1", "x": "x"} {
		if got := hostName(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if strings.Contains(hostName("A"), "A") {
		t.Error("case counts")
	}
}
