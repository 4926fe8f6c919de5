package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"anode/testkit/sim"
)

func TestProgressOfASimulation(t *testing.T) {
	now := time.Unix(0, 0)
	g := &gauge{to: io.Discard, now: func() time.Time { return now }, start: now}
	now = now.Add(4 * time.Second)
	for want, p := range map[string]sim.Progress{
		"crash10: 5s of 20s simulated, about 12s left, 250,000 events/s":              {At: 5 * time.Second, Planned: 20 * time.Second, End: 52 * time.Second, Events: 1_000_000},
		"crash10: 21.5s simulated, waiting for the rest, up to 52s, 250,000 events/s": {At: 21_480 * time.Millisecond, Planned: 20 * time.Second, End: 52 * time.Second, Events: 1_000_000},
	} {
		if got := progressText(g, "crash10", p); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTextsAreFoldedBetweenWords(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  []string
	}{
		{"one two three", 0, []string{"one two three"}},
		{"one two three", 7, []string{"one two", "three"}},
		{"one two three", 6, []string{"one", "two", "three"}},
		{"one two three", 13, []string{"one two three"}},
		{"incomprehensible", 5, []string{"incomprehensible"}},
		{"", 5, []string{""}},
	} {
		if got := folded(test.text, test.width); !slices.Equal(got, test.want) {
			t.Errorf("%q in %d is %q, want %q", test.text, test.width, got, test.want)
		}
	}
}

func TestViolationsThatSayTheSameAreOneLine(t *testing.T) {
	got := violationLines([]sim.Violation{
		{At: time.Second, Node: 3, Text: "lacks a"},
		{At: 2 * time.Second, Node: 1, Text: "lacks b"},
		{At: 3 * time.Second, Node: 7, Text: "lacks a"},
		{At: 4 * time.Second, Node: -1, Text: "all is lost"},
	})
	want := []string{"from 1s on, nodes 3, 7: lacks a", "at 2s node 1: lacks b", "at 4s: all is lost"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", strings.Join(got, "\n"), want)
	}
}
