package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// version and commit are set by the build: -ldflags "-X main.version=v1.2.3 -X main.commit=0123abc…".
var version, commit string

func main() {
	os.Exit(run(os.Args[1:], &shell{
		in: os.Stdin, out: os.Stdout, errs: os.Stderr, getenv: os.Getenv, environ: os.Environ, now: time.Now,
	}))
}

// shell is what a command has of its process. now is the wall clock.
type shell struct {
	in        io.Reader
	out, errs io.Writer
	getenv    func(string) string
	environ   func() []string
	now       func() time.Time
}

// run runs one command line and gives its exit code.
func run(args []string, sh *shell) int {
	ctx, stop := interruptible(sh.errs)
	defer stop()
	root := newRoot(sh)
	root.SetArgs(doubled(args))
	at, err := root.ExecuteContextC(ctx)
	code := exitCode(err)
	if text := errorText(ctx, err, at.CommandPath()); text != "" {
		fmt.Fprintln(sh.errs, "anode: "+text)
	}
	return code
}

// errInterrupted is why a command ends that was told to.
var errInterrupted = errors.New("interrupted")

// oneSignal is the time within which two signals are one: a terminal and a program that runs this
// one, as timeout does, may both tell of the same thing.
const oneSignal = 200 * time.Millisecond

// interruptible ends its context with the first SIGINT or SIGTERM, and the process with the second.
func interruptible(errs io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	ended, joined := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(joined)
		var told time.Time
		for {
			select {
			case <-ended:
				return
			case s := <-signals:
				switch {
				case told.IsZero():
					told = time.Now()
				case time.Since(told) < oneSignal:
					continue
				default:
					fmt.Fprintln(errs, "anode: told twice, stopping at once")
					number, _ := s.(syscall.Signal)
					os.Exit(128 + int(number))
				}
				cancel(errInterrupted)
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(ended)
		<-joined
		cancel(nil)
	}
}
