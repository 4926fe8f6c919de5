package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"anode/actors/gossip/link"
	"anode/cmd/anode/config"
)

func TestJSONSaysWhatTextSays(t *testing.T) {
	var out bytes.Buffer
	log := newLogger(&config.Config{LogFormat: "json"}, &out)
	log.Info("a message", "took", 61*time.Second, "remote", &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 7946}, "reason", link.ReasonLimit,
		"address", netip.MustParseAddrPort("10.0.0.2:1"), "error", errors.New("broken"), "count", 3, "places", []string{"a"})
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"took": "1m1s", "remote": "10.0.0.1:7946", "reason": "limit", "address": "10.0.0.2:1", "error": "broken", "count": 3.0, "level": "INFO", "msg": "a message",
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	if list, _ := got["places"].([]any); len(list) != 1 {
		t.Errorf("%v", got)
	}
	if _, err := time.Parse(time.RFC3339Nano, got["time"].(string)); err != nil {
		t.Error(err)
	}
}
