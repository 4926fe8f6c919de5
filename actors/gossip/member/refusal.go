package member

import (
	"bytes"
	"errors"
	"io"
	"net"
	"time"
)

// errHungUp is the end of a stream without an answer.
var errHungUp = errors.New("it hung up without an answer")

// refuse tells a caller which cluster it called, and hangs up. What it sent is read first: a socket that is
// closed with unread bytes is reset, and takes the answer with it.
func refuse(c net.Conn, label string) {
	const patience, most = time.Second, 64 << 10
	defer func() { _ = c.Close() }() // nothing more can be said
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return
	}
	if _, err := c.Write(append([]byte{labelByte, byte(len(label))}, label...)); err != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, c, most) // it ends when the caller has understood
}

// call is a stream that this node opened. It understands a refusal, and tells why it failed.
type call struct {
	net.Conn
	own   string // this node's cluster
	tell  func(error)
	begun bool
	done  func()
}

// Read reads the answer; the first byte tells whether it is one.
func (c *call) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.begun || n == 0 && err == nil {
		return n, err
	}
	c.begun = true
	switch {
	case n > 0 && p[0] == labelByte:
		err = c.refusal(p[1:n])
	case n > 0:
		return n, err
	case errors.Is(err, io.EOF):
		err = errHungUp
	}
	c.tell(err)
	return 0, err
}

// refusal is why the peer refused: it names its cluster.
func (c *call) refusal(b []byte) error {
	r := io.MultiReader(bytes.NewReader(b), c.Conn)
	var size [1]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return errHungUp
	}
	label := make([]byte, size[0])
	if _, err := io.ReadFull(r, label); err != nil {
		return errHungUp
	}
	if string(label) == c.own {
		return errSecret
	}
	return errCluster(label)
}

func (c *call) Close() error {
	c.done()
	return c.Conn.Close()
}
