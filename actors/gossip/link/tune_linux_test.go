package link

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestTCPIsTuned(t *testing.T) {
	left, right := sockets(t, "::1")
	d, l := linked(t, left, right)
	for _, conn := range []*Conn{d, l} {
		raw, err := tcpOf(conn.pipe).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		for option, want := range map[int]int{unix.TCP_NODELAY: 1, unix.TCP_NOTSENT_LOWAT: lowWater} {
			var got int
			if err := raw.Control(func(fd uintptr) { got, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, option) }); err != nil || got != want {
				t.Errorf("option %d is %d, %v, want %d", option, got, err, want)
			}
		}
	}
}
