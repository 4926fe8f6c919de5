package demo

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// screen draws a block of lines again and again in the same place.
type screen struct {
	out   *os.File
	drawn int
}

// onTerminal is a screen where out is a terminal, else nil.
func onTerminal(out io.Writer) *screen {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return &screen{out: f}
}

// size is the terminal's, or a usual one where it does not tell.
func (s *screen) size() (width, height int) {
	width, height, err := term.GetSize(int(s.out.Fd()))
	if err != nil || width < 20 || height < 5 {
		return 80, 24
	}
	return width, height
}

// draw replaces what was drawn before. Lines end with a carriage return too: in raw mode the terminal adds none.
func (s *screen) draw(lines []string) error {
	var b strings.Builder
	if s.drawn > 0 {
		b.WriteString("\x1b[" + strconv.Itoa(s.drawn) + "A")
	}
	b.WriteString("\r\x1b[J")
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	s.drawn = len(lines)
	_, err := s.out.WriteString(b.String())
	return err
}

// keyboard reads single keys of a terminal.
type keyboard struct {
	in    *os.File
	was   *term.State
	stop  chan struct{}
	ended chan struct{}
	// Keys gets what is typed; nobody closes it.
	keys chan byte
}

// listen reads keys where in is a terminal; otherwise it gives nil.
func listen(in io.Reader) (*keyboard, error) {
	f, ok := in.(*os.File)
	if !ok || !pollable || !term.IsTerminal(int(f.Fd())) {
		return nil, nil
	}
	was, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return nil, err
	}
	k := &keyboard{in: f, was: was, stop: make(chan struct{}), ended: make(chan struct{}), keys: make(chan byte, 16)}
	go k.read()
	return k, nil
}

// Close stops reading and makes the terminal as it was.
func (k *keyboard) Close() error {
	if k == nil {
		return nil
	}
	close(k.stop)
	<-k.ended
	return term.Restore(int(k.in.Fd()), k.was)
}

// typed gets the keys; for ever nothing without a keyboard.
func (k *keyboard) typed() <-chan byte {
	if k == nil {
		return nil
	}
	return k.keys
}

func (k *keyboard) read() {
	defer close(k.ended)
	var buffer [16]byte
	for {
		select {
		case <-k.stop:
			return
		default:
		}
		ready, err := waitFor(k.in)
		if err != nil {
			return
		}
		if !ready {
			continue
		}
		n, err := k.in.Read(buffer[:])
		if err != nil && !errors.Is(err, io.EOF) {
			return
		}
		for _, b := range buffer[:n] {
			select {
			case k.keys <- b:
			default: // nobody can type that fast
			}
		}
		if n == 0 {
			return
		}
	}
}

// ends tells whether a key ends the demo: q, Ctrl-C or Ctrl-D.
func ends(key byte) bool { return key == 'q' || key == 'Q' || key == 3 || key == 4 }
