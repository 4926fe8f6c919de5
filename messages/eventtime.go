package messages

import (
	"fmt"
	"math/big"
	"strings"
	"time"
)

// ParseTime reads a feed's time: RFC 3339, or a number of Unix seconds, milliseconds,
// microseconds or nanoseconds, told apart by its magnitude (the limits lie in the year 5138
// for seconds and before 1973-03-03 for the finer ones). A time that can't be kept
// (TimeInRange) is an error.
func ParseTime(text string) (time.Time, error) {
	if strings.ContainsAny(text, "T:t") {
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return time.Time{}, fmt.Errorf("time %q is not RFC 3339, such as 2026-11-22T10:00:00.123Z", clip(text))
		}
		return inRange(text, t)
	}
	if len(text) > 64 || strings.ContainsAny(text, "xX_/pPiIbo") {
		return time.Time{}, badTime(text)
	}
	n, ok := new(big.Float).SetPrec(128).SetString(text)
	if !ok || n.IsInf() {
		return time.Time{}, badTime(text)
	}
	unit := int64(time.Second)
	for limit := 1e11; unit > 1 && new(big.Float).Abs(n).Cmp(big.NewFloat(limit)) >= 0; limit *= 1e3 {
		unit /= 1000
	}
	n.Mul(n, new(big.Float).SetInt64(unit))
	switch exponent := n.MantExp(nil); { // ten bytes can name a number that adds up to hundreds of megabytes
	case exponent > 63:
		return time.Time{}, badTime(text)
	case exponent < -1: // less than half a nanosecond
		n.SetInt64(0)
	}
	half := 0.5
	if n.Sign() < 0 {
		half = -half
	}
	ns, _ := n.Add(n, big.NewFloat(half)).Int(nil)
	if !ns.IsInt64() {
		return time.Time{}, badTime(text)
	}
	return inRange(text, time.Unix(0, ns.Int64()).UTC())
}

func inRange(text string, t time.Time) (time.Time, error) {
	if !TimeInRange(t) {
		return time.Time{}, fmt.Errorf("time %q is outside the years 1678 to 2262", clip(text))
	}
	return t.UTC(), nil
}

func badTime(text string) error {
	return fmt.Errorf("time %q is neither RFC 3339 nor Unix seconds, ms, µs or ns", clip(text))
}
