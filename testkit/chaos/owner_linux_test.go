package chaos

import (
	"net"
	"os"
	"testing"
)

func TestTheOwnerOfAConnectionIsTheProcessThatHasIt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	of, to := c.LocalAddr().(*net.TCPAddr).AddrPort(), c.RemoteAddr().(*net.TCPAddr).AddrPort()
	self := os.Getpid()
	if pid, ok := ownerOf(of, to, []int{1 << 30, self}); !ok || pid != self {
		t.Errorf("the owner is %d, %v: want %d", pid, ok, self)
	}
	if _, ok := ownerOf(of, to, []int{os.Getppid()}); ok {
		t.Error("another process is said to own it")
	}
	_ = c.Close()
	if _, ok := ownerOf(of, to, []int{self}); ok {
		t.Error("a connection that is closed has an owner")
	}
}
