package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"anode/messages/units"
)

// gauge is a line on a terminal that says how far long work is. Elsewhere it says nothing.
type gauge struct {
	to    io.Writer
	now   func() time.Time
	last  time.Time
	start time.Time
	shown bool
}

// gauge makes one on stderr.
func (sh *shell) gauge() *gauge {
	g := &gauge{now: sh.now, start: sh.now()}
	if terminal(sh.errs) {
		g.to = sh.errs
	}
	return g
}

// say shows text in place of what stood there, at most ten times a second.
func (g *gauge) say(text string) {
	if g.to == nil || g.now().Sub(g.last) < 100*time.Millisecond {
		return
	}
	g.last, g.shown = g.now(), true
	if f, ok := g.to.(*os.File); ok { // what goes over the edge could not be taken away
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 4 {
			text = units.Clip(text, width-4)
		}
	}
	fmt.Fprint(g.to, "\r\x1b[K"+text)
}

// share is how far done of whole is, as text: a bar and a share.
func (g *gauge) share(done, whole int64) string {
	const width = 30
	share := 1.0
	if whole > 0 {
		share = min(1, float64(done)/float64(whole))
	}
	full := int(share * width)
	return fmt.Sprintf("[%s%s] %3.0f %%", strings.Repeat("=", full), strings.Repeat(" ", width-full), 100*share)
}

// bar is how far done of whole is, as text: a bar, a share, and what it is of.
func (g *gauge) bar(done, whole int64) string {
	if whole <= 0 {
		return bytesText(float64(done))
	}
	share := min(1, float64(done)/float64(whole))
	text := fmt.Sprintf("%s  %s of %s", g.share(done, whole), bytesText(float64(done)), bytesText(float64(whole)))
	if took := g.now().Sub(g.start); took > 2*time.Second && share > 0.01 && share < 1 {
		text += "  " + span(time.Duration(float64(took)*(1-share)/share)) + " left"
	}
	return text
}

// clear takes the line away.
func (g *gauge) clear() {
	if g.shown {
		fmt.Fprint(g.to, "\r\x1b[K")
		g.shown = false
	}
}
