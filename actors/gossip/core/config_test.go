package core_test

import (
	"strings"
	"testing"
	"time"

	"anode/actors/gossip/core"
)

func TestAllFaultsOfAConfigurationAreNamed(t *testing.T) {
	_, err := core.New(core.Config{Node: "NOT A NAME", Silent: 10 * time.Second, Ping: 20 * time.Second, MaxLinks: 65})
	if err == nil {
		t.Fatal("it is taken")
	}
	for _, want := range []string{"node id", "epochs count from 1", "silent after 10s and dead after 5s", "a ping each 20s", "65 links"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestTheLeastConfigurationIsTaken(t *testing.T) {
	if _, err := core.New(core.Config{Node: "a", Epoch: 1}); err != nil {
		t.Error(err)
	}
}
