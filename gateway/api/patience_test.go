package api

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"anode/messages/room"
)

// Clients that take nothing of their answers hold no more than the bound together: the first are cut, and who
// comes later and reads gets all of its answer.
func TestDeafClientsAreBoundedTogether(t *testing.T) {
	const deaf, fit = 12, 3
	w := newWorld(t)
	closed := w.walks(fakeWalk{n: 200, size: 1 << 20})
	w.config.SlowBytes = fit * 3 << 20 // some two megabytes an answer
	s := w.overHTTP(time.Minute)
	address, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	for range deaf {
		conn, err := net.Dial("tcp", address.Host)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		fmt.Fprintf(conn, "GET /api/v1/streams/lab.a/records HTTP/1.1\r\nHost: %s\r\nAccept: %s\r\n\r\n", address.Host, typeNDJSON)
	}
	for deadline := time.Now().Add(20 * time.Second); closed.Load() < deaf-3*fit; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d answers that nobody takes have ended", closed.Load(), deaf)
		}
	}
	// As long as sockets still fill, who is deaf takes something too, and may be cut after who reads.
	for at, was := time.Now(), closed.Load(); time.Since(at) < 300*time.Millisecond; time.Sleep(5 * time.Millisecond) {
		if now := closed.Load(); now != was {
			at, was = time.Now(), now
		}
	}
	if closed.Load() == deaf {
		t.Errorf("all %d have ended: there is room for %d", deaf, fit)
	}
	_, body, err := w.get(s.URL+"/api/v1/streams/lab.a/records?limit=20", "application/json")
	if err != nil || len(body) < 20<<20 {
		t.Errorf("the one that reads got %d bytes: %v", len(body), err)
	}
	for _, conn := range conns {
		conn.Close()
	}
	s.Close()
	if log := w.log.String(); !strings.Contains(log, "an answer was cut: slow clients together hold too much") {
		t.Errorf("the log says nothing of it: %q", log)
	}
}

// endsAs is a response that takes all, and has something happen as a write of it ends.
type endsAs struct {
	*httptest.ResponseRecorder
	happens func()
}

// Write implements http.ResponseWriter.
func (e endsAs) Write(b []byte) (int, error) {
	defer e.happens()
	return e.ResponseRecorder.Write(b)
}

// An answer that is cut as one of its writes ends is cut: the next write does not begin its time anew, with what it holds uncounted.
func TestAnAnswerThatIsCutBetweenTwoWritesEnds(t *testing.T) {
	answers := room.New(8 << 10)
	other := answers.Enter(func() {})
	defer other.Leave()
	w := endsAs{httptest.NewRecorder(), func() { other.Hold(6 << 10) }}
	p := &patient{ResponseWriter: w, control: http.NewResponseController(w), each: time.Minute, room: answers}
	if _, err := p.Write(make([]byte, 4<<10)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write(make([]byte, 4<<10)); err == nil {
		t.Error("it is written on")
	}
	if !p.leave() {
		t.Error("it was not cut")
	}
}
