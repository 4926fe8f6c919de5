package cassandra

import "syscall"

// attributes have a node killed when the process that runs it dies, and keep the terminal's Ctrl-C from it: who runs it
// decides how it ends.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
