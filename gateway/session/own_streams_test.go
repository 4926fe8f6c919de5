package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"anode/actors/node"
	"anode/messages/command"
	"anode/testkit/documents"
	"anode/testkit/feeds"
	"anode/testkit/onenode"
)

// What the node tells of itself is as the document says, which hear checks: of its sources, of what
// they could not read, and of its own state.
func TestTheNodesOwnStreams(t *testing.T) {
	feed, err := feeds.Start(feeds.NewSocket(feeds.Play(feeds.Send("{broken", `{"a":1}`), feeds.Silence())))
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	n := onenode.Start(t, onenode.Options{Sources: node.Sources{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	for _, document := range []string{
		"name: good\nkind: websocket\nparse: json\nurl: " + feed.SocketURL("/"),
		"name: lost\nkind: websocket\nurl: ws://127.0.0.1:1/",
	} {
		if _, err := command.Ask(t.Context(), n.Node, command.PutSource{YAML: true, Document: []byte(document)}); err != nil {
			t.Fatal(err)
		}
	}
	c := dial(t, n, "")
	c.say(`{"op":"subscribe","sub":"1","streams":["$errors.>","$sources.>","$status.>"],"start":"earliest"}`)
	missing := map[string]string{
		"$errors.good": `"frame":"{broken"`, "$sources.good": `"state":"running"`, "$sources.lost": `"state":"backoff"`, "$status." + onenode.Self: `"state":"degraded"`,
	}
	for deadline := time.Now().Add(20 * time.Second); len(missing) > 0; {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %v", missing)
		}
		m := c.hear()
		for _, r := range m.Records {
			if part, ok := missing[m.Stream]; ok && bytes.Contains(r.Data, []byte(part)) {
				delete(missing, m.Stream)
			}
		}
	}
	for stream, data := range map[string]string{
		"$errors.x": `{"reason":"r"}`, "$sources.x": `{"source":"x","state":"odd"}`, "$status.x": `{"node":{}}`,
	} {
		text := fmt.Sprintf(`{"id":"a-1-1-0","source":"x","stream":%q,"time":"2026-11-22T10:00:00Z","received":"2026-11-22T10:00:00Z","data":%s}`, stream, data)
		if c.judge.Message("Record", documents.Parse(t, []byte(text))) == nil {
			t.Errorf("%s may be %s by the document", stream, data)
		}
	}
}

// A new subscriber of status first gets the latest of it, without position.
func TestStatusComesFirst(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	eventually(t, "the node has told of itself", func() bool {
		_, err := command.Ask(context.Background(), n.Node, command.Status{})
		return err == nil
	})
	c := dial(t, n, "")
	c.say(`{"op":"subscribe","sub":"s","streams":["$status.>"]}`)
	c.expect("subscribed")
	m := c.expect("records")
	if m.Stream != "$status."+onenode.Self || m.Pos != "" || len(m.Records) != 1 || m.Records[0].ID != "" {
		t.Errorf("%s", m.raw)
	}
	if len(m.Records[0].Data) > 2<<10 || !bytes.Contains(m.Records[0].Data, []byte(`"components"`)) {
		t.Errorf("%s", m.Records[0].Data)
	}
	all := dial(t, n, "")
	all.subscribe("all", `"streams":[">"]`)
	if err := all.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for {
		_, text, err := all.ReadMessage()
		if err != nil {
			if errors.Is(err, io.EOF) {
				t.Error(err)
			}
			return
		}
		if strings.Contains(string(text), "$status") {
			t.Errorf("> has %s", text)
		}
	}
}
