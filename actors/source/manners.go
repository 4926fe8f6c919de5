package source

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Asked is for how long a feed wants to be left alone; 0 where it does not say.
func Asked(r *http.Response, now time.Time) time.Duration {
	return max(AskedAtOnce(r, now), min(secondsOf(r.Header.Get("X-Poll-Interval")), mostWait))
}

// AskedAtOnce is Asked before the next page of the same poll, for which X-Poll-Interval is not meant.
func AskedAtOnce(r *http.Response, now time.Time) time.Duration {
	wait := afterOf(r.Header.Get("Retry-After"), now)
	if spent(r) {
		wait = max(wait, resetOf(r.Header.Get("X-RateLimit-Reset"), now))
	}
	return min(wait, mostWait)
}

// spent tells that nothing is left of a rate limit: many feeds name its reset with every answer.
func spent(r *http.Response) bool {
	left := r.Header.Get("X-RateLimit-Remaining")
	return r.StatusCode == http.StatusTooManyRequests || strings.TrimSpace(left) == "0"
}

func secondsOf(text string) time.Duration {
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds > 0) {
		return 0
	}
	return time.Duration(min(seconds, mostWait.Seconds()) * float64(time.Second))
}

// afterOf reads Retry-After: seconds or an HTTP date.
func afterOf(text string, now time.Time) time.Duration {
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return secondsOf(text)
}

// resetOf reads X-RateLimit-Reset, which is a Unix time in seconds or ms, or seconds from now.
func resetOf(text string, now time.Time) time.Duration {
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || !(n > 0):
		return 0
	case n >= 1e11:
		return max(0, time.UnixMilli(int64(min(n, 1e15))).Sub(now))
	case n >= 1e9:
		return max(0, time.UnixMilli(int64(n*1000)).Sub(now))
	}
	return secondsOf(text)
}
