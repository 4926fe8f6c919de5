package cassandra

import (
	"net"
	"os"
	"strings"
	"testing"
)

func TestFaultsOfAConfigAreAllNamed(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want []string
	}{
		{Config{}, nil},
		{Config{Nodes: 3, HeapMB: 256, CommitlogSync: "batch", User: "ann", Password: "it's"}, nil},
		{Config{Nodes: 4, Port: 70000, HeapMB: 64}, []string{"nodes are 4", "port is 70000", "heap is 64"}},
		{Config{CommitlogSync: "never"}, []string{`"never"`}},
		{Config{User: "ann"}, []string{"both or none"}},
		{Config{User: "cassandra", Password: "x"}, []string{"Cassandra's own"}},
		{Config{User: "Ann; DROP", Password: "x"}, []string{"small letters"}},
	} {
		err := c.cfg.Validate()
		if (err != nil) != (len(c.want) > 0) {
			t.Errorf("%+v: error is %v", c.cfg, err)
		}
		for _, want := range c.want {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: error is %q: want %q in it", c.cfg, err, want)
			}
		}
	}
}

func TestTheRingIsCutIntoEqualParts(t *testing.T) {
	for _, c := range []struct {
		index, nodes int
		want         string
	}{
		{0, 1, "-9223372036854775808"},
		{1, 2, "0"},
		{1, 3, "-3074457345618258603"},
		{2, 3, "3074457345618258602"},
	} {
		if got := token(c.index, c.nodes); got != c.want {
			t.Errorf("token %d of %d is %s: want %s", c.index, c.nodes, got, c.want)
		}
	}
}

func TestAClusterKeepsItsPorts(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), Nodes: 1}
	first, err := portsOf(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := portsOf(cfg); err != nil || again != first {
		t.Errorf("ports are %v, %v: want %v", again, err, first)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host(0), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	cfg.Port = l.Addr().(*net.TCPAddr).Port
	if _, err := portsOf(cfg); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("a port that is taken: %v", err)
	}
}

func TestSettingsReplaceAndAddLines(t *testing.T) {
	settings := map[string]string{"batch_size_fail_threshold": "10KiB", "num_tokens": "4"}
	cfg := Config{Dir: t.TempDir(), Settings: settings}.filled()
	if err := cfg.write(0, ports{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(cfg.place(0).yaml())
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"batch_size_fail_threshold: 10KiB", "num_tokens: 4"} {
		if !strings.Contains(string(text), "\n"+line+"\n") {
			t.Errorf("no line %q in: %s", line, text)
		}
	}
	if strings.Contains(string(text), "num_tokens: 1\n") {
		t.Error("the line that was replaced is there too")
	}
}
