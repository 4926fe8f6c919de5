//go:build unix && !linux

package cassandra

import "syscall"

// attributes keep the terminal's Ctrl-C from a node: who runs it decides how it ends.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
