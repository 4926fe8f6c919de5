package frame_test

import (
	"math"
	"strings"
	"testing"

	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

const (
	node  = messages.NodeID("k3fqz2a7bcdefghijklmnopqr4") // the base32 of 16 bytes
	other = messages.NodeID("abcdefghijklmnopqrstuvwxya")
	plain = messages.NodeID("n1")

	millis   = 1_764_000_000_000
	sequence = messages.MaxSequence
)

// sealed is a batch of one record with so much payload.
func sealed(t testing.TB, origin messages.NodeID, payload int) *wire.Sealed {
	t.Helper()
	place := wire.Place{BatchID: messages.BatchID{Origin: origin, Epoch: millis, Sequence: 119}, First: messages.HLCFromMillis(millis + 5000)}
	s, _, _, err := wire.NewSealer(wire.None).Seal(place, []messages.Draft{{Stream: "lab.a", Payload: []byte(strings.Repeat("7", payload))}})
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

// samples are frames of all types, by name: those that the golden file holds.
func samples(t testing.TB) map[string]frame.Frame {
	hlc := messages.HLCFromMillis(millis+1) + 3
	held := frame.Held{Origin: node, Epoch: millis, Floor: 100, Run: 3000, Head: 40_000, HLC: hlc}
	holding := frame.Holding{Origin: node, EpochDigest: messages.EpochDigest{
		Epoch: millis, Floor: 10, Head: 900, HeadIndex: 17, HeadHLC: hlc, Holes: []messages.Range{{From: 10, To: 10}, {From: 12, To: 20}, {From: 899, To: 900}},
	}}
	gone := frame.Holding{Origin: plain, EpochDigest: messages.EpochDigest{Epoch: 1, Floor: 8, Head: 7, HeadIndex: messages.IndexEnd}}
	hashes := make([]uint64, frame.Buckets)
	for i := range hashes {
		hashes[i] = uint64(i) * 0x9e3779b97f4a7c15
	}
	return map[string]frame.Frame{
		"hello": &frame.Hello{
			Version: 1, Oldest: 1, Cluster: "lab", Node: node, Name: "größe-1", Epoch: millis, Capabilities: 1 << 40, Mesh: "10.0.0.1:7946", HTTP: "http://10.0.0.1:8080",
			Known: messages.Position{Origin: other, Epoch: millis, Sequence: 300, Index: 4}, Proof: [32]byte{0: 1, 31: 2},
		},
		"hello-least":      &frame.Hello{Version: 1, Oldest: 1, Node: plain, Epoch: 1},
		"hello-empty-line": &frame.Hello{Version: 300, Oldest: 2, Node: plain, Epoch: 1, Known: messages.Position{Origin: node}},
		"push":             &frame.Push{Hop: 1, Batch: sealed(t, node, 3)},
		"push-refresh":     &frame.Push{Refresh: true, Hop: 255, Batch: sealed(t, plain, 300)},
		"push-repair":      &frame.Push{Repair: true, Batch: sealed(t, node, 1)},
		"have":             &frame.Have{Flows: []frame.Held{held, {Origin: plain, Epoch: 1, Floor: 1, Run: 1}, {Origin: plain, Epoch: 2, Floor: 9, Run: 9, Head: 8}}},
		"have-none":        &frame.Have{},
		"ask":              &frame.Ask{ID: 7, Body: []byte(`{"frames":"lab"}`)},
		"ask-none":         &frame.Ask{},
		"answer":           &frame.Answer{ID: 300, Body: []byte{0, 255}},
		"answer-last":      &frame.Answer{ID: math.MaxUint64, Last: true},
		"pull":             &frame.Pull{ID: 1, Origin: node, Epoch: millis, Ranges: []messages.Range{{From: 500, To: 600}, {From: 1, To: 1}}, Descending: true, Bytes: 1 << 20},
		"pull-all":         &frame.Pull{ID: 2, Origin: plain, Epoch: 1, Ranges: []messages.Range{{From: 1, To: sequence}}, Bytes: math.MaxUint32},
		"end":              &frame.End{ID: 1, Floor: 400, NotHeld: []messages.Range{{From: 1, To: 9}, {From: 510, To: 510}}},
		"end-busy":         &frame.End{ID: 1, Busy: true},
		"graft":            &frame.Graft{Origin: node, Epoch: millis},
		"prune":            &frame.Prune{Origin: plain, Epoch: 1, Sequence: 7},
		"digest": &frame.Digest{
			Latest: []frame.Holding{holding, gone}, Compare: true, Since: 20_000, Days: []frame.Day{{Day: 20_000, Hash: 1}, {Day: 20_416, Hash: math.MaxUint64}}, Registry: 5,
			Closed: []frame.Holding{gone}, Want: []uint32{20_001, 3},
		},
		"digest-none":     &frame.Digest{},
		"digest-compare":  &frame.Digest{Compare: true},
		"digest-day-zero": &frame.Digest{Compare: true, Days: []frame.Day{{Day: 0}, {Day: math.MaxUint32}}},
		"registry": &frame.Registry{Events: []frame.Event{
			{Key: "source/lab", Revision: 3, HLC: hlc, Node: node, Body: []byte("kind: rest")}, {Node: plain},
		}},
		"registry-hashes": &frame.Registry{Hashes: hashes, Answer: true},
		"registry-none":   &frame.Registry{},
		"status":          &frame.Status{Records: []frame.Ephemeral{{Node: node, Kind: 1, Epoch: millis, Version: 9, Body: []byte(`{}`)}, {Node: plain}}},
		"status-none":     &frame.Status{},
		"ping":            &frame.Ping{Nonce: math.MaxUint64, Time: -1},
		"pong":            &frame.Pong{Nonce: 1, Time: 5_000_000_000},
		"bye":             &frame.Bye{Reason: "shutting down"},
		"bye-none":        &frame.Bye{},
		"versions":        &frame.Versions{List: []frame.Stamp{{Node: node, Kind: 1, Epoch: millis, Version: 9}, {Node: plain}}},
		"versions-want":   &frame.Versions{Want: true, List: []frame.Stamp{{Node: plain, Kind: 3}}},
		"versions-none":   &frame.Versions{},
	}
}

// maximal are the largest frames of the types that have one.
func maximal(t testing.TB) map[string]frame.Frame {
	long, text := messages.NodeID(strings.Repeat("z", messages.MaxNodeID)), strings.Repeat("é", frame.MaxText/2)
	position := messages.Position{Origin: long, Epoch: messages.MaxEpoch, Sequence: sequence, Index: messages.IndexEnd}
	var ranges, holes []messages.Range
	for i := range uint64(frame.MaxRanges) {
		ranges = append(ranges, messages.Range{From: sequence - i, To: sequence})
		holes = append(holes, messages.Range{From: 1 + i<<50, To: 7 + i<<50})
	}
	hashes := make([]uint64, frame.Buckets)
	days, want := make([]frame.Day, frame.MaxDays), make([]uint32, frame.MaxDays)
	for i := range days {
		days[i], want[i] = frame.Day{Day: uint32(i) << 18, Hash: math.MaxUint64}, math.MaxUint32
	}
	digest := messages.EpochDigest{Epoch: messages.MaxEpoch, Floor: 1, Head: sequence, HeadIndex: messages.IndexEnd, HeadHLC: math.MaxUint64, Holes: holes}
	return map[string]frame.Frame{
		"hello": &frame.Hello{
			Version: math.MaxUint16, Oldest: math.MaxUint16, Cluster: text, Node: long, Name: text, Epoch: messages.MaxEpoch, Capabilities: math.MaxUint64, Mesh: text, HTTP: text, Known: position,
		},
		"push":     &frame.Push{Refresh: true, Repair: true, Hop: 255, Batch: sealed(t, long, 1<<20)},
		"have":     &frame.Have{Flows: []frame.Held{{Origin: long, Epoch: messages.MaxEpoch, Floor: 1, Run: 1, Head: sequence, HLC: math.MaxUint64}}},
		"ask":      &frame.Ask{ID: math.MaxUint64, Body: make([]byte, frame.Max-5-10-3)},
		"answer":   &frame.Answer{ID: math.MaxUint64, Last: true, Body: make([]byte, frame.Max-5-1-10-3)},
		"pull":     &frame.Pull{ID: math.MaxUint64, Origin: long, Epoch: messages.MaxEpoch, Ranges: ranges, Descending: true, Bytes: math.MaxUint32},
		"end":      &frame.End{ID: math.MaxUint64, Busy: true, Floor: sequence, NotHeld: ranges},
		"digest":   &frame.Digest{Latest: []frame.Holding{{Origin: long, EpochDigest: digest}}, Compare: true, Since: math.MaxUint32, Days: days, Registry: math.MaxUint64, Want: want},
		"registry": &frame.Registry{Hashes: hashes, Answer: true, Events: []frame.Event{{Key: text, Revision: frame.MaxRevision, HLC: math.MaxUint64, Node: long, Body: make([]byte, frame.MaxValue)}}},
		"status":   &frame.Status{Records: []frame.Ephemeral{{Node: long, Kind: 255, Epoch: messages.MaxEpoch, Version: math.MaxUint64, Body: make([]byte, frame.MaxBody)}}},
		"bye":      &frame.Bye{Reason: text},
		"versions": &frame.Versions{Want: true, List: []frame.Stamp{{Node: long, Kind: 255, Epoch: messages.MaxEpoch, Version: math.MaxUint64}}},
	}
}
