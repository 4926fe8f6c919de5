package session

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"anode/gateway/auth"
	"anode/gateway/problem"
	"anode/messages/command"
)

const (
	// mostUnanswered is how many messages of one sender may wait for their answer, or for what the rules send to be written; it is not
	// read meanwhile.
	mostUnanswered = 64
	// replyPatience bounds the write of a reply, and of a farewell.
	replyPatience = 10 * time.Second
	// farewellPatience is how long a sender may take to hear that its connection ends.
	farewellPatience = 2 * time.Second
	// pushPing is the pause between two pings, so that a sender that is gone is found.
	pushPing = 30 * time.Second
	// firstPart is how much of a message is read without room for it.
	firstPart = 4 << 10
)

// ServePush takes the messages of a sender to the push source of the path value "name", over a WebSocket: text or
// binary, each one message. What became of them is told in objects, in their order:
//
//	{"accepted":3,"dropped":{"filtered":0,"duplicate":1,"limited":0,"failed":0},"messages":4}
//
// in records, of so many messages since the last. What the source's rules send comes as messages of its own, before.
// A message that is refused ends the connection: what was not answered by then is to be pushed again.
func (s *Server) ServePush(w http.ResponseWriter, r *http.Request) {
	done, p := s.admit(r)
	if p != nil {
		p.Write(w)
		return
	}
	if !websocket.IsWebSocketUpgrade(r) { // who sent no handshake need not show a token to be told so
		defer done()
		s.upgrader.Error(w, r, http.StatusBadRequest, errors.New("websocket: the client is not using the websocket protocol: send messages by POST, or open a WebSocket"))
		return
	}
	opening, cancel := context.WithTimeout(s.life, firstWrite)
	defer cancel()
	pusher, err := command.Ask(opening, s.Node, command.OpenPush{Name: r.PathValue("name"), Token: auth.Credential(r), Socket: true})
	if err != nil {
		done()
		if errors.Is(err, command.ErrUnauthorized) {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		problem.Of(err).Write(w)
		return
	}
	upgrader := s.upgrader
	upgrader.Subprotocols, upgrader.ReadBufferSize = nil, 1024
	header := http.Header{}
	if spoken := auth.Spoken(r); spoken != "" {
		header.Set("Sec-Websocket-Protocol", spoken)
	}
	conn, err := upgrader.Upgrade(w, r, header)
	if err != nil { // it has answered
		pusher.Close()
		done()
		return
	}
	f := &feeder{Server: s, conn: conn, pusher: pusher, places: make(chan struct{}, mostUnanswered), wake: make(chan struct{}, 1)}
	f.message = command.PushMessage{URL: auth.Shown(r.URL), Header: r.Header.Clone()}
	s.feed(f, done)
}

// feed runs a sender's connection in goroutines of its own, so that its handler can return.
func (s *Server) feed(f *feeder, done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		f.pusher.Close()
		_ = f.conn.Close() // nobody is to be told
		done()
		return
	}
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		defer done()
		defer func() {
			if r := recover(); r != nil {
				s.Logger.Error("a sender's reader panicked", "panic", r, "stack", string(debug.Stack()))
			}
		}()
		f.run(s.life)
	}()
}

// feeder is the connection of one sender. Its goroutine reads; another one writes.
type feeder struct {
	*Server
	conn    *websocket.Conn
	pusher  command.Pusher
	message command.PushMessage // what all messages have alike
	places  chan struct{}
	wake    chan struct{}

	mu       sync.Mutex // guards what follows; it is a leaf
	became   command.Pushed
	messages uint64
	// owed is how many of them have a place until what the rules sent for them is written.
	owed int
	// end is why the connection ends; nil while it does not.
	end *websocket.CloseError
}

// run reads until the connection ends, and returns when nothing of it is left but messages on their way.
func (f *feeder) run(life context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(life)) // the farewell comes first
	written := make(chan struct{})
	go func() {
		defer close(written)
		f.write(ctx)
	}()
	defer func() {
		f.pusher.Close()
		<-written
		_ = f.conn.Close() // the farewell is sent
	}()
	defer cancel()
	defer context.AfterFunc(life, func() {
		f.finish(command.CloseUnavailable, "the node is shutting down")
		time.AfterFunc(farewellPatience, cancel)
	})()
	f.conn.SetPingHandler(func(data string) error {
		return f.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(replyPatience))
	})
	f.conn.SetCloseHandler(func(int, string) error { return nil }) // answered when all messages are
	for {
		if err := f.next(ctx); err != nil {
			f.failed(err)
			return
		}
	}
}

// next reads one message and pushes it.
func (f *feeder) next(ctx context.Context) error {
	kind, r, err := f.conn.NextReader()
	if err != nil {
		return err
	}
	m := f.message
	if m.Body, err = f.read(ctx, r); err != nil {
		return err
	}
	if f.ending() { // an earlier one was refused: this one is to be pushed again after it
		return nil
	}
	m.Binary = kind == websocket.BinaryMessage
	select {
	case f.places <- struct{}{}:
	case <-ctx.Done():
		return command.ErrUnavailable
	}
	err = f.pusher.Push(ctx, m, f.answer)
	if err != nil {
		<-f.places
	}
	return err
}

func (f *feeder) ending() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.end != nil
}

var errLong = errors.New("a message is above 1.5 MiB")

// read reads a message, with room for it.
func (f *feeder) read(ctx context.Context, r io.Reader) ([]byte, error) {
	buf := make([]byte, 0, 512)
	for {
		if len(buf) == cap(buf) {
			if len(buf) > maxFrame {
				return nil, errLong
			}
			grown := min(2*cap(buf), maxFrame+1)
			if grown > firstPart {
				if err := f.pusher.Reserve(ctx, grown-max(cap(buf), firstPart)); err != nil {
					return nil, err
				}
			}
			buf = append(make([]byte, 0, grown), buf...)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case errors.Is(err, io.EOF) && len(buf) > maxFrame:
			return nil, errLong
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return nil, err
		}
	}
}

// answer takes what became of a message, in the order of the messages.
func (f *feeder) answer(became command.Pushed, err error) {
	if err != nil {
		f.finish(closeOf(err))
	}
	owed := false
	f.mu.Lock()
	if f.end == nil { // what comes after one that is refused is not told: all of it is pushed again
		f.became.Add(became)
		f.messages++
		if owed = len(became.Sent) > 0; owed { // else a sender that pushes and does not read would have them gather
			f.owed++
		}
	}
	f.mu.Unlock()
	if !owed {
		<-f.places
	}
	f.signal()
}

// free gives places back.
func (f *feeder) free(n int) {
	for range n {
		<-f.places
	}
}

func (f *feeder) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// closeOf is how a connection ends for an error.
func closeOf(err error) (code int, reason string) {
	p := problem.Of(err)
	switch {
	case errors.Is(err, command.ErrInvalid), errors.Is(err, command.ErrNotFound), errors.Is(err, command.ErrNotPush):
		return websocket.ClosePolicyViolation, p.Detail
	case errors.Is(err, command.ErrTooMany):
		return command.CloseTooMany, p.Detail
	}
	return command.CloseUnavailable, p.Detail
}

// finish ends the connection with a code; the first counts. What was answered before is still told.
func (f *feeder) finish(code int, reason string) {
	f.mu.Lock()
	if f.end == nil {
		f.end = &websocket.CloseError{Code: code, Text: clip(reason)}
	}
	f.mu.Unlock()
	f.signal()
	_ = f.conn.NetConn().SetReadDeadline(time.Now().Add(farewellPatience)) // the reader waits for the sender's farewell no longer
}

// failed ends a connection that can't be read on. What was pushed is answered first, where the sender may
// still listen.
func (f *feeder) failed(err error) {
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure:
		f.drainPlaces()
		if closed.Code == websocket.CloseNoStatusReceived {
			closed.Code = websocket.CloseNormalClosure
		}
		f.finish(closed.Code, "")
	case errors.Is(err, errLong):
		f.drainPlaces()
		f.finish(command.CloseTooLarge, err.Error())
	case errors.Is(err, command.ErrTooMany), errors.Is(err, command.ErrUnavailable), errors.Is(err, command.ErrStorageFull),
		errors.Is(err, command.ErrNotPush), errors.Is(err, command.ErrNotFound):
		f.drainPlaces()
		f.finish(closeOf(err))
	default: // it is cut, or speaks no WebSocket
		f.finish(command.CloseBadFrame, "a frame that is not WebSocket")
	}
}

// drainPlaces waits until all that was pushed is answered, for a while.
func (f *feeder) drainPlaces() {
	timer := time.NewTimer(replyPatience)
	defer timer.Stop()
	for range cap(f.places) {
		select {
		case f.places <- struct{}{}:
		case <-timer.C:
			return
		}
	}
}

// write sends replies until the connection ends, and then the farewell.
func (f *feeder) write(ctx context.Context) {
	defer f.deafen()
	pings := time.NewTicker(pushPing)
	defer pings.Stop()
	for {
		select {
		case <-f.wake:
		case <-ctx.Done():
		case <-pings.C:
			if f.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(replyPatience)) != nil {
				f.cut()
				return
			}
			continue
		}
		over := ctx.Err() != nil // what there is to tell was there before
		if end, err := f.reply(); err != nil || end {
			return
		}
		if over {
			f.cut()
			return
		}
	}
}

// deafen takes in that nothing is told any more, so that no place waits for it.
func (f *feeder) deafen() {
	f.mu.Lock()
	if f.end == nil {
		f.end = &websocket.CloseError{Code: websocket.CloseAbnormalClosure}
	}
	owed := f.owed
	f.owed = 0
	f.mu.Unlock()
	f.free(owed)
}

// cut ends the reader.
func (f *feeder) cut() { _ = f.conn.NetConn().SetReadDeadline(time.Now()) }

// reply sends what is to be told; end tells that it was the last.
func (f *feeder) reply() (end bool, err error) {
	f.mu.Lock()
	became, n, owed, last := f.became, f.messages, f.owed, f.end
	f.became, f.messages, f.owed = command.Pushed{}, 0, 0
	f.mu.Unlock()
	defer f.free(owed)
	if n > 0 {
		if err := f.tell(&became, n); err != nil {
			f.cut()
			return true, err
		}
	}
	if last == nil {
		return false, nil
	}
	return true, f.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(last.Code, last.Text), time.Now().Add(replyPatience))
}

// tell sends what the rules answer, and what became of so many messages.
func (f *feeder) tell(became *command.Pushed, n uint64) error {
	body, err := json.Marshal(struct {
		*command.Pushed
		Messages uint64 `json:"messages"`
	}{became, n})
	if err != nil {
		return err
	}
	for _, text := range append(became.Sent, body) {
		if err := f.conn.SetWriteDeadline(time.Now().Add(replyPatience)); err != nil {
			return err
		}
		if err := f.conn.WriteMessage(websocket.TextMessage, bytes.ToValidUTF8(text, []byte("�"))); err != nil {
			return err
		}
	}
	return nil
}
