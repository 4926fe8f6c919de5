package frame_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// body is what Append puts behind a frame's head.
func body(f frame.Frame) []byte { return frame.Append(nil, f)[5:] }

// roundTrip checks a frame that keeps all rules.
func roundTrip(t interface {
	Helper()
	Fatalf(string, ...any)
}, f frame.Frame,
) {
	t.Helper()
	if err := frame.Check(f); err != nil {
		t.Fatalf("%v", err)
	}
	b := frame.Append([]byte("before"), f)[len("before"):]
	if f.Size() != len(b) || int(binary.LittleEndian.Uint32(b)) != len(b)-5 || frame.Type(b[4]) != f.Type() {
		t.Fatalf("size %d of %d bytes with head %x", f.Size(), len(b), b[:5])
	}
	got, err := frame.Parse(f.Type(), b[5:])
	if err != nil {
		t.Fatalf("%v", err)
	}
	if !reflect.DeepEqual(got, f) {
		t.Fatalf("parsed\n%+v\nappended\n%+v", got, f)
	}
}

func TestWhatIsAppendedParsesAsItWas(t *testing.T) {
	for name, f := range samples(t) {
		t.Run(name, func(t *testing.T) { roundTrip(t, f) })
	}
	for name, f := range maximal(t) {
		t.Run("maximal "+name, func(t *testing.T) { roundTrip(t, f) })
	}
}

func TestNewerFieldsAndFlagsAreIgnored(t *testing.T) {
	for name, f := range samples(t) {
		b := append(body(f), 0xff, 1, 2)
		if got, err := frame.Parse(f.Type(), b); err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("%s with three bytes more: %+v, %v", name, got, err)
		}
	}
	for name, at := range map[string]int{"push": 0, "answer": 0, "registry": 0, "digest": 0, "end": 1} {
		f := samples(t)[name]
		b := body(f)
		b[at] |= 0xf8
		if got, err := frame.Parse(f.Type(), b); err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("%s with more flags: %+v, %v", name, got, err)
		}
	}
}

func TestACutBodyIsRefused(t *testing.T) {
	for name, f := range samples(t) {
		b := body(f)
		for n := range b {
			if got, err := frame.Parse(f.Type(), b[:n]); !errors.Is(err, frame.ErrFrame) || got != nil {
				t.Fatalf("%s cut after %d of %d bytes: %+v, %v", name, n, len(b), got, err)
			}
		}
	}
}

func TestAnUnknownTypeIsNoBadFrame(t *testing.T) {
	for _, unknown := range []frame.Type{0, frame.TypeVersions + 1, 255} {
		_, err := frame.Parse(unknown, []byte("whatever"))
		if !errors.Is(err, frame.ErrUnknown) || errors.Is(err, frame.ErrFrame) || !strings.Contains(err.Error(), unknown.String()) {
			t.Errorf("%s: %v", unknown, err)
		}
	}
}

func TestEveryTypeHasItsName(t *testing.T) {
	for name, f := range samples(t) {
		if first, _, _ := strings.Cut(name, "-"); f.Type().String() != first {
			t.Errorf("%s is called %s", name, f.Type())
		}
	}
}

func TestADamagedBatchIsToldApart(t *testing.T) {
	b := body(samples(t)["push"])
	b[len(b)-20] ^= 1
	if _, err := frame.Parse(frame.TypePush, b); !errors.Is(err, wire.ErrChecksum) || !errors.Is(err, frame.ErrFrame) {
		t.Errorf("a changed batch: %v", err)
	}
	b = []byte{0, 1, 3, 'x', 'y', 'z'}
	if _, err := frame.Parse(frame.TypePush, b); !errors.Is(err, wire.ErrFormat) || errors.Is(err, wire.ErrChecksum) {
		t.Errorf("no batch: %v", err)
	}
}

func TestABatchIsWrittenFromWhereItIs(t *testing.T) {
	for _, batch := range []*wire.Sealed{
		sealed(t, node, 5), sealed(t, node, 70_000), wire.StandIn(messages.Header{}, nil), wire.StandIn(messages.Header{}, make([]byte, 1000)),
	} {
		f := &frame.Push{Refresh: true, Hop: 3, Batch: batch}
		lead := f.AppendHead(make([]byte, 0, 16))
		if whole := append(bytes.Clone(lead), batch.Bytes()...); !bytes.Equal(whole, frame.Append(nil, f)) || f.Size() != len(whole) {
			t.Errorf("batch of %d bytes: size %d, head %x, and\n%.20x\n%.20x", len(batch.Bytes()), f.Size(), lead, whole, frame.Append(nil, f))
		}
	}
}

func TestAPushKeepsItsBytesAndNothingElseDoes(t *testing.T) {
	for name, f := range samples(t) {
		b := body(f)
		got, err := frame.Parse(f.Type(), b)
		if err != nil {
			t.Fatal(err)
		}
		if push, ok := got.(*frame.Push); ok {
			if sealed := push.Batch.Bytes(); &sealed[len(sealed)-1] != &b[len(b)-1] {
				t.Errorf("%s was copied", name)
			}
			continue
		}
		clear(b)
		if !reflect.DeepEqual(got, f) {
			t.Errorf("%s changed with the body that it was read from", name)
		}
	}
}

func TestATypicalFlowIsShort(t *testing.T) {
	one := frame.Held{Origin: node, Epoch: millis, Head: 200_000_000, Run: 1_500_000, Floor: 1_000_000, HLC: messages.HLCFromMillis(millis)}
	if n := (&frame.Have{Flows: []frame.Held{one, one}}).Size() - (&frame.Have{Flows: []frame.Held{one}}).Size(); n > 45 {
		t.Errorf("%d bytes", n)
	}
}

func TestAppendAndSizeDoNotAllocate(t *testing.T) {
	dst := make([]byte, 0, frame.Max)
	for name, f := range samples(t) {
		if n := testing.AllocsPerRun(100, func() {
			dst = frame.Append(dst[:0], f)
			if f.Size() != len(dst) {
				t.Errorf("%s: %d bytes, size %d", name, len(dst), f.Size())
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestAFrameAboveMaxIsNotBuiltSilently(t *testing.T) {
	f := &frame.Ask{Body: make([]byte, frame.Max)}
	if err := frame.Check(f); !errors.Is(err, frame.ErrFrame) || !strings.Contains(err.Error(), "ask: 2097162 bytes") {
		t.Errorf("checked: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("it was appended")
		}
	}()
	frame.Append(nil, f)
}

// broken are frames that break one rule each, and what the error says.
func broken() map[string]frame.Frame {
	held := func(floor, run, head uint64) frame.Frame {
		return &frame.Have{Flows: []frame.Held{{Origin: node, Epoch: 1, Floor: floor, Run: run, Head: head}}}
	}
	holding := func(floor, head uint64, holes ...messages.Range) frame.Frame {
		return &frame.Digest{Latest: []frame.Holding{{Origin: node, EpochDigest: messages.EpochDigest{Epoch: 1, Floor: floor, Head: head, Holes: holes}}}}
	}
	pull := func(ranges ...messages.Range) frame.Frame { return &frame.Pull{Origin: node, Epoch: 1, Ranges: ranges} }
	hello := func(change func(*frame.Hello)) frame.Frame {
		f := &frame.Hello{Version: 1, Oldest: 1, Node: node, Epoch: 1}
		change(f)
		return f
	}
	return map[string]frame.Frame{
		"hello: versions 2 to 1":          hello(func(f *frame.Hello) { f.Oldest = 2 }),
		"hello: versions 0 to 1":          hello(func(f *frame.Hello) { f.Oldest = 0 }),
		"hello: text of 1025":             hello(func(f *frame.Hello) { f.Name = strings.Repeat("a", frame.MaxText+1) }),
		`hello: text "\xff" is not UTF-8`: hello(func(f *frame.Hello) { f.HTTP = "\xff" }),
		`hello: node id ""`:               hello(func(f *frame.Hello) { f.Node = "" }),
		"hello: epoch 0":                  hello(func(f *frame.Hello) { f.Epoch = 0 }),
		"hello: position n1-5-0-0":        hello(func(f *frame.Hello) { f.Known = messages.Position{Origin: plain, Epoch: 5} }),
		"hello: position n1-5-1-1025":     hello(func(f *frame.Hello) { f.Known = messages.Position{Origin: plain, Epoch: 5, Sequence: 1, Index: 1025} }),
		`hello: node id "": must`:         hello(func(f *frame.Hello) { f.Known = messages.Position{Epoch: 5, Sequence: 1} }),
		"have: flow 0: floor 0":           held(0, 1, 1),
		"have: flow 0: floor 3, run 2":    held(3, 2, 4),
		"have: flow 0: floor 1, run 6":    held(1, 6, 4),
		"have: flow 0: floor 1, run 1":    held(1, 1, math.MaxUint64),
		"have: flow 0: node id":           &frame.Have{Flows: []frame.Held{{Origin: "A-1", Epoch: 1, Floor: 1, Run: 1}}},
		"pull: range 0-5":                 pull(messages.Range{To: 5}),
		"pull: range 7-6":                 pull(messages.Range{From: 1, To: 1}, messages.Range{From: 7, To: 6}),
		"pull: range 1-184467":            pull(messages.Range{From: 1, To: math.MaxUint64}),
		"pull: node id":                   &frame.Pull{Epoch: 1},
		"end: range 0-0":                  &frame.End{NotHeld: make([]messages.Range, 1)},
		"end: floor 184467":               &frame.End{Floor: math.MaxUint64},
		"graft: epoch 0":                  &frame.Graft{Origin: node},
		"prune: node id":                  &frame.Prune{Epoch: 1, Sequence: 1},
		"prune: 0 is no sequence":         &frame.Prune{Origin: plain, Epoch: 1},
		"digest: latest 0: floor 0":       holding(0, 5),
		"digest: latest 0: floor 7":       holding(7, 5),
		"digest: latest 0: hole 1-2":      holding(2, 5, messages.Range{From: 1, To: 2}),
		"digest: latest 0: hole 4-6":      holding(2, 5, messages.Range{From: 4, To: 6}),
		"digest: latest 0: hole 4-3":      holding(2, 5, messages.Range{From: 4, To: 3}),
		"digest: latest 0: hole 3-3":      holding(1, 5, messages.Range{From: 2, To: 2}, messages.Range{From: 3, To: 3}),
		"digest: latest 0: hole 2-3":      holding(1, 9, messages.Range{From: 5, To: 6}, messages.Range{From: 2, To: 3}),
		"digest: latest 0: index 1025":    &frame.Digest{Latest: []frame.Holding{{Origin: node, EpochDigest: messages.EpochDigest{Epoch: 1, Floor: 1, HeadIndex: 1025}}}},
		"digest: closed 0: epoch 0":       &frame.Digest{Closed: []frame.Holding{{Origin: node}}},
		"digest: day 5 comes after 5":     &frame.Digest{Compare: true, Days: []frame.Day{{Day: 5}, {Day: 5}}},
		"digest: day 4 comes after 5":     &frame.Digest{Compare: true, Days: []frame.Day{{Day: 5}, {Day: 4}}},
		"registry: event 0: node id":      &frame.Registry{Events: make([]frame.Event, 1)},
		"registry: event 0: key: text of": &frame.Registry{Events: []frame.Event{{Node: node, Key: strings.Repeat("a", frame.MaxText+1)}}},
		"registry: event 0: body of":      &frame.Registry{Events: []frame.Event{{Node: node, Body: make([]byte, frame.MaxValue+1)}}},
		"registry: event 0: revision 9":   &frame.Registry{Events: []frame.Event{{Node: node, Revision: frame.MaxRevision + 1}}},
		"registry: 3 hashes":              &frame.Registry{Hashes: make([]uint64, 3)},
		"status: record 1: body of 2049":  &frame.Status{Records: []frame.Ephemeral{{Node: node}, {Node: node, Body: make([]byte, frame.MaxBody+1)}}},
		"status: record 0: node id":       &frame.Status{Records: make([]frame.Ephemeral, 1)},
		"versions: version 1: node id":    &frame.Versions{List: []frame.Stamp{{Node: node}, {}}},
		"bye: text of 1025":               &frame.Bye{Reason: strings.Repeat("a", frame.MaxText+1)},
	}
}

func TestAFrameThatBreaksARuleIsRefusedOnBothSides(t *testing.T) {
	for want, f := range broken() {
		for side, err := range map[string]error{"sent": frame.Check(f), "received": parseError(f)} {
			if !errors.Is(err, frame.ErrFrame) || !strings.HasPrefix(err.Error(), "bad frame: "+want) {
				t.Errorf("%s: %v, want %s", side, err, want)
			}
		}
	}
}

func parseError(f frame.Frame) error {
	_, err := frame.Parse(f.Type(), body(f))
	return err
}

func TestListsThatAreTooLongAreRefused(t *testing.T) {
	ranges := make([]messages.Range, frame.MaxRanges+1)
	for i := range ranges {
		ranges[i] = messages.Range{From: uint64(2*i + 1), To: uint64(2*i + 1)}
	}
	days := make([]frame.Day, frame.MaxDays+1)
	for i := range days {
		days[i].Day = uint32(i)
	}
	for _, f := range []frame.Frame{
		&frame.Pull{Origin: node, Epoch: 1, Ranges: ranges},
		&frame.End{NotHeld: ranges},
		&frame.Digest{Latest: []frame.Holding{{Origin: node, EpochDigest: messages.EpochDigest{Epoch: 1, Floor: 1, Head: 1000, Holes: ranges}}}},
		&frame.Digest{Compare: true, Days: days},
		&frame.Digest{Want: make([]uint32, frame.MaxDays+1)},
		&frame.Registry{Hashes: make([]uint64, frame.Buckets+1)},
	} {
		for side, err := range map[string]error{"sent": frame.Check(f), "received": parseError(f)} {
			if !errors.Is(err, frame.ErrFrame) {
				t.Errorf("%s %s: %v", side, f.Type(), err)
			}
		}
	}
}

func TestDaysWithoutCompareAreRefused(t *testing.T) {
	for _, f := range []*frame.Digest{{Since: 1}, {Registry: 1}, {Days: make([]frame.Day, 1)}} {
		if err := frame.Check(f); !errors.Is(err, frame.ErrFrame) {
			t.Errorf("%+v: %v", f, err)
		}
	}
	if err := frame.Check(&frame.Push{}); !errors.Is(err, frame.ErrFrame) {
		t.Errorf("a push of nothing: %v", err)
	}
}

func TestBytesThatHaveAnotherFormAreRefused(t *testing.T) {
	graft := body(&frame.Graft{Origin: node, Epoch: 1})
	asText := append(append([]byte{26}, node...), 1)
	for want, b := range map[string][]byte{
		"is not packed":     asText,
		"unknown form 0x91": append([]byte{0x91}, graft[1:]...),
		"number is longer":  append(graft[:17:17], 0x81, 0),
		"than 64 bits":      append(graft[:17:17], 255, 255, 255, 255, 255, 255, 255, 255, 255, 2),
	} {
		if _, err := frame.Parse(frame.TypeGraft, b); !errors.Is(err, frame.ErrFrame) || !strings.Contains(err.Error(), want) {
			t.Errorf("%x: %v, want %s", b, err, want)
		}
	}
}

func TestNumbersAboveTheirWidthAreRefused(t *testing.T) {
	for want, c := range map[string]struct {
		kind frame.Type
		body []byte
	}{
		"number 65536, at most 65535":           {frame.TypeHello, []byte{0x80, 0x80, 4}},
		"number 4294967296, at most 4294967295": {frame.TypePull, []byte{1, 1, 'a', 1, 0, 0x80, 0x80, 0x80, 0x80, 0x10, 0}},
		"body of 2097148 bytes, at most":        {frame.TypeAsk, make([]byte, frame.Max-4)},
	} {
		if _, err := frame.Parse(c.kind, c.body); !errors.Is(err, frame.ErrFrame) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestNodeIDsThatAreNoBase32StandAsText(t *testing.T) {
	for id, packed := range map[messages.NodeID]bool{
		node: true, other: true, "aaaaaaaaaaaaaaaaaaaaaaaaaa": true, "77777777777777777777777774": true,
		"aaaaaaaaaaaaaaaaaaaaaaaaab": false, "77777777777777777777777777": false, "aaaaaaaaaaaaaaaaaaaaaaaa1a": false, "0aaaaaaaaaaaaaaaaaaaaaaaaa": false,
		"aaaaaaaaaaaaaaaaaaaaaaaaa": false, "aaaaaaaaaaaaaaaaaaaaaaaaaaa": false, "a": false,
	} {
		f := &frame.Graft{Origin: id, Epoch: 1}
		roundTrip(t, f)
		if short := f.Size() == 5+17+1; short != packed {
			t.Errorf("%s has %d bytes", id, f.Size())
		}
	}
}
