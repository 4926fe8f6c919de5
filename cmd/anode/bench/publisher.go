package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// publisher sends records at a rate over one WebSocket.
type publisher struct {
	conn net.Conn
	// write appends one message: a record of a stream that is sent now.
	write func(dst []byte, stream int, now time.Time) []byte
	work  sync.WaitGroup
}

// data is JSON of so many bytes that begins with the time; the rest is text that does not compress.
func data(dst []byte, size int, now time.Time) []byte {
	start := len(dst)
	dst = strconv.AppendInt(append(dst, `{"t":`...), now.UnixNano(), 10)
	dst = append(dst, `,"p":"`...)
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for random := uint64(now.UnixNano()) | 1; len(dst)-start < size-2; { // Marsaglia, "Xorshift RNGs" (2003)
		random ^= random << 13
		random ^= random >> 7
		random ^= random << 17
		dst = append(dst, letters[random>>58])
	}
	return append(dst, `"}`...)
}

// leastSize is what the time and its frame take.
const leastSize = 40

// newPublisher connects; both kinds of server drop what they answer here.
func newPublisher(ctx context.Context, base, path string, write func([]byte, int, time.Time) []byte) (*publisher, error) {
	c, _, err := dial(ctx, base, path, nil)
	if err != nil {
		return nil, err
	}
	p := &publisher{conn: c, write: write}
	p.work.Add(1)
	go func() {
		defer p.work.Done()
		answers := make([]byte, 64<<10)
		for {
			if _, err := c.Read(answers); err != nil {
				return
			}
		}
	}()
	return p, nil
}

// Close implements io.Closer.
func (p *publisher) Close() error { return p.close() }

func (p *publisher) close() error {
	err := p.conn.Close()
	p.work.Wait()
	return err
}

// run sends rate records a second over the streams in turn until ctx ends, and tells how many.
func (p *publisher) run(ctx context.Context, rate float64, streams int) (int64, error) {
	start := time.Now()
	var sent int64
	var buf, message []byte
	for ctx.Err() == nil {
		now := time.Now()
		due := int64(now.Sub(start).Seconds() * rate)
		for buf = buf[:0]; sent < due && len(buf) < 64<<10; sent++ {
			message = p.write(message[:0], int(sent%int64(streams)), now)
			buf = appendFrame(buf, message)
		}
		if len(buf) > 0 {
			if _, err := p.conn.Write(buf); err != nil {
				return sent, fmt.Errorf("publish: %w", err)
			}
			continue
		}
		next := start.Add(time.Duration(float64(sent+1) / rate * float64(time.Second)))
		timer := time.NewTimer(max(time.Until(next), 500*time.Microsecond))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	return sent, nil
}

// appendFrame is a client's text frame; it is masked with zeros, which change nothing.
func appendFrame(dst, payload []byte) []byte {
	dst = append(dst, 0x81)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	return append(append(dst, 0, 0, 0, 0), payload...)
}
