package app_test

import (
	"net"
	"strings"
	"testing"

	"anode/client"
	"anode/messages/command"
)

// freePort is a port that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func demoSources(t *testing.T, c *client.Client) map[string]command.SourceView {
	t.Helper()
	all, err := c.Sources(within(t))
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]command.SourceView)
	for _, s := range all {
		byName[s.Name] = s
	}
	return byName
}

func TestDemoFeedsAreCollectedAndDeduplicated(t *testing.T) {
	dir, at := t.TempDir(), freePort(t)
	r := start(t, dir, "--demo", "--http", at)
	c := r.client()
	eventually(t, "all feeds gave records, and the list of events was seen again", func() bool {
		s := demoSources(t, c)
		return s["demo-market"].Status.Records > 20 && s["demo-site"].Status.Records >= 6 && s["demo-quakes"].Status.Records >= 20 && s["demo-quakes"].Status.Dropped.Duplicate > 0 && s["demo-ships"].Status.Records > 8 &&
			s["demo-parcels"].Status.Records > 3 && s["demo-parcels"].Status.Dropped.Filtered+s["demo-parcels"].Status.Dropped.Failed == 0
	})
	seen := make(map[string]bool)
	streams, err := c.Streams(within(t), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range streams {
		for _, record := range history(t, c, string(stream.Name)) {
			identity := strings.Join([]string{record.Source, record.Stream, record.Key, record.NativeID}, " ")
			if strings.HasPrefix(record.Source, "demo-") && seen[identity] {
				t.Errorf("%s was collected twice", identity)
			}
			seen[identity] = true
		}
	}
	before := demoSources(t, c)
	r.stop()
	if strings.Contains(r.log.String(), "level=ERROR") {
		t.Errorf("the log has errors:\n%s", r.log.String())
	}

	r = start(t, dir, "--demo", "--http", at)
	c = r.client()
	eventually(t, "the market goes on after the restart", func() bool { return demoSources(t, c)["demo-market"].Status.Records > 0 })
	after := demoSources(t, c)
	if len(after) != len(before) {
		t.Fatalf("%d sources after the restart, were %d", len(after), len(before))
	}
	for name, s := range before {
		if after[name].Version != s.Version {
			t.Errorf("%s was registered anew: %s, was %s", name, after[name].Version, s.Version)
		}
	}
	r.stop()

	other := start(t, dir, "--demo", "--http", freePort(t))
	c = other.client()
	eventually(t, "the sources follow the node to another port", func() bool {
		s := demoSources(t, c)["demo-market"]
		return strings.Contains(string(s.Spec), strings.TrimPrefix(other.url, "http://")) && s.Status.Records > 0
	})
	other.stop()

	without := start(t, dir)
	eventually(t, "a start without the demo names what is left of it", func() bool { return strings.Contains(without.log.String(), "anode source remove demo-site") })
	if left := demoSources(t, without.client()); len(left) != len(before) {
		t.Errorf("%d sources are left of %d", len(left), len(before))
	}
}

func TestOnlyTheNodesOwnPortIsOpenToSources(t *testing.T) {
	r := start(t, t.TempDir(), "--demo")
	c := r.client()
	_, err := c.CreateSource(within(t), client.Document{Text: []byte(`{"name":"inside","kind":"rest","url":"http://` + freePort(t) + `/"}`)})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "another port of this machine is refused", func() bool {
		s, err := c.Source(within(t), "inside")
		return err == nil && strings.Contains(s.Status.LastError, "--allow-private")
	})
}
