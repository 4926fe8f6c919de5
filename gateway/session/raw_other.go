//go:build !unix

package session

import (
	"errors"
	"net"
	"syscall"
)

// rawConn is nil: here connections are read and written by the runtime alone, which waits.
func rawConn(net.Conn) syscall.RawConn { return nil }

func readOnce(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }

func writeOnce(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }

func again(error) bool { return false }
