package units

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ParseDuration reads a Go duration whose units may also be d (24 h) and w (7 d), as in
// "1w2d12h". It must not be negative.
func ParseDuration(text string) (time.Duration, error) {
	rest, total := text, time.Duration(0)
	for _, unit := range []struct {
		mark byte
		is   time.Duration
	}{{'w', 7 * 24 * time.Hour}, {'d', 24 * time.Hour}} {
		number, after, found := strings.Cut(rest, string(unit.mark))
		if !found {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || n < 0 || n > float64(math.MaxInt64/unit.is) {
			return 0, fault(text)
		}
		if total += time.Duration(n * float64(unit.is)); total < 0 {
			return 0, fault(text)
		}
		rest = after
	}
	if rest == "" && text != "" {
		return checked(text, total)
	}
	if rest == "0" {
		return checked(text, total)
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 {
		return 0, fault(text)
	}
	return checked(text, total+d)
}

func checked(text string, d time.Duration) (time.Duration, error) {
	if d < 0 {
		return 0, fault(text)
	}
	return d, nil
}

func fault(text string) error {
	return fmt.Errorf("%q is no duration: write a number with a unit of ns, us, ms, s, m, h, d or w, such as 90s or 7d", text)
}

// FormatDuration writes a duration so that ParseDuration reads it back: in days where it is whole days.
func FormatDuration(d time.Duration) string {
	if day := 24 * time.Hour; d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Size is a number of bytes that is written with a binary unit.
type Size int64

// The units of sizes.
const (
	KiB Size = 1 << (10 * (iota + 1))
	MiB
	GiB
	TiB
)

var sizeUnits = []struct {
	mark string
	is   Size
}{{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}, {"B", 1}}

// ParseSize reads "10GiB", "512 MiB", "4096B" or a plain number of bytes. It must not be negative.
func ParseSize(text string) (Size, error) {
	number, unit := text, Size(1)
	for _, u := range sizeUnits {
		if before, found := strings.CutSuffix(text, u.mark); found {
			number, unit = strings.TrimSpace(before), u.is
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n < 0 || math.IsNaN(n) || n*float64(unit) >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is no size: write a number with a unit of B, KiB, MiB, GiB or TiB, such as 10GiB", text)
	}
	return Size(n * float64(unit)), nil
}

// String writes the size in its largest whole unit.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s >= u.is && s%u.is == 0 {
			return strconv.FormatInt(int64(s/u.is), 10) + u.mark
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// Set implements pflag.Value.
func (s *Size) Set(text string) (err error) {
	*s, err = ParseSize(text)
	return err
}

// Type implements pflag.Value.
func (*Size) Type() string { return "size" }

// Duration is a time.Duration that is written with d and w too.
type Duration time.Duration

// String writes it so that ParseDuration reads it back.
func (d Duration) String() string { return FormatDuration(time.Duration(d)) }

// Set implements pflag.Value.
func (d *Duration) Set(text string) error {
	if text == "" {
		return errors.New("is empty")
	}
	parsed, err := ParseDuration(text)
	*d = Duration(parsed)
	return err
}

// Type implements pflag.Value.
func (*Duration) Type() string { return "period" }

// Count is a number of things, as a sentence has it: "1 source", "3 sources", "2 batches".
func Count[N int | int64 | uint64](n N, thing string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(thing, "ch"), strings.HasSuffix(thing, "s"):
		thing += "es"
	default:
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// Grouped is a number with a comma at each thousand.
func Grouped(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Clip cuts a text to at most so many bytes, between two characters, and shows by "…" that it did.
func Clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for least := max(most-utf8.UTFMax+1, 0); most > least && !utf8.RuneStart(text[most]); {
		most--
	}
	return text[:most] + "…"
}
