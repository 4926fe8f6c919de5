//go:build unix

package demo

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// pollable tells that waitFor works here.
const pollable = true

// keyPatience bounds one wait, so that who reads keys can be stopped.
const keyPatience = 100 * time.Millisecond

// waitFor tells whether something can be read, and returns false after a moment when not.
func waitFor(f *os.File) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(keyPatience.Milliseconds()))
	if errors.Is(err, unix.EINTR) {
		return false, nil
	}
	return n > 0, err
}
