package member

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/hashicorp/memberlist"

	"anode/messages/units"
)

// Of memberlist's wire format: the byte before a label, that of an encrypted stream, those below which all others
// lie, and what stands before and behind what is encrypted.
const (
	labelByte      = 244
	encryptedByte  = 10
	firstUnused    = 14
	cryptVersion   = 1
	nonceSize      = 12
	tagSize        = 16
	sealedOverhead = 1 + nonceSize + tagSize
)

// Reasons to refuse what comes in.
var (
	// errGarbage is what no node sends.
	errGarbage = errors.New("no node of a mesh speaks so")
	// errSecret is what another secret sealed, or none.
	errSecret = errors.New("it has another cluster secret, or one of both has none")
)

// errCluster is what is of another cluster, whose name it is; it is empty when it was not told.
type errCluster string

func (e errCluster) Error() string {
	if e == "" {
		return "it is of another cluster"
	}
	return fmt.Sprintf("it is of cluster %q", units.Clip(string(e), 32))
}

// refusal tells whether an error is that two nodes are of different meshes.
func refusal(err error) bool { return errors.Is(err, errSecret) || errors.As(err, new(errCluster)) }

// gate opens what comes in: it knows the cluster and its keys. It is immutable, and may be used by many at once.
type gate struct {
	label string
	keys  []cipher.AEAD // none: nothing is encrypted
}

func newGate(label string, keys [][]byte) (*gate, error) {
	g := &gate{label: label}
	for i, key := range keys {
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		g.keys = append(g.keys, aead)
	}
	return g, nil
}

// packet gives what memberlist is to see of a datagram: all behind the label, sealed as it is. scratch has room for
// what is opened, and may be used again.
func (g *gate) packet(b, scratch []byte) ([]byte, error) {
	rest, label, err := memberlist.RemoveLabelHeaderFromPacket(b)
	switch {
	case err != nil, len(rest) == 0, label == "":
		return nil, errGarbage
	case label != g.label:
		return nil, errCluster(label)
	case len(g.keys) == 0:
		return rest, nil
	}
	if _, err := g.open(rest, []byte(label), scratch); err != nil {
		return nil, err
	}
	return rest, nil
}

// open gives what is sealed, which has grown behind scratch's beginning.
func (g *gate) open(sealed, bound, scratch []byte) ([]byte, error) {
	if len(sealed) < sealedOverhead || sealed[0] != cryptVersion {
		return nil, errSecret
	}
	for _, key := range g.keys {
		if plain, err := key.Open(scratch[:0], sealed[1:1+nonceSize], sealed[1+nonceSize:], bound); err == nil {
			return plain, nil
		}
	}
	return nil, errSecret
}

// stream reads the one message that a peer sends over a stream, and gives a stream that begins with it, without the
// label. io.EOF is the error when the peer said nothing.
func (g *gate) stream(c net.Conn) (net.Conn, error) {
	rest, label, err := memberlist.RemoveLabelHeaderFromStream(c)
	if err != nil {
		return nil, errGarbage
	}
	var head [1]byte
	if _, err := io.ReadFull(rest, head[:]); err != nil {
		return nil, err
	}
	switch {
	case label == "":
		return nil, errGarbage
	case label != g.label:
		return nil, errCluster(label)
	case head[0] >= firstUnused:
		return nil, errGarbage
	case (head[0] == encryptedByte) != (len(g.keys) > 0):
		return nil, errSecret
	case head[0] != encryptedByte:
		return &begun{Conn: rest, first: head[:]}, nil
	}
	message, err := g.sealedMessage(rest)
	if err != nil {
		return nil, err
	}
	return &begun{Conn: rest, first: message}, nil
}

// sealedMessage reads an encrypted message, whose first byte was read, and tells whether a key opens it.
func (g *gate) sealedMessage(r io.Reader) ([]byte, error) {
	message := make([]byte, streamHeader, 1<<10)
	message[0] = encryptedByte
	if _, err := io.ReadFull(r, message[1:]); err != nil {
		return nil, errGarbage
	}
	size := binary.BigEndian.Uint32(message[1:])
	if size > maxMessage {
		return nil, errGarbage
	}
	message, err := appendFrom(message, r, int(size))
	if err != nil {
		return nil, errGarbage
	}
	if _, err := g.openMessage(message); err != nil {
		return nil, err
	}
	return message, nil
}

// streamHeader is the byte of an encrypted message and its length.
const streamHeader = 1 + 4

// openMessage opens an encrypted message of a stream.
func (g *gate) openMessage(message []byte) ([]byte, error) {
	if len(message) < streamHeader {
		return nil, errSecret
	}
	bound := append(message[:streamHeader:streamHeader], g.label...)
	return g.open(message[streamHeader:], bound, nil)
}

// appendFrom reads n bytes. It takes memory as they come, and not as they are promised.
func appendFrom(b []byte, r io.Reader, n int) ([]byte, error) {
	const step = 64 << 10
	for n > 0 {
		part := min(n, step)
		at := len(b)
		b = append(b, make([]byte, part)...)
		if _, err := io.ReadFull(r, b[at:]); err != nil {
			return nil, err
		}
		n -= part
	}
	return b, nil
}

// begun is a stream of which something was read already.
type begun struct {
	net.Conn
	first []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.first) > 0 {
		n := copy(p, b.first)
		b.first = b.first[n:]
		return n, nil
	}
	return b.Conn.Read(p)
}
