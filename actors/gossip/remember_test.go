package gossip

import (
	"log/slog"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"anode/actors/gossip/member"
	"anode/storage"
	"anode/storage/memory"
)

func TestPeersAreRemembered(t *testing.T) {
	cfg := &Config{State: memory.NewState(), Logger: slog.New(slog.DiscardHandler)}
	if got := recall(cfg); got != nil {
		t.Errorf("at first %v", got)
	}
	peers := []member.Peer{
		{ID: "aaaa", Addr: netip.MustParseAddrPort("192.0.2.1:7946"), Seen: time.Unix(1000, 0).UTC()},
		{ID: "bbbb", Addr: netip.MustParseAddrPort("[2001:db8::1]:7946"), Left: true, Seen: time.Unix(2000, 0).UTC()},
	}
	remember(cfg, peers)
	if got := recall(cfg); !reflect.DeepEqual(got, peers) {
		t.Errorf("%+v, want %+v", got, peers)
	}
}

func TestWhatIsNoListOfPeersIsPassedOver(t *testing.T) {
	for name, value := range map[string]string{
		"no JSON":                    `{"v":1,`,
		"another version":            `{"v":2,"peers":[{"id":"aaaa","mesh":"192.0.2.1:1"}]}`,
		"no address":                 `{"v":1,"peers":[{"id":"aaaa","mesh":""}]}`,
		"an ID that is none":         `{"v":1,"peers":[{"id":"a-a","mesh":"192.0.2.1:1"}]}`,
		"a time that is none either": `{"v":1,"peers":[{"id":"aaaa","mesh":"192.0.2.1:1","seen":"soon"}]}`,
	} {
		cfg := &Config{State: memory.NewState(), Logger: slog.New(slog.DiscardHandler)}
		if err := cfg.State.Put(storage.Change{Bucket: bucket, Key: peersKey, Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
		if got := recall(cfg); len(got) != 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}
