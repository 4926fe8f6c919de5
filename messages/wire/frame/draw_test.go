package frame_test

import (
	"encoding/base32"
	"math"

	"pgregory.net/rapid"

	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// drawer draws frames. A wild one often breaks the rules, a tame one never does.
type drawer struct {
	*rapid.T
	wild bool
	push []*wire.Sealed
}

// uint draws a number that is often small or at an end.
func (d drawer) uint() uint64 {
	return rapid.OneOf(rapid.Uint64Range(0, 5), rapid.Uint64(), rapid.Uint64Range(math.MaxUint64-3, math.MaxUint64)).Draw(d.T, "number")
}

// between draws a number that is in the range, of the wild mostly.
func (d drawer) between(least, most uint64) uint64 {
	if d.wild && rapid.IntRange(0, 9).Draw(d.T, "wild") == 0 || most < least {
		return d.uint()
	}
	return rapid.OneOf(rapid.Uint64Range(least, most), rapid.Uint64Range(least, least+min(most-least, 3))).Draw(d.T, "number")
}

func (d drawer) bool() bool { return rapid.Bool().Draw(d.T, "flag") }

func (d drawer) bytes(most int) []byte {
	if b := rapid.SliceOfN(rapid.Byte(), 0, most).Draw(d.T, "bytes"); len(b) > 0 {
		return b
	}
	return nil
}

func (d drawer) text() string {
	if d.wild && rapid.IntRange(0, 9).Draw(d.T, "wild") == 0 {
		return string(d.bytes(40))
	}
	return rapid.StringN(0, 40, frame.MaxText).Draw(d.T, "text")
}

var base = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func (d drawer) id() messages.NodeID {
	if d.wild && rapid.IntRange(0, 9).Draw(d.T, "wild") == 0 {
		return messages.NodeID(rapid.StringMatching(`[a-zA-Z0-9-]{0,127}`).Draw(d.T, "no id"))
	}
	if d.bool() {
		return messages.NodeID(base.EncodeToString(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(d.T, "packed")))
	}
	return messages.NodeID(rapid.StringMatching(`[a-z0-9]{1,64}|[a-z2-7]{26}`).Draw(d.T, "id"))
}

// several draws a list of at most so many; nil for none.
func several[T any](d drawer, most int, one func() T) []T {
	var list []T
	for range rapid.IntRange(0, most).Draw(d.T, "count") {
		list = append(list, one())
	}
	return list
}

func (d drawer) hlc() messages.HLC { return messages.HLC(d.uint()) }

// held draws head, run and floor.
func (d drawer) held() frame.Held {
	head := d.between(0, sequence)
	run := d.between(1, head+1)
	return frame.Held{Origin: d.id(), Epoch: d.between(1, messages.MaxEpoch), Floor: d.between(1, run), Run: run, Head: head, HLC: d.hlc()}
}

func (d drawer) ranges() []messages.Range {
	return several(d, frame.MaxRanges, func() messages.Range {
		from := d.between(1, sequence)
		return messages.Range{From: from, To: d.between(from, sequence)}
	})
}

func (d drawer) holding() frame.Holding {
	head := d.between(0, sequence)
	h := messages.EpochDigest{Epoch: d.between(1, messages.MaxEpoch), Head: head, Floor: d.between(1, head+1), HeadIndex: uint32(d.between(0, messages.IndexEnd)), HeadHLC: d.hlc()}
	least := h.Floor
	for len(h.Holes) < frame.MaxHoles && least <= head && d.bool() {
		from := d.between(least, head)
		hole := messages.Range{From: from, To: d.between(from, head)}
		h.Holes = append(h.Holes, hole)
		if hole.To >= sequence {
			break
		}
		least = hole.To + 2
	}
	return frame.Holding{Origin: d.id(), EpochDigest: h}
}

func (d drawer) hello() *frame.Hello {
	f := &frame.Hello{
		Version: uint16(d.between(1, math.MaxUint16)), Cluster: d.text(), Node: d.id(), Name: d.text(), Epoch: d.between(1, messages.MaxEpoch),
		Capabilities: d.uint(), Mesh: d.text(), HTTP: d.text(),
	}
	f.Oldest = uint16(d.between(1, uint64(f.Version)))
	switch rapid.IntRange(0, 2).Draw(d.T, "known") {
	case 1:
		f.Known.Origin = d.id()
	case 2:
		f.Known = messages.Position{Origin: d.id(), Epoch: d.between(1, messages.MaxEpoch), Sequence: d.between(1, sequence), Index: uint32(d.between(0, messages.IndexEnd))}
	}
	copy(f.Proof[:], d.bytes(32))
	return f
}

func (d drawer) digest() *frame.Digest {
	f := &frame.Digest{Latest: several(d, 4, d.holding), Compare: d.bool(), Closed: several(d, 4, d.holding), Want: several(d, 8, func() uint32 { return uint32(d.uint()) })}
	if !f.Compare {
		return f
	}
	f.Since, f.Registry = uint32(d.uint()), d.uint()
	for day := uint64(0); day <= math.MaxUint32 && d.bool(); day++ {
		day = d.between(day, math.MaxUint32)
		f.Days = append(f.Days, frame.Day{Day: uint32(day), Hash: d.uint()})
	}
	return f
}

func (d drawer) registry() *frame.Registry {
	f := &frame.Registry{Answer: d.bool(), Events: several(d, 8, func() frame.Event {
		return frame.Event{Key: d.text(), Revision: d.between(0, frame.MaxRevision), HLC: d.hlc(), Node: d.id(), Body: d.bytes(100)}
	})}
	if d.bool() {
		n := int(d.between(frame.Buckets, frame.Buckets) % 300)
		f.Hashes = rapid.SliceOfN(rapid.Uint64(), max(n, 1), max(n, 1)).Draw(d.T, "hashes")
	}
	return f
}

func (d drawer) status() *frame.Status {
	return &frame.Status{Records: several(d, 8, func() frame.Ephemeral {
		return frame.Ephemeral{Node: d.id(), Kind: uint8(d.uint()), Epoch: d.uint(), Version: d.uint(), Body: d.bytes(100)}
	})}
}

func (d drawer) frame() frame.Frame {
	switch t := frame.Type(rapid.IntRange(int(frame.TypeHello), int(frame.TypeVersions)).Draw(d.T, "type")); t {
	case frame.TypeHello:
		return d.hello()
	case frame.TypePush:
		return &frame.Push{Refresh: d.bool(), Repair: d.bool(), Hop: uint8(d.uint()), Batch: rapid.SampledFrom(d.push).Draw(d.T, "batch")}
	case frame.TypeHave:
		return &frame.Have{Flows: several(d, 8, d.held)}
	case frame.TypeAsk:
		return &frame.Ask{ID: d.uint(), Body: d.bytes(100)}
	case frame.TypeAnswer:
		return &frame.Answer{ID: d.uint(), Last: d.bool(), Body: d.bytes(100)}
	case frame.TypePull:
		return &frame.Pull{ID: d.uint(), Origin: d.id(), Epoch: d.between(1, messages.MaxEpoch), Ranges: d.ranges(), Descending: d.bool(), Bytes: uint32(d.uint())}
	case frame.TypeEnd:
		return &frame.End{ID: d.uint(), Busy: d.bool(), Floor: d.between(0, sequence), NotHeld: d.ranges()}
	case frame.TypeGraft:
		return &frame.Graft{Origin: d.id(), Epoch: d.between(1, messages.MaxEpoch)}
	case frame.TypePrune:
		return &frame.Prune{Origin: d.id(), Epoch: d.between(1, messages.MaxEpoch), Sequence: d.between(1, messages.MaxSequence)}
	case frame.TypeDigest:
		return d.digest()
	case frame.TypeRegistry:
		return d.registry()
	case frame.TypeStatus:
		return d.status()
	case frame.TypePing:
		return &frame.Ping{Nonce: d.uint(), Time: int64(d.uint())}
	case frame.TypePong:
		return &frame.Pong{Nonce: d.uint(), Time: int64(d.uint())}
	case frame.TypeBye:
		return &frame.Bye{Reason: d.text()}
	case frame.TypeVersions:
		return &frame.Versions{Want: d.bool(), List: several(d, 8, func() frame.Stamp {
			return frame.Stamp{Node: d.id(), Kind: uint8(d.uint()), Epoch: d.uint(), Version: d.uint()}
		})}
	default:
		d.Fatalf("no frame is drawn for %s", t)
		return nil
	}
}
