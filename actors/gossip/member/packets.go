package member

import (
	"errors"
	"net"
	"time"

	"github.com/hashicorp/memberlist"
)

// readPackets hands datagrams on. The kernel queues those that memberlist has no time for, and drops the rest.
func (t *transport) readPackets() {
	buffer, scratch := make([]byte, maxPacket), make([]byte, 0, maxPacket)
	for failures := 0; t.ctx.Err() == nil; {
		n, from, err := t.network.ReadFrom(buffer)
		at := time.Now()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				t.lost("datagrams", err)
				return
			}
			failures++
			t.rest(failures)
			continue
		}
		failures = 0
		rest, err := t.gate.packet(buffer[:n], scratch)
		if err != nil {
			t.count.refused(err) // no more than that: a datagram's sender may be anybody
			continue
		}
		t.count.packetsIn.Add(1)
		packet := &memberlist.Packet{Buf: append([]byte(nil), rest...), From: net.UDPAddrFromAddrPort(from), Timestamp: at}
		select {
		case t.packets <- packet:
		case <-t.ctx.Done():
		}
	}
}
