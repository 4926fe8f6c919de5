package link

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// ErrPanic is that a fault of this node ended the link, or kept it from beginning. Where follows.
var ErrPanic = errors.New("a fault of this node")

// guarded does something for one connection; its panic is an error of that connection, and not the end of the process.
func guarded(do func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: panic: %v\n%s", ErrPanic, p, debug.Stack())
		}
	}()
	do()
	return nil
}

// guard is guarded for a link, which a panic ends.
func (l *Link) guard(do func()) {
	if err := guarded(do); err != nil {
		l.fail(err)
	}
}
