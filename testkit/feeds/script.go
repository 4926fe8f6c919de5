package feeds

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/gorilla/websocket"
)

// Send sends text messages.
func Send(frames ...string) Step {
	return func(c *Conn) error {
		for _, f := range frames {
			if err := c.Text([]byte(f)); err != nil {
				return err
			}
		}
		return nil
	}
}

// SendBinary sends a binary message.
func SendBinary(body []byte) Step { return func(c *Conn) error { return c.Binary(body) } }

// Await waits for n more messages of the client.
func Await(n int) Step { return func(c *Conn) error { return c.Await(n) } }

// Pause waits.
func Pause(d time.Duration) Step { return func(c *Conn) error { return c.Pause(d) } }

// Until waits until the channel is closed: a test says when the script goes on.
func Until(closed <-chan struct{}) Step {
	return func(c *Conn) error {
		select {
		case <-closed:
			return nil
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
}

// Silence sends nothing more. Protocol pings are still answered.
func Silence() Step {
	return func(c *Conn) error {
		<-c.ctx.Done()
		return c.ctx.Err()
	}
}

// Garbage sends n text messages that are no JSON.
func Garbage(n int) Step {
	kinds := []string{`{"cut":`, `<html><body>502 Bad Gateway</body></html>`, ``, `{"a":1}{"a":2}`, "\u0000\u0001", `[1,2,`, `nonsense`}
	return func(c *Conn) error {
		for i := range n {
			if err := c.Text([]byte(kinds[i%len(kinds)])); err != nil {
				return err
			}
		}
		return nil
	}
}

// NotUTF8 sends a text message that is none: its bytes are no UTF-8, which the protocol forbids.
func NotUTF8() Step { return func(c *Conn) error { return c.Text([]byte("{\"a\":\"\xff\xfe\"}")) } }

// Oversize sends one text message of n bytes: a JSON string.
func Oversize(n int) Step {
	return func(c *Conn) error { return c.Text(bigString(n)) }
}

func bigString(n int) []byte {
	body := bytes.Repeat([]byte("x"), max(n, 2))
	body[0], body[len(body)-1] = '"', '"'
	return body
}

// Close closes with a code and a reason.
func Close(code int, reason string) Step {
	return func(c *Conn) error {
		return c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(patience))
	}
}

// HalfClose ends what is sent without a close frame, and waits for the client to leave.
func HalfClose() Step {
	return func(c *Conn) error {
		if err := halfClose(c.ws.NetConn()); err != nil {
			return err
		}
		return Silence()(c)
	}
}

// Cut resets the connection.
func Cut() Step {
	return func(c *Conn) error {
		cut(c.ws.NetConn())
		return Silence()(c)
	}
}

// CutInFrame sends the beginning of a text message, n bytes of it, and resets the connection.
func CutInFrame(frame string, n int) Step {
	return func(c *Conn) error {
		head := frameHead(len(frame))
		if err := c.Raw(append(head, frame[:min(n, len(frame))]...)); err != nil {
			return err
		}
		// Closing with a reset may discard what was not sent yet; an end of the sending side does not.
		if err := halfClose(c.ws.NetConn()); err != nil {
			return err
		}
		return Silence()(c)
	}
}

// Drip sends a text message byte by byte.
func Drip(frame string, pause time.Duration) Step {
	return func(c *Conn) error {
		for _, b := range append(frameHead(len(frame)), frame...) {
			if err := c.Raw([]byte{b}); err != nil {
				return err
			}
			if err := c.Pause(pause); err != nil {
				return err
			}
		}
		return nil
	}
}

// frameHead is the head of a final, unmasked text frame (RFC 6455, section 5.2).
func frameHead(length int) []byte {
	switch {
	case length < 126:
		return []byte{0x81, byte(length)}
	case length < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{0x81, 126}, uint16(length))
	}
	return binary.BigEndian.AppendUint64([]byte{0x81, 127}, uint64(length))
}
