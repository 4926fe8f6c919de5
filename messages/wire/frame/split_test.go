package frame_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"anode/messages"
	"anode/messages/wire/frame"
)

// sound checks a part of what was split.
func sound(t *testing.T, f frame.Frame) {
	t.Helper()
	if err := frame.Check(f); err != nil || f.Size() > frame.Max/2 {
		t.Errorf("a part of %d bytes: %v", f.Size(), err)
	}
}

// wantParts checks that parts are as few as they can be, within one.
func wantParts(t *testing.T, parts, bytes int) {
	t.Helper()
	if least := bytes/(frame.Max/2) + 1; parts < 2 || parts > least+1 {
		t.Errorf("%d bytes in %d parts", bytes, parts)
	}
}

func TestFlowsAreAnnouncedInParts(t *testing.T) {
	flows := make([]frame.Held, 60_000)
	for i := range flows {
		flows[i] = frame.Held{Origin: node, Epoch: uint64(millis + i), Floor: 1, Run: 1, Head: uint64(i)}
	}
	var got []frame.Held
	parts := frame.SplitHave(flows)
	for _, part := range parts {
		sound(t, part)
		got = append(got, part.Flows...)
	}
	wantParts(t, len(parts), (&frame.Have{Flows: flows}).Size())
	if !reflect.DeepEqual(got, flows) {
		t.Error("the parts are not the whole")
	}
	if parts := frame.SplitHave(flows[:3]); len(parts) != 1 || len(parts[0].Flows) != 3 {
		t.Errorf("three flows are in %d parts", len(parts))
	}
	if parts := frame.SplitHave(nil); parts != nil {
		t.Errorf("nothing is in %d parts", len(parts))
	}
}

func TestStatusTravelsInParts(t *testing.T) {
	records := make([]frame.Ephemeral, 1000)
	for i := range records {
		records[i] = frame.Ephemeral{Node: node, Version: uint64(i), Body: make([]byte, frame.MaxBody)}
	}
	var got []frame.Ephemeral
	parts := frame.SplitStatus(records)
	for _, part := range parts {
		sound(t, part)
		got = append(got, part.Records...)
	}
	wantParts(t, len(parts), (&frame.Status{Records: records}).Size())
	if !reflect.DeepEqual(got, records) {
		t.Error("the parts are not the whole")
	}
}

func TestVersionsTravelInParts(t *testing.T) {
	list := make([]frame.Stamp, 100_000)
	for i := range list {
		list[i] = frame.Stamp{Node: node, Kind: 1, Epoch: millis, Version: uint64(i)}
	}
	var got []frame.Stamp
	parts := frame.SplitVersions(list, true)
	for _, part := range parts {
		sound(t, part)
		got = append(got, part.List...)
		if !part.Want {
			t.Error("a part of what is wanted does not say so")
		}
	}
	wantParts(t, len(parts), (&frame.Versions{Want: true, List: list}).Size())
	if !reflect.DeepEqual(got, list) {
		t.Error("the parts are not the whole")
	}
}

func TestADigestTravelsInParts(t *testing.T) {
	whole := maximal(t)["digest"].(*frame.Digest)
	whole.Latest = slices.Repeat(whole.Latest, 2500)
	whole.Closed = slices.Repeat(whole.Latest[:1], 1500)
	var got frame.Digest
	parts := frame.SplitDigest(whole)
	for i, part := range parts {
		sound(t, part)
		if i == 0 {
			got = *part
			continue
		}
		if part.Compare || part.Want != nil {
			t.Errorf("part %d compares or wants again", i)
		}
		got.Latest, got.Closed = append(got.Latest, part.Latest...), append(got.Closed, part.Closed...)
	}
	if !reflect.DeepEqual(&got, whole) || len(parts) > 4 {
		t.Errorf("%d parts are not the whole, of %d bytes", len(parts), whole.Size())
	}
	if small := (&frame.Digest{Compare: true}); frame.SplitDigest(small)[0] != small {
		t.Error("a small digest is not itself")
	}
}

func TestEventsTravelInParts(t *testing.T) {
	whole := &frame.Registry{Hashes: make([]uint64, frame.Buckets), Answer: true}
	for i := range 9 {
		whole.Events = append(whole.Events, frame.Event{Key: fmt.Sprint("source/", i), Node: node, Body: make([]byte, frame.MaxValue/(1+i%2))})
	}
	parts, err := frame.SplitRegistry(whole)
	if err != nil {
		t.Fatal(err)
	}
	var got frame.Registry
	for i, part := range parts {
		sound(t, part)
		if i == 0 {
			got = *part
			continue
		}
		if part.Answer || part.Hashes != nil {
			t.Errorf("part %d compares again", i)
		}
		got.Events = append(got.Events, part.Events...)
	}
	if !reflect.DeepEqual(&got, whole) || len(parts) < 3 {
		t.Errorf("%d parts are not the whole", len(parts))
	}
	if parts, err := frame.SplitRegistry(&frame.Registry{Hashes: whole.Hashes}); err != nil || len(parts) != 1 || parts[0].Hashes == nil {
		t.Errorf("hashes alone are in %d parts, %v", len(parts), err)
	}
}

func TestAnEventThatCannotTravelIsNamedAndHoldsUpNoOther(t *testing.T) {
	whole := &frame.Registry{Events: []frame.Event{
		{Key: "a", Node: node}, {Key: "big", Node: node, Body: make([]byte, frame.MaxValue+1)}, {Key: strings.Repeat("k", frame.MaxText+1), Node: node}, {Key: "b", Node: node},
	}}
	parts, err := frame.SplitRegistry(whole)
	if !errors.Is(err, frame.ErrFrame) || !strings.Contains(err.Error(), `event 1: body of "big"`) || !strings.Contains(err.Error(), "event 2: key") {
		t.Errorf("%v", err)
	}
	if want := []*frame.Registry{{Events: []frame.Event{{Key: "a", Node: node}, {Key: "b", Node: node}}}}; !reflect.DeepEqual(parts, want) {
		t.Errorf("%+v", parts)
	}
	if len(whole.Events) != 4 || whole.Events[1].Key != "big" {
		t.Error("the list was changed")
	}
}

func TestPartsDoNotGrowIntoEachOther(t *testing.T) {
	flows := make([]frame.Held, 60_000)
	for i := range flows {
		flows[i] = frame.Held{Origin: messages.NodeID(strings.Repeat("z", 30)), Epoch: 1, Floor: 1, Run: 1}
	}
	parts := frame.SplitHave(flows)
	_ = append(parts[0].Flows, frame.Held{})
	if parts[1].Flows[0].Epoch != 1 {
		t.Error("appending to the first part changed the second")
	}
}
