package node_test

import (
	"errors"
	"strings"
	"testing"

	"anode/actors/node"
	"anode/messages/command"
	"anode/testkit/feeds"
)

// Senders may push to any node that has the labels, whatever that one owns; the others say where to.
func TestAPushIsTakenByAnyNodeWithTheLabels(t *testing.T) {
	server := serve(t, feeds.JSON("1"))
	eu, us := newMeshed(t), newMeshed(t)
	eu.labels, us.labels = map[string]string{"region": "eu"}, map[string]string{"region": "us"}
	eu.sources, us.sources = loopback(), node.Sources{Takes: "none"}
	eu.start(secret)
	us.start(secret, eu.addr)
	for _, document := range []string{
		"name: any\nkind: push\n", "name: eu\nkind: push\nnodes: {region: eu}\n", "name: moon\nkind: push\nnodes: {region: moon}\n", "name: fetched\nkind: rest\nurl: " + server.URL("/") + "\n",
	} {
		if _, err := command.Ask(t.Context(), eu, command.PutSource{YAML: true, Document: []byte(document)}); err != nil {
			t.Fatal(err)
		}
	}
	known := func(m *meshed) bool {
		list, err := command.Ask(t.Context(), m, command.ListSources{})
		return err == nil && len(list) == 4
	}
	await(t, "both know the sources", func() bool { return known(eu) && known(us) })
	open := func(m *meshed, name string) error {
		pusher, err := command.Ask(t.Context(), m, command.OpenPush{Name: name})
		if err != nil {
			return err
		}
		defer pusher.Close()
		done := make(chan error, 1)
		if err := pusher.Push(t.Context(), command.PushMessage{Body: []byte("1"), URL: "/"}, func(_ command.Pushed, err error) { done <- err }); err != nil {
			return err
		}
		return <-done
	}
	for _, c := range []struct {
		at   *meshed
		name string
		err  error
		say  string
	}{
		{eu, "any", nil, ""},
		{us, "any", nil, ""},
		{eu, "eu", nil, ""},
		{eu, "moon", command.ErrUnavailable, "region=moon"},
		{us, "moon", command.ErrUnavailable, "no node"},
		{us, "fetched", command.ErrNotPush, "rest"},
		{eu, "fetched", command.ErrNotPush, "rest"},
		{us, "none", command.ErrNotFound, "none"},
	} {
		if err := open(c.at, c.name); !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s at %v: %v", c.name, c.at.labels, err)
		}
	}
	await(t, "how it is any node says, also where it does not run", func() bool {
		view, err := command.Ask(t.Context(), us, command.GetSource{Name: "eu"})
		return err == nil && view.Status.State == command.SourceRunning && len(view.Status.Owners) == 1 && view.Status.Owners[0] == eu.id
	})
	for name, want := range map[string]struct {
		state   string
		records uint64
	}{"any": {command.SourceRunning, 2}, "eu": {command.SourceRunning, 1}, "moon": {command.SourcePending, 0}} {
		for _, m := range []*meshed{eu, us} {
			await(t, "every node says of "+name+" what all that run it do", func() bool {
				v, err := command.Ask(t.Context(), m, command.GetSource{Name: name})
				return err == nil && v.Status.State == want.state && v.Status.Records == want.records
			})
		}
	}
	await(t, "the other node is named, with where it is reached", func() bool {
		err := open(us, "eu")
		if !errors.Is(err, command.ErrUnavailable) || !strings.Contains(err.Error(), "region=eu") {
			t.Fatal(err)
		}
		return strings.Contains(err.Error(), string(eu.id)) && strings.Contains(err.Error(), "http://"+string(eu.id[:4]))
	})
}
