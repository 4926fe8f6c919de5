package member

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/memberlist"

	"anode/messages"
)

// seen is a node as memberlist has it.
type seen struct {
	id    messages.NodeID
	addr  netip.AddrPort
	meta  []byte
	state State
}

// mirrorName and mirrorAddr are where memberlist is sent for a survey. No node has such a name, or is there: the
// network is that of RFC 6666, for what is to be thrown away.
const (
	mirrorName = "-mirror-"
	mirrorAddr = "[100::]:1"
)

// errMirror ends a join that was only to be looked at.
var errMirror = errors.New("it is a mirror")

// mirror is a stream that catches what is sent, and answers nothing. One goroutine uses it.
type mirror struct{ caught []byte }

func (m *mirror) Write(b []byte) (int, error) {
	m.caught = append(m.caught, b...)
	return len(b), nil
}

func (m *mirror) Read([]byte) (int, error)         { return 0, errMirror }
func (m *mirror) Close() error                     { return nil }
func (m *mirror) LocalAddr() net.Addr              { return m.RemoteAddr() }
func (m *mirror) RemoteAddr() net.Addr             { return mirrorEnd{} }
func (m *mirror) SetDeadline(time.Time) error      { return nil }
func (m *mirror) SetReadDeadline(time.Time) error  { return nil }
func (m *mirror) SetWriteDeadline(time.Time) error { return nil }

// mirrorEnd is a mirror's address.
type mirrorEnd struct{}

func (mirrorEnd) Network() string { return "tcp" }
func (mirrorEnd) String() string  { return mirrorAddr }

// survey gives memberlist's list as of one moment, the node itself included, for decodeList.
func (t *transport) survey(list *memberlist.Memberlist) ([]byte, error) {
	m := &mirror{}
	t.mirror.Store(m)
	_, err := list.Join([]string{mirrorName + "/" + mirrorAddr})
	if len(m.caught) == 0 {
		return nil, fmt.Errorf("survey: %w", err)
	}
	message, _, err := memberlist.RemoveLabelHeaderFromPacket(m.caught)
	if err == nil && len(t.gate.keys) > 0 {
		message, err = t.gate.openMessage(message)
	}
	if err != nil {
		return nil, fmt.Errorf("survey: %w", err)
	}
	return message, nil
}

// Of memberlist's wire format: the byte before a list, and the names of what it has.
const listByte = 6

type (
	listHeader struct{ Nodes int }
	listNode   struct {
		Name  string
		Addr  []byte
		Port  uint16
		Meta  []byte
		State memberlist.NodeStateType
	}
)

// decodeList reads memberlist's list of nodes; those that are no nodes of a mesh are left out.
func decodeList(message []byte) ([]seen, error) {
	if len(message) == 0 || message[0] != listByte {
		return nil, errors.New("survey: it is not a list")
	}
	decoder := codec.NewDecoder(bytes.NewReader(message[1:]), &codec.MsgpackHandle{})
	var header listHeader
	if err := decoder.Decode(&header); err != nil {
		return nil, fmt.Errorf("survey: %w", err)
	}
	var nodes []seen
	for range header.Nodes {
		var n listNode
		if err := decoder.Decode(&n); err != nil {
			return nil, fmt.Errorf("survey: %w", err)
		}
		if s, ok := n.seen(); ok {
			nodes = append(nodes, s)
		}
	}
	return nodes, nil
}

func (n *listNode) seen() (seen, bool) {
	id, err := messages.ParseNodeID(n.Name)
	ip, ok := netip.AddrFromSlice(n.Addr)
	if err != nil || !ok {
		return seen{}, false
	}
	s := seen{id: id, addr: netip.AddrPortFrom(ip.Unmap(), n.Port), meta: n.Meta}
	switch n.State {
	case memberlist.StateAlive:
		s.state = Alive
	case memberlist.StateSuspect:
		s.state = Suspect
	case memberlist.StateLeft:
		s.state = Left
	default:
		s.state = Dead
	}
	return s, true
}
