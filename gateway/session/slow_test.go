package session_test

import (
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"anode/testkit/onenode"
)

// Messages that never become whole hold no more than the bound together: the connections that keep one for
// longest end, and who sends small ones, or a large one at once, is served.
func TestUnfinishedMessagesAreBoundedTogether(t *testing.T) {
	n := onenode.Start(t, onenode.Options{SlowBytes: 3 << 20})
	half := make([]byte, 1<<20)
	var slow []*client
	for range 5 {
		c := dial(t, n, "")
		w, err := c.NextWriter(websocket.TextMessage)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(half); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, c)
	}
	for _, c := range slow[:2] {
		if end := c.ends(); end.Code != 4429 {
			t.Errorf("ended with %v, want 4429", end)
		}
	}
	good := dial(t, n, "")
	good.say(`{"op":"publish","id":1,"stream":"s.a","data":"` + strings.Repeat("x", 1<<19) + `"}`)
	good.expect("published")
	good.say(`{"op":"ping","id":2}`)
	good.expect("pong")
}
