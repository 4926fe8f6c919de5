package demo

import (
	"errors"
	"io"
	"os"

	"golang.org/x/term"
)

// keyboard reads single keys of a terminal.
type keyboard struct {
	in    *os.File
	was   *term.State
	stop  chan struct{}
	ended chan struct{}
	// keys gets what is typed; nobody closes it.
	keys chan byte
}

// escape is the key, and the beginning of what keys without a letter send.
const escape = 27

// pressed are the keys of what came at once: of an arrow, or another key without a letter, only that it begins with escape.
func pressed(came []byte) []byte {
	if len(came) > 1 && came[0] == escape {
		return came[:1]
	}
	return came
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
		for _, b := range pressed(buffer[:n]) {
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
