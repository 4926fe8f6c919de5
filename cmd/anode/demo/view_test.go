package demo

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func at(ms int) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(ms) * time.Millisecond)
}

func TestRatesAreOfWholeSeconds(t *testing.T) {
	var c counter
	start := at(0)
	if r := c.rate(at(500), start); r != 0 {
		t.Errorf("before a whole second the rate is %v", r)
	}
	for ms := 0; ms < 20_000; ms += 100 { // ten a second, for twenty
		c.add(at(ms))
	}
	for now, want := range map[int]float64{20_000: 10, 20_999: 10, 25_500: 5, 31_000: 0} {
		if r := c.rate(at(now), start); r != want {
			t.Errorf("at %d ms the rate is %v, want %v", now, r, want)
		}
	}
	if c.total != 200 {
		t.Errorf("total is %d", c.total)
	}
}

func TestTallyIsBounded(t *testing.T) {
	tally := newTally(at(0))
	for i := range mostStreams + 50 {
		tally.record(at(i), fmt.Sprintf("s.%d", i), "x")
	}
	tally.record(at(5000), "s.7", "again")
	if len(tally.streams) != mostStreams+1 || tally.streams[others].total != 50 || tally.streams["s.7"].total != 2 || tally.all.total != mostStreams+51 {
		t.Errorf("%d streams, %d others", len(tally.streams), tally.streams[others].total)
	}
}

func TestBlockFitsTheTerminal(t *testing.T) {
	tally := newTally(at(0))
	for i := range 40 {
		tally.record(at(i), fmt.Sprintf("market.S%02d", i), `{"price":"`+strings.Repeat("ü", 300)+`"}`)
	}
	tally.gaps = 2
	p := &picture{now: at(12_300), tally: tally, subscribers: 1, log: []string{"level=WARN msg=late"}}
	for _, size := range [][2]int{{80, 24}, {40, 10}, {200, 60}, {20, 5}} {
		lines := p.block(size[0], size[1])
		if len(lines) >= max(size[1], 6) {
			t.Errorf("%d lines on a terminal of %d", len(lines), size[1])
		}
		for _, l := range lines {
			if utf8.RuneCountInString(l) > size[0] {
				t.Errorf("%d characters on a terminal of %d: %s", utf8.RuneCountInString(l), size[0], l)
			}
		}
	}
	text := strings.Join(p.block(200, 60), "\n")
	for _, want := range []string{"12s   40 records", "40 streams", "1 subscriber", "2 gaps", "market.S39", "level=WARN"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if text := strings.Join(p.block(80, 24), "\n"); !strings.Contains(text, "streams more") {
		t.Errorf("what is left out is not said:\n%s", text)
	}
}

func TestWhatPeoplePublishDoesNotSteerTheTerminal(t *testing.T) {
	for text, want := range map[string]string{
		"\x1b[2Jhi\r\n\u009b1m": "·[2Jhi···…", "plain": "plain", "abcdefghijk": "abcdefghi…", "äöüäöüäöüä": "äöüäöüäöüä", "\xff": "\ufffd",
	} {
		if got := clean(text, 10); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	tally := newTally(at(0))
	tally.record(at(1), "lab.x", "\x1b]0;title\x07")
	p := &picture{now: at(1500), tally: tally, subscribers: -1}
	if line := p.line("lab.x"); strings.ContainsAny(line, "\x1b\x07\n") || !strings.Contains(line, "subscribers ?") {
		t.Errorf("%q", line)
	}
}

func TestLogTailKeepsTheLastLines(t *testing.T) {
	var l logTail
	fmt.Fprint(&l, "a\nb\n")
	fmt.Fprint(&l, "c\n")
	fmt.Fprint(&l, "d\n")
	if got := fmt.Sprint(l.last()); got != "[b c d]" {
		t.Errorf("kept %s", got)
	}
}
