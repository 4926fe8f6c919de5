//go:build unix

package demo

import "syscall"

// pausable tells that processes can be stopped and continued here.
const pausable = true

func (c *child) pause() error  { return c.cmd.Process.Signal(syscall.SIGSTOP) }
func (c *child) resume() error { return c.cmd.Process.Signal(syscall.SIGCONT) }

// terminate asks for a clean end, of one that is stopped too.
func (c *child) terminate() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return c.resume()
}
