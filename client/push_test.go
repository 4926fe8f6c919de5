package client_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"anode/actors/node"
	"anode/client"
	"anode/messages/command"
	"anode/testkit/onenode"
)

func TestPush(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hook"), []byte("open-sesame"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := onenode.Start(t, onenode.Options{Sources: node.Sources{Secrets: dir}})
	for _, cfg := range []client.Config{{}, {Token: "of-the-api"}} {
		cfg.Servers = []string{n.URL}
		c, err := client.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _, err = c.PutSource(t.Context(), "p", client.Document{YAML: true, Text: []byte("name: p\nkind: push\nnative_id: .id\npush: {token: '${secret:hook}'}\n" +
			"transform: {where: '.id > 0', map: '{id, e: $meta.event}'}\non: [{when: '.ping', send: {pong: '${.frame.ping}'}}, {when: '.bad', fail: 'not that'}]")}, "")
		if err != nil {
			t.Fatal(err)
		}
		push := func(body string) (client.Pushed, error) {
			return c.Push(t.Context(), client.Push{Source: "p", Body: []byte(body), ContentType: "application/json", Token: "open-sesame", Header: http.Header{"X-Event-Type": {"made"}}})
		}
		if _, err := c.Push(t.Context(), client.Push{Source: "p", Body: []byte("1"), Token: "x"}); !is(err, 401, "unauthorized") {
			t.Errorf("%v", err)
		}
		first := command.Pushed{Accepted: 1}
		if cfg.Token != "" { // the other client pushed it
			first = command.Pushed{Dropped: command.SourceDrops{Duplicate: 1}}
		}
		for body, want := range map[string]command.Pushed{`{"id":1}`: first, `{"id":0}`: {Dropped: command.SourceDrops{Filtered: 1}}, `{"id":[]}`: {Dropped: command.SourceDrops{Failed: 1}}} {
			if p, err := push(body); err != nil || p.Accepted != want.Accepted || p.Dropped != want.Dropped || p.Said != nil {
				t.Errorf("%s: %+v %v", body, p, err)
			}
		}
		if p, err := push(`{"ping":7}`); err != nil || string(p.Said) != `{"pong":7}` {
			t.Errorf("%+v %v", p, err)
		}
		if _, err := push(`{"bad":true}`); !is(err, 422, "invalid") {
			t.Errorf("%v", err)
		}
		if _, err := c.Push(t.Context(), client.Push{Source: "nobody"}); !is(err, 404, "not_found") {
			t.Errorf("%v", err)
		}
	}
}

func is(err error, status int, code string) bool {
	var p *client.Problem
	return errors.As(err, &p) && p.Status == status && p.Code == code
}
