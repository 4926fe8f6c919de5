//go:build unix

package session

import (
	"errors"
	"net"
	"syscall"
)

// rawConn is a connection's file descriptor; nil where it has none.
func rawConn(conn net.Conn) syscall.RawConn {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// readOnce reads what there is, without waiting.
func readOnce(fd uintptr, p []byte) (int, error) {
	for {
		if n, err := syscall.Read(int(fd), p); !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

// writeOnce writes what there is room for, without waiting.
func writeOnce(fd uintptr, p []byte) (int, error) {
	for {
		if n, err := syscall.Write(int(fd), p); !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

// again tells that it would have to be waited.
func again(err error) bool { return errors.Is(err, syscall.EAGAIN) }
