package source

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// caught is a panic of a goroutine that a connector has beside its own.
type caught struct {
	value any
	stack []byte
}

// Error says where it was.
func (c *caught) Error() string { return fmt.Sprintf("%v, at\n%s", c.value, c.stack) }

// Catch calls a function in a goroutine of a connector. A panic in it is its error, and not the node's end: Run
// returns it, and it fails the source as a panic of Run does.
func Catch(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &caught{value, debug.Stack()}
		}
	}()
	return f()
}

// Caught tells that an error is a panic that Catch caught.
func Caught(err error) bool {
	var c *caught
	return errors.As(err, &c)
}

// rethrow panics with what was caught.
func rethrow(err error) {
	var c *caught
	if errors.As(err, &c) {
		panic(c.Error())
	}
}
