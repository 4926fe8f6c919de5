package main

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"anode/client"
	"anode/messages/units"
)

func TestTimesAreRelative(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	sh := &shell{now: func() time.Time { return now }}
	for before, want := range map[time.Duration]string{
		0: "now", 999 * time.Millisecond: "now", time.Second: "1s ago", 119 * time.Second: "119s ago", 2 * time.Minute: "2m ago",
		119 * time.Minute: "119m ago", 47 * time.Hour: "47h ago", 48 * time.Hour: "2d ago", -time.Second: "now", -time.Minute: "in 60s",
	} {
		if got := sh.ago(now.Add(-before)); got != want {
			t.Errorf("%s before is %q, want %q", before, got, want)
		}
	}
	if got := sh.ago(time.Time{}); got != "-" {
		t.Errorf("no time is %q", got)
	}
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		bytesText(0): "0 B", bytesText(1023): "1023 B", bytesText(1024): "1.0 KiB", bytesText(150 << 20): "150 MiB", bytesText(1.5 * (1 << 40)): "1.5 TiB",
		rateText(0): "0/s", rateText(0.25): "0.2/s", rateText(1234.5): "1234/s",
		units.Grouped(0): "0", units.Grouped(999): "999", units.Grouped(1000): "1,000", units.Grouped(1234567): "1,234,567",
		plural(1, "record"): "1 record", plural(2, "batch"): "2 batches", plural(1000, "line"): "1,000 lines",
		short("abcdef", 4): "abc…", short("äöü", 3): "äöü",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestColoursDoNotMoveColumns(t *testing.T) {
	build := func(p paint) string {
		table := &table{paint: p, rows: [][]string{{"NAME", "STATE", "DETAIL"}}, looks: map[int]func(string) string{1: p.state}}
		table.row("a", "ok", "fine")
		table.row("longer", "degraded", "two\nlines\x1b[31m")
		table.row("b", "off", "")
		var out strings.Builder
		if err := table.write(&out, ""); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	const want = `NAME    STATE     DETAIL
a       ok        fine
longer  degraded  two lines [31m
b       off
`
	if got := build(false); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	coloured := build(true)
	if !strings.Contains(coloured, "\x1b[32mok\x1b[0m        fine") {
		t.Errorf("colours stand elsewhere: %q", coloured)
	}
	plain := coloured
	for _, code := range []string{"\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[0m"} {
		plain = strings.ReplaceAll(plain, code, "")
	}
	if plain != want {
		t.Errorf("without its colours it is\n%s\nwant\n%s", plain, want)
	}
}

// What people publish is shown, and can't move the cursor, colour the screen or break the line.
func TestWhatIsPublishedDoesNotSteerATerminal(t *testing.T) {
	var out strings.Builder
	sh := &shell{out: &out, getenv: func(string) string { return "" }}
	p := (&connect{sh: sh, output: "table"}).recordPrinter()
	text := "t\x1b[2J\u009b2J\x7f\r\n"
	for _, r := range []*client.Record{
		{Stream: "a.b", Key: "k\x1b]0;title\x07\r\n", Data: []byte("{\"x\":\"d\u009b2J\x7f\"}")},
		{Stream: "a.b", ContentType: "text/plain", Text: &text},
		{Stream: "a.b", ContentType: "x/\x1b[2J", Base64: &[]string{"/w=="}[0]},
	} {
		if err := p.print(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.flush(); err != nil {
		t.Fatal(err)
	}
	printed := out.String() + oneLine("e\x1b[2J\u009b2J") + "\n"
	if i := strings.IndexFunc(printed, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }); i >= 0 {
		t.Errorf("%q has a control character at %d", printed, i)
	}
	if n := strings.Count(printed, "\n"); n != 4 {
		t.Errorf("%q has %d lines, want 4", printed, n)
	}
}

func TestWhatOthersWriteSteersNoTerminal(t *testing.T) {
	for text, want := range map[string]string{
		"plain, „ü“ 漢字":                "plain, „ü“ 漢字",
		"a\x1b[2Jb\nc\td":              "a [2Jb c d",
		"C1 \u009b2J":                  "C1  2J",
		"turned \u202egnp.exe\u2066 x": "turned  gnp.exe  x",
		"lines\u2028and\u2029more":     "lines and more",
	} {
		if got := harmless(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
