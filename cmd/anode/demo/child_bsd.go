//go:build unix && !linux

package demo

import "syscall"

// attributes keep a terminal's Ctrl-C from the children, which are to end in order. A child that is stopped when the demo
// dies is continued by the system, since its group is orphaned then, and ends with its standard input.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
