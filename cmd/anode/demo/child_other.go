//go:build !unix

package demo

import (
	"errors"
	"syscall"
)

const pausable = false

func attributes() *syscall.SysProcAttr { return nil }

func (c *child) pause() error  { return errors.ErrUnsupported }
func (c *child) resume() error { return errors.ErrUnsupported }

// terminate asks for a clean end: the node ends with its standard input.
func (c *child) terminate() error { return c.input.Close() }
