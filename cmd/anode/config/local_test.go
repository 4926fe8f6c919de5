package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
)

func TestNear(t *testing.T) {
	for bind, want := range map[string]string{
		":9000": "http://localhost:9000", "[::]:9000": "http://localhost:9000", "0.0.0.0:9000": "http://127.0.0.1:9000", "[::1]:80": "http://[::1]:80",
		"192.0.2.1:8080": "http://192.0.2.1:8080", "node.example:1": "http://node.example:1", "127.0.0.1:0": "",
	} {
		if got, err := Near(bind); err != nil || got != want {
			t.Errorf("%s: %q, %v: want %q", bind, got, err, want)
		}
	}
	if _, err := Near("9000"); err == nil {
		t.Error("what is no address has one")
	}
}

func TestLocal(t *testing.T) {
	running, stopped, odd := t.TempDir(), t.TempDir(), t.TempDir()
	for dir, text := range map[string]string{running: "http://localhost:9001\n", odd: "nonsense"} {
		if err := os.WriteFile(filepath.Join(dir, AddressFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(stopped, "anode.yaml")
	if err := os.WriteFile(file, []byte("http: 127.0.0.1:9002\ninsecure: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		flags, environ []string
		want           string
	}{
		"a node runs":                     {nil, []string{"ANODE_DATA=" + running}, "http://localhost:9001"},
		"a node runs there, by its flag":  {[]string{"--data", running}, []string{"ANODE_DATA=" + stopped}, "http://localhost:9001"},
		"a port is asked for":             {[]string{"--http", ":9003"}, []string{"ANODE_DATA=" + running}, "http://localhost:9003"},
		"none runs, by the environment":   {nil, []string{"ANODE_DATA=" + stopped, "ANODE_HTTP=:9004"}, "http://localhost:9004"},
		"none runs, by the file":          {[]string{"--config", file, "--data", stopped}, nil, "http://127.0.0.1:9002"},
		"what is written is no URL":       {[]string{"--data", odd}, nil, "http://127.0.0.1:8080"},
		"any port, and none runs":         {[]string{"--data", stopped, "--http", ":0"}, nil, ""},
		"beyond loopback without a token": {[]string{"--data", stopped}, []string{"ANODE_HTTP=0.0.0.0:8080"}, "http://127.0.0.1:8080"},
	} {
		t.Run(name, func(t *testing.T) {
			flags := pflag.NewFlagSet("", pflag.ContinueOnError)
			Flags(flags)
			if err := flags.Parse(c.flags); err != nil {
				t.Fatal(err)
			}
			if got, err := Local(flags, c.environ); err != nil || got != c.want {
				t.Errorf("%q, %v: want %q", got, err, c.want)
			}
		})
	}
}

func TestOwnSettings(t *testing.T) {
	if !OwnSettings([]string{"A=b", "ANODE_HTTP=:8080"}) || OwnSettings([]string{"ANODE_TOKEN=x", "ANODE_HTTP="}) {
		t.Error("it is told wrongly whether an environment is a node's")
	}
}
