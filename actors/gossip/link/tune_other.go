//go:build !linux

package link

import "net"

// tune sets what a link wants of TCP.
func tune(conn net.Conn) {
	if tcp := tcpOf(conn); tcp != nil {
		_ = tcp.SetNoDelay(true)
	}
}
