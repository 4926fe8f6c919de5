package units_test

import (
	"testing"
	"time"

	"anode/messages/units"
)

func TestDurations(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "250ms": 250 * time.Millisecond, "7d": 7 * day, "1w": 7 * day, "1w2d12h": 9*day + 12*time.Hour,
		"1.5d": 36 * time.Hour, "90s": 90 * time.Second, "1d1m": day + time.Minute, "1µs": time.Microsecond,
	} {
		got, err := units.ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
		if back, err := units.ParseDuration(units.FormatDuration(want)); err != nil || back != want {
			t.Errorf("%v is written %q and read back as %v, %v", want, units.FormatDuration(want), back, err)
		}
	}
	for _, text := range []string{"", "5", "d", "-1s", "-1d", "1x", "1d-2h", "9999999999w", "1d2w", "NaNd", "292y", "200000d", "15000w100000d", "15250w106751d2562047h"} {
		if got, err := units.ParseDuration(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]units.Size{
		"0": 0, "4096": 4096, "10GiB": 10 * units.GiB, "1.5 MiB": units.MiB * 3 / 2, "7B": 7, "2TiB": 2 * units.TiB, "64KiB": 64 * units.KiB,
	} {
		got, err := units.ParseSize(text)
		if err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
		if back, err := units.ParseSize(want.String()); err != nil || back != want {
			t.Errorf("%v is read back as %v, %v", want, back, err)
		}
	}
	for _, text := range []string{"", "GiB", "-1", "1GB", "10 potatoes", "NaN", "9999999TiB", "Inf"} {
		if got, err := units.ParseSize(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func FuzzUnits(f *testing.F) {
	f.Add("1w2d")
	f.Add("10GiB")
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := units.ParseDuration(text); err == nil && d < 0 {
			t.Fatalf("%q is %v", text, d)
		}
		if s, err := units.ParseSize(text); err == nil && s < 0 {
			t.Fatalf("%q is %v", text, s)
		}
	})
}

func TestGrouped(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := units.Grouped(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for _, test := range []struct {
		n           int
		thing, want string
	}{{0, "source", "0 sources"}, {1, "source", "1 source"}, {2, "batch", "2 batches"}, {1, "batch", "1 batch"}} {
		if got := units.Count(test.n, test.thing); got != test.want {
			t.Errorf("%d %s: %q", test.n, test.thing, got)
		}
	}
}

func TestClipCutsBetweenCharacters(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "abcde": "abcde", "abcdef": "abcde…", "ääää": "ää…", "aääää": "aää…", "€€€": "€…", "ab😀😀": "ab…", "abcd😀": "abcd…",
		"\x80\x80\x80\x80\x80\x80\x80\x80": "\x80\x80…",
	} {
		if got := units.Clip(text, 5); got != want {
			t.Errorf("%q is cut to %q, want %q", text, got, want)
		}
	}
}
