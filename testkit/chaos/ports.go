package chaos

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
)

// Ports of nodes lie below those that systems give to whoever asks for any (from 32768, or 49152), so that none is taken while its
// node is down.
const (
	lowestPort, highestPort = 20000, 32000
	portTries               = 1000
)

// ports are ports of a host that no other mesh draws until they are closed, in whichever process of this machine: a node that is
// down, or is not up yet, does not hold its own.
type ports struct {
	list  []int
	holds []io.Closer
}

// drawPorts gives different ports of a host that are free for TCP and UDP.
func drawPorts(host string, count int) (*ports, error) {
	p := &ports{}
	for range portTries {
		if len(p.list) == count {
			return p, nil
		}
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if hold, err := reserve(host, port); err == nil {
			p.holds = append(p.holds, hold) // also where it is not free: it is not drawn again then
			if !slices.Contains(p.list, port) && free(host, port) {
				p.list = append(p.list, port)
			}
		}
	}
	return nil, errors.Join(errors.New("chaos: no ports are free"), p.Close())
}

// Close lets others draw them.
func (p *ports) Close() error {
	var faults []error
	for _, hold := range p.holds {
		faults = append(faults, hold.Close())
	}
	p.holds = nil
	return errors.Join(faults...)
}

func free(host string, port int) bool {
	at := net.JoinHostPort(host, strconv.Itoa(port))
	tcp, err := net.Listen("tcp", at)
	if err != nil {
		return false
	}
	defer func() { _ = tcp.Close() }()
	udp, err := net.ListenPacket("udp", at)
	if err != nil {
		return false
	}
	return udp.Close() == nil
}
