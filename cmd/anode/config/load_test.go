package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"anode/cmd/anode/config"
	"anode/messages/units"
)

func load(t *testing.T, environ []string, args ...string) (config.Config, error) {
	t.Helper()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.Flags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return config.Load(flags, environ)
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "anode.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDefaultsAreValid(t *testing.T) {
	c, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP != "127.0.0.1:8080" || c.RetentionBytes != 10*units.GiB || c.RetentionAge != 7*24*time.Hour || c.DiskBudget != 20*units.GiB || c.Durability != "sync" {
		t.Fatalf("defaults are %+v", c)
	}
}

func TestFlagsWinOverEnvironmentOverFile(t *testing.T) {
	name := write(t, "cluster: file\nname: file\ndata: file\nlabel: [a=1]\nretention-age: 2d\nallow-private: [10.0.0.0/8]\ndemo: true\n")
	c, err := load(t, []string{"ANODE_CONFIG=" + name, "ANODE_NAME=env", "ANODE_DATA=env", "ANODE_RETENTION_BYTES=1GiB", "ANODE_LABEL=b=2,c=3", "ANODE_TOKEN=x"}, "--data", "flag")
	if err != nil {
		t.Fatal(err)
	}
	if c.Cluster != "file" || c.Name != "env" || c.Data != "flag" || c.RetentionBytes != units.GiB || c.RetentionAge != 48*time.Hour || !c.Demo {
		t.Fatalf("merged: %+v", c)
	}
	if c.Labels["b"] != "2" || c.Labels["c"] != "3" || len(c.Labels) != 2 || len(c.AllowPrivate) != 1 {
		t.Fatalf("lists: %v %v", c.Labels, c.AllowPrivate)
	}
}

func TestAllFaultsAreNamedAtOnce(t *testing.T) {
	_, err := load(t, []string{"ANODE_DURABILITY=maybe"}, "--http", "nowhere", "--retention-bytes", "1KiB", "--allow-private", "ten", "--label", "x",
		"--log-level", "loud", "--log-format", "xml", "--advertise-http", "ftp://x", "--allow-origin", "example.org",
		"--join", "other", "--ack", "all", "--own", "some", "--mesh", "7946")
	if err == nil {
		t.Fatal("was taken")
	}
	for _, want := range []string{"durability:", "http:", "retention-bytes:", "allow-private:", "label:", "log-level:", "log-format:", "advertise-http:", "allow-origin:", "join:", "ack:", "own:", "mesh:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named in:\n%v", want, err)
		}
	}
}

func TestOneValueOfAFileIsAListToo(t *testing.T) {
	c, err := load(t, nil, "--config", write(t, "label: a=1\nallow-private: 10.0.0.0/8,192.168.0.0/16\nallow-origin: https://example.org\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Labels["a"] != "1" || len(c.AllowPrivate) != 2 || len(c.AllowOrigin) != 1 {
		t.Fatalf("lists: %v %v %v", c.Labels, c.AllowPrivate, c.AllowOrigin)
	}
}

func TestAnEmptyVariableIsAnEmptyList(t *testing.T) {
	c, err := load(t, []string{"ANODE_LABEL=", "ANODE_ALLOW_PRIVATE=", "ANODE_ALLOW_ORIGIN=", "ANODE_JOIN="})
	if err != nil || len(c.Labels) != 0 || len(c.AllowPrivate) != 0 || len(c.AllowOrigin) != 0 {
		t.Fatalf("%v, lists: %v %v %v", err, c.Labels, c.AllowPrivate, c.AllowOrigin)
	}
}

func TestShapesThatASettingHasNotAreRefused(t *testing.T) {
	_, err := load(t, nil, "--config", write(t, "label: {a: 1}\nallow-private: 10\nname: [a, b]\ndata: {dir: x}\njoin: {other: 7946}\narchive: [cassandra://x/y]\n"))
	if err == nil {
		t.Fatal("was taken")
	}
	for _, want := range []string{"label: must be a list", "allow-private: must be a list", "name: must be one value", "data: must be one value", "join: must be a list", "archive: must be one value"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
}

func TestUnknownSettingsOfAFileAreRefused(t *testing.T) {
	_, err := load(t, nil, "--config", write(t, "retention: 5\nhttp: 127.0.0.1:0\n"))
	if err == nil || !strings.Contains(err.Error(), `unknown setting "retention"`) {
		t.Fatalf("error is %v", err)
	}
}

func TestBeyondLoopbackNeedsInsecure(t *testing.T) {
	for _, addr := range []string{":8080", "0.0.0.0:8080", "192.0.2.1:80", "[::]:80", "example.org:80"} {
		if _, err := load(t, nil, "--http", addr); err == nil || !strings.Contains(err.Error(), "--insecure") {
			t.Errorf("%s: %v", addr, err)
		}
		if _, err := load(t, nil, "--http", addr, "--insecure"); err != nil {
			t.Errorf("%s with --insecure: %v", addr, err)
		}
	}
	for _, addr := range []string{"localhost:80", "127.0.0.1:0", "[::1]:0", "127.9.9.9:1"} {
		if _, err := load(t, nil, "--http", addr); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestEachDefaultIsToldOnce(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.Flags(flags)
	for _, line := range strings.Split(flags.FlagUsages(), "\n") {
		if strings.Count(line, "(default") > 1 {
			t.Error(line)
		}
	}
}

func TestTheArchive(t *testing.T) {
	c, err := load(t, nil, "--archive", "cassandra://a,b:1/records?ttl=7d", "--archive-credentials", "file", "--archive-streams", "market.")
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Archive; a == nil || a.Keyspace != "records" || len(a.Hosts) != 2 || a.TTL != 7*24*time.Hour || a.Credentials != "file" || a.Streams != "market.>" {
		t.Errorf("%+v", c.Archive)
	}
	if c, err := load(t, nil); err != nil || c.Archive != nil {
		t.Errorf("without one: %+v, %v", c.Archive, err)
	}
	for name, want := range map[string]struct {
		args []string
		want string
	}{
		"another scheme":       {[]string{"--archive", "postgres://x/y"}, "archive: the form is cassandra://"},
		"a password in it":     {[]string{"--archive", "cassandra://user:geheim@x/y"}, "archive: user and password don't belong into the URL"},
		"a wrong pattern":      {[]string{"--archive", "cassandra://x/y", "--archive-streams", "a..b"}, "archive-streams: "},
		"credentials of none":  {[]string{"--archive-credentials", "file"}, "archive-credentials: there is no archive without --archive URL"},
		"streams of none":      {[]string{"--archive-streams", "a.>"}, "archive-streams: there is no archive without --archive URL"},
		"a setting of nothing": {[]string{"--archive", "cassandra://x/y?nothing=1"}, "archive: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, nil, want.args...)
			if err == nil || !strings.Contains(err.Error(), want.want) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("%v, want %q", err, want.want)
			}
		})
	}
}
