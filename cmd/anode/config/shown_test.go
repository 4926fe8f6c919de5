package config_test

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"anode/cmd/anode/config"
)

func TestWhatIsShownOfSettings(t *testing.T) {
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.Flags(flags)
	if err := flags.Parse([]string{
		"--data", "/hush/data", "--secrets", "/hush/secrets", "--sources", "/hush/sources", "--retention-bytes", "1GiB", "--retention-age", "2d", "--join", "a:1,b:2",
		"--allow-private", "10.0.0.0/8", "--archive", "cassandra://c1:9042,c2:9042/k?ttl=3d", "--archive-credentials", "/hush/credentials", "--archive-streams", "market.",
	}); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(flags, []string{"ANODE_CLUSTER_SECRET=hush-hush-hush-hush-hush-hush-hush-hush"})
	if err != nil {
		t.Fatal(err)
	}
	shown := c.Shown()
	for name, want := range map[string]string{
		"retention-bytes": "1GiB", "retention-age": "2d", "disk-budget": "2GiB", "flush-interval": "adaptive", "join": "a:1, b:2", "durability": "sync", "ack": "local", "own": "all",
		"allow-private": "10.0.0.0/8", "archive": "cassandra://c1:9042,c2:9042/k?ttl=3d", "archive-streams": "market.>", "insecure": "false", "log-level": "info",
	} {
		if shown[name] != want {
			t.Errorf("%s is %q, want %q", name, shown[name], want)
		}
	}
	for name, value := range shown {
		if strings.Contains(value, "hush") {
			t.Errorf("%s shows %q", name, value)
		}
	}
}
