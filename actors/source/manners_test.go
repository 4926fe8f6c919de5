package source

import (
	"net/http"
	"testing"
	"time"
)

func TestAsked(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		status  int
		headers map[string]string
		want    time.Duration
	}{
		{"nothing", 200, nil, 0},
		{"seconds", 503, map[string]string{"Retry-After": "120"}, 2 * time.Minute},
		{"a fraction", 503, map[string]string{"Retry-After": "0.5"}, time.Second / 2},
		{"a date", 503, map[string]string{"Retry-After": "Sun, 22 Nov 2026 10:01:00 GMT"}, time.Minute},
		{"a date that has passed", 503, map[string]string{"Retry-After": "Sun, 22 Nov 2026 09:00:00 GMT"}, 0},
		{"nonsense", 429, map[string]string{"Retry-After": "soon", "X-Ratelimit-Reset": "-1", "X-Poll-Interval": "NaN"}, 0},
		{"for ever", 429, map[string]string{"Retry-After": "1e300"}, mostWait},
		{"an interval", 200, map[string]string{"X-Poll-Interval": "60"}, time.Minute},
		{"the longest", 429, map[string]string{"X-Poll-Interval": "60", "Retry-After": "90", "X-Ratelimit-Reset": "30"}, 90 * time.Second},
		{"a reset of a limit that has room", 200, map[string]string{"X-Ratelimit-Remaining": "3", "X-Ratelimit-Reset": "60"}, 0},
		{"a reset in seconds from now", 200, map[string]string{"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "60"}, time.Minute},
		{"a reset in Unix seconds", 403, map[string]string{"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "1795341660"}, time.Minute},
		{"a reset in Unix ms", 429, map[string]string{"X-Ratelimit-Reset": "1795341660000"}, time.Minute},
		{"a reset that has passed", 429, map[string]string{"X-Ratelimit-Reset": "1795341000"}, 0},
	} {
		r := &http.Response{StatusCode: c.status, Header: make(http.Header)}
		for name, value := range c.headers {
			r.Header.Set(name, value)
		}
		if got := Asked(r, now); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
