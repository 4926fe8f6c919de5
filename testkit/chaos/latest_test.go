package chaos_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anode/testkit/chaos"
)

// Who subscribed to the latest before a node was known gets all that the node took, from before its first link was up
// too: its newest is pushed while the link comes up, and what it took first is fetched behind that.
func TestWhatANodeTookBeforeItsFirstLinkComesToWhoSubscribedBefore(t *testing.T) {
	if via() != chaos.Proxied {
		t.Skip("needs ways that can be cut")
	}
	m := start(t, chaos.Config{Nodes: 2, Via: chaos.Proxied, Down: []int{1}})
	conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(m.Node(0).URL, "http")+"/api/v1/subscribe?stream=early.a&start=latest", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for first := (chaos.Message{}); first.Op != "live"; {
		if err := conn.ReadJSON(&first); err != nil {
			t.Fatal(err)
		}
	}
	m.Ways.Both(0, 1, chaos.Way{Cut: true})
	if err := m.Node(1).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	fill(t, m.Node(1), "early.a", 5, 1000)
	m.Ways.Heal()
	count := 5
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); count++ {
		publish(t, m.Node(1), "early.a", "application/json", fmt.Sprintf(`{"n":%d}`, count))
		if list, err := m.Node(0).History(t.Context(), "early.a"); err == nil && len(list) > count/2 {
			break
		}
	}
	count++
	everywhere(t, m, "early.a", count, 30*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	for got := 0; got < count; {
		var msg chaos.Message
		if err := conn.ReadJSON(&msg); err != nil {
			t.Fatalf("%d of %d came: %v", got, count, err)
		}
		for _, r := range msg.Records {
			if r.Data.Number != got {
				t.Fatalf("the record %d came in the place of %d of %d", r.Data.Number, got, count)
			}
			got++
		}
		if msg.Op == "gap" {
			t.Fatalf("a gap from %s to %s", msg.From, msg.To)
		}
	}
}
