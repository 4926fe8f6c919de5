//go:build !unix

package cassandra

import "syscall"

func attributes() *syscall.SysProcAttr { return nil }
