package member

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// What may become of a call, besides a refusal.
var (
	// errHungUp is the end of a stream without an answer.
	errHungUp = errors.New("it hung up without an answer")
	// errAnswer is an answer that is none.
	errAnswer = errors.New("it answers as no node of a mesh does")
)

// A refusal is the byte before a label, which begins no answer, and what was wrong. It does not tell anything that the
// caller did not say first, the name of the cluster neither.
const (
	wrongCluster = 0
	wrongSecret  = 1
)

// refuse tells a caller what was wrong, and hangs up. What it sent is read first: a socket that is closed with unread
// bytes is reset, and takes the answer with it.
func refuse(c net.Conn, why error) {
	const patience, most = time.Second, 64 << 10
	defer func() { _ = c.Close() }() // nothing more can be said
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return
	}
	wrong := byte(wrongCluster)
	if errors.Is(why, errSecret) {
		wrong = wrongSecret
	}
	if _, err := c.Write([]byte{labelByte, wrong}); err != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, c, most) // it ends when the caller has understood
}

// call is a stream that this node opened. It understands a refusal, and tells why it failed.
type call struct {
	net.Conn
	tell  func(error)
	done  func()
	begun bool // the answer has
}

// Read reads the answer; the first byte tells whether it is one.
func (c *call) Read(p []byte) (int, error) {
	if len(p) == 0 || c.begun {
		return c.Conn.Read(p)
	}
	n, err := c.Conn.Read(p)
	c.begun = true
	switch {
	case n > 0 && p[0] == labelByte:
		err = c.refusal(p[1:n])
	case n > 0:
		return n, err
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		err = errHungUp
	}
	c.tell(err)
	return 0, err
}

// refusal is what was wrong, of which some bytes may have come.
func (c *call) refusal(b []byte) error {
	var wrong [1]byte
	if _, err := io.ReadFull(io.MultiReader(bytes.NewReader(b), c.Conn), wrong[:]); err != nil {
		return errHungUp
	}
	if wrong[0] == wrongSecret {
		return errSecret
	}
	return errCluster("")
}

// Close implements net.Conn.
func (c *call) Close() error {
	c.done()
	return c.Conn.Close()
}
