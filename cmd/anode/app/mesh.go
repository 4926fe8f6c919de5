package app

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// meshPort is the node's place in a mesh: one port, held for TCP and UDP. Nothing is spoken there in
// this version: a peer that connects is hung up on at once, instead of waiting for ever.
type meshPort struct {
	tcp net.Listener
	udp net.PacketConn
	// closing is closed when Close begins, ended when hangUp has ended.
	closing, ended chan struct{}
}

// meshTries is how many free TCP ports are tried for one whose UDP port is free too.
const meshTries = 20

// holdMesh binds the address; port 0 finds one that is free for both.
func holdMesh(addr string) (*meshPort, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("mesh: %w", err)
	}
	for try := 1; ; try++ {
		m, err := bindMesh(addr, host)
		if err == nil {
			return m, nil
		}
		if port != "0" || try == meshTries {
			return nil, fmt.Errorf("mesh: %w", err)
		}
	}
}

func bindMesh(addr, host string) (*meshPort, error) {
	tcp, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(tcp.Addr().String())
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	udp, err := net.ListenPacket("udp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	return newMeshPort(tcp, udp), nil
}

func newMeshPort(tcp net.Listener, udp net.PacketConn) *meshPort {
	m := &meshPort{tcp: tcp, udp: udp, closing: make(chan struct{}), ended: make(chan struct{})}
	go m.hangUp()
	return m
}

// Addr is the real address.
func (m *meshPort) Addr() string { return m.tcp.Addr().String() }

// How long the port is left alone after it could not be accepted from: a process out of file
// descriptors gets them back by itself, and must not spin meanwhile.
const leastPause, mostPause = 5 * time.Millisecond, time.Second

// hangUp ends every connection, until the port is closed.
func (m *meshPort) hangUp() {
	defer close(m.ended)
	for pause := leastPause; ; {
		conn, err := m.tcp.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err == nil:
			_ = conn.Close() // nothing was said
			pause = leastPause
			continue
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, mostPause)
		case <-m.closing:
			return
		}
	}
}

// Close gives the port back.
func (m *meshPort) Close() error {
	close(m.closing)
	err := errors.Join(m.tcp.Close(), m.udp.Close())
	<-m.ended
	return err
}
