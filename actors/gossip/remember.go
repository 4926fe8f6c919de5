package gossip

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"anode/actors/gossip/member"
	"anode/messages"
	"anode/storage"
)

// Where State has the peers that there were.
const (
	bucket   = "gossip"
	peersKey = "peers"
	// peersVersion is the form of the value: JSON of rememberedPeers.
	peersVersion = 1
)

type rememberedPeers struct {
	Version int              `json:"v"`
	Peers   []rememberedPeer `json:"peers"`
}

type rememberedPeer struct {
	ID   messages.NodeID `json:"id"`
	Mesh netip.AddrPort  `json:"mesh"`
	Left bool            `json:"left,omitempty"`
	Seen time.Time       `json:"seen"`
}

// recall reads the peers that there were. Without them the node finds the mesh by its seeds.
func recall(cfg *Config) []member.Peer {
	value, err := cfg.State.Get(bucket, peersKey)
	var stored rememberedPeers
	if err == nil {
		err = json.Unmarshal(value, &stored)
	}
	switch {
	case errors.Is(err, storage.ErrNotHeld):
		return nil
	case err != nil || stored.Version != peersVersion:
		cfg.Logger.Warn("the peers that were remembered can't be read: the seeds are all there is", "version", stored.Version, "error", err)
		return nil
	}
	var peers []member.Peer
	for _, p := range stored.Peers {
		if _, err := messages.ParseNodeID(string(p.ID)); err == nil && p.Mesh.IsValid() {
			peers = append(peers, member.Peer{ID: p.ID, Addr: p.Mesh, Left: p.Left, Seen: p.Seen})
		}
	}
	return peers
}

// Knows tells whether a node remembers peers.
func Knows(state storage.State) bool {
	return len(recall(&Config{State: state, Logger: slog.New(slog.DiscardHandler)})) > 0
}

// remember stores the peers there are.
func remember(cfg *Config, peers []member.Peer) {
	stored := rememberedPeers{Version: peersVersion, Peers: make([]rememberedPeer, len(peers))}
	for i, p := range peers {
		stored.Peers[i] = rememberedPeer{ID: p.ID, Mesh: p.Addr, Left: p.Left, Seen: p.Seen}
	}
	value, err := json.Marshal(stored)
	if err == nil {
		err = cfg.State.Put(storage.Change{Bucket: bucket, Key: peersKey, Value: value})
	}
	if err != nil {
		cfg.Logger.Warn("the peers can't be remembered: after a restart the seeds are all there is", "error", err)
	}
}
