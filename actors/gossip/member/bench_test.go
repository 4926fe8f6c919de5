package member

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/memberlist"
)

// nowhere is a Network to which nobody else belongs.
type nowhere struct {
	Network
	ended chan struct{}
}

func (n nowhere) Local() netip.AddrPort { return netip.MustParseAddrPort("127.0.0.1:1") }
func (n nowhere) Close() error          { close(n.ended); return nil }

func (n nowhere) WriteTo([]byte, netip.AddrPort) error { return nil }

func (n nowhere) ReadFrom([]byte) (int, netip.AddrPort, error) {
	<-n.ended
	return 0, netip.AddrPort{}, net.ErrClosed
}

func (n nowhere) AcceptStream() (net.Conn, error) {
	<-n.ended
	return nil, net.ErrClosed
}

// surveyed is a memberlist that knows some nodes.
func surveyed(b *testing.B, nodes int) (*transport, *memberlist.Memberlist) {
	b.Helper()
	l, err := New(Config{Node: "self", Cluster: "test", Clock: time.Now, Logger: slog.New(slog.DiscardHandler)}, nowhere{ended: make(chan struct{})})
	if err != nil {
		b.Fatal(err)
	}
	t := newTransport(l.network, mustGate(b, "test"), l.network.Local(), &l.count)
	box := newMailbox("self", t.at, time.Now)
	box.say(Meta{}, 0)
	conf, err := l.memberlistConfig(t, box)
	if err != nil {
		b.Fatal(err)
	}
	conf.ProbeInterval, conf.GossipInterval, conf.PushPullInterval = 0, 0, 0
	list, err := memberlist.Create(conf)
	if err != nil {
		b.Fatal(err)
	}
	t.start()
	b.Cleanup(func() { _ = list.Shutdown() })
	meta := Meta{Stage: Active, Name: "a node with a name"}.Append(nil)
	for i := range nodes {
		alive := struct {
			Incarnation uint32
			Node        string
			Addr        []byte
			Port        uint16
			Meta        []byte
			Vsn         []uint8
		}{1, fmt.Sprintf("node%048d", i), []byte{10, 0, byte(i >> 8), byte(i)}, 7946, meta, []byte{1, 5, 2, 0, 0, 0}}
		packet := bytes.NewBuffer([]byte{4})
		if err := codec.NewEncoder(packet, &codec.MsgpackHandle{}).Encode(alive); err != nil {
			b.Fatal(err)
		}
		t.packets <- &memberlist.Packet{Buf: packet.Bytes(), From: &net.UDPAddr{}, Timestamp: time.Now()}
		for list.NumMembers() < i+2 { // its queue is short
			<-box.stir
		}
	}
	return t, list
}

func BenchmarkSurvey(b *testing.B) {
	for _, nodes := range []int{50, 1000} {
		t, list := surveyed(b, nodes)
		b.Run(fmt.Sprintf("unchanged/%d", nodes), func(b *testing.B) {
			for b.Loop() {
				if _, err := t.survey(list); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("changed/%d", nodes), func(b *testing.B) {
			table := newTable("self", nil)
			for b.Loop() {
				message, err := t.survey(list)
				if err != nil {
					b.Fatal(err)
				}
				nodes, err := decodeList(message)
				if err != nil {
					b.Fatal(err)
				}
				table.fold(noon, nodes)
				_ = table.list()
			}
		})
	}
}

func BenchmarkGatePacket(b *testing.B) {
	g, scratch := mustGate(b, "test", testKey), make([]byte, 0, maxPacket)
	packet := labelled("test", sealed(b, testKey, make([]byte, 200), []byte("test")))
	for b.Loop() {
		if _, err := g.packet(packet, scratch); err != nil {
			b.Fatal(err)
		}
	}
}
