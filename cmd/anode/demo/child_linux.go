package demo

import "syscall"

// attributes keep a terminal's Ctrl-C from the children, which are to end in order, and end them with the thread that
// started them.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
