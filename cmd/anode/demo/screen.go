package demo

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"
)

// screen is a whole terminal that is drawn on.
type screen struct {
	out    *os.File
	colour bool
	// drawn is what stands there, for a terminal of that size.
	drawn []string
	size  size
}

// onTerminal is a screen where out is a terminal that can be drawn on, else nil.
func onTerminal(out io.Writer, getenv func(string) string) *screen {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || getenv("TERM") == "dumb" {
		return nil
	}
	return &screen{out: f, colour: getenv("NO_COLOR") == ""}
}

// open begins to draw: on the other screen of the terminal, so that what was there comes back, without cursor.
func (s *screen) open() error {
	_, err := s.out.WriteString("\x1b[?1049h\x1b[?25l")
	return err
}

// close gives the terminal back.
func (s *screen) close() error {
	_, err := s.out.WriteString("\x1b[0m\x1b[?25h\x1b[?1049l")
	return err
}

// now is the terminal's size, or a usual one where it does not tell.
func (s *screen) now() size {
	width, height, err := term.GetSize(int(s.out.Fd()))
	if err != nil || width < 1 || height < 1 {
		return size{80, 24}
	}
	return size{width, height}
}

// draw makes lines stand on a terminal of some size. Only those that changed are written.
func (s *screen) draw(lines []line, at size) error {
	var b strings.Builder
	if at != s.size {
		s.size, s.drawn = at, nil
		b.WriteString("\x1b[0m\x1b[2J")
	}
	var texts []string
	for i, l := range lines {
		text := l.string(s.colour)
		texts = append(texts, text)
		if i < len(s.drawn) && s.drawn[i] == text {
			continue
		}
		fmt.Fprintf(&b, "\x1b[%d;1H%s\x1b[K", i+1, text)
	}
	if slices.Equal(s.drawn, texts) {
		return nil
	}
	s.drawn = texts
	_, err := s.out.WriteString(b.String())
	return err
}
