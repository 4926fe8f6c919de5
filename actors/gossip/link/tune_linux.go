package link

import (
	"net"

	"golang.org/x/sys/unix"
)

// lowWater bounds what waits unsent in the kernel: what is there can't be overtaken. 128 KiB is 10 ms of a
// 100 Mbit/s link.
const lowWater = 128 << 10

// tune sets what a link wants of TCP. Options that are refused are done without: they cost time, not truth.
func tune(conn net.Conn) {
	tcp := tcpOf(conn)
	if tcp == nil {
		return
	}
	_ = tcp.SetNoDelay(true)
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, lowWater)
	})
}
