package chaos

import "syscall"

// attributes have a node killed when the process that runs it dies.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
