package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"anode/messages/command"
	"anode/messages/wire/frame"
)

// What does not fit into a frame of a link is counted, and no index shows beyond the list.
func TestATrialIsCutUntilItFitsALink(t *testing.T) {
	text := func(n int) []byte { return bytes.Repeat([]byte("x"), n) }
	for name, c := range map[string]struct{ frames, frame, records, record, drops, drop int }{
		"nothing":      {},
		"little":       {20, 100, 20, 100, 20, 100},
		"long frames":  {40, 256 << 10, 20, 100, 3, 100},
		"long records": {3, 100, 8, 1 << 20, 3, 100},
		"all is long":  {500, 100 << 10, 1000, 100 << 10, 200, 4 << 10},
		"one too long": {1, 4 << 20, 1, 4 << 20, 1, 4 << 20},
	} {
		var view command.Trial
		view.Spec = json.RawMessage(`{"name":"a"}`)
		for range c.frames {
			view.Frames = append(view.Frames, command.Frame{Received: time.Unix(1e9, 0), Dir: command.FrameIn, Data: text(c.frame)})
		}
		for i := range c.records {
			view.Records = append(view.Records, fmt.Appendf(nil, "%q", text(c.record)))
			view.RecordFrames = append(view.RecordFrames, min(i, c.frames-1))
		}
		for i := range c.drops {
			view.Dropped = append(view.Dropped, command.TrialDrop{Frame: string(text(c.drop)), Index: min(i, c.frames-1), Count: 2})
		}
		if err := fit(&view, mostTrial); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		answer := reply{Trial: &view}.encode()
		if err := frame.Check(&frame.Answer{Body: answer}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		read, err := readReply(answer)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := read.trial(c.records); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if f, r, d := len(view.Frames)+view.More.Frames, len(view.Records)+view.More.Records, 2*len(view.Dropped)+int(view.More.Dropped); f != c.frames || r != c.records || d != 2*c.drops {
			t.Errorf("%s: it tells of %d frames, %d records, %d drops", name, f, r, d)
		}
		if name == "little" && view.More != (command.TrialMore{}) {
			t.Errorf("%s: cut: %+v", name, view.More)
		}
		if name == "long frames" && (len(view.Records) != 20 || len(view.Frames) < 5) {
			t.Errorf("%s: %d records and %d frames are left", name, len(view.Records), len(view.Frames))
		}
	}
	if err := fit(&command.Trial{YAML: string(text(mostTrial))}, mostTrial); !errors.Is(err, command.ErrUnavailable) {
		t.Errorf("one that has no room for anything: %v", err)
	}
}

func TestANodeIsFoundByItsIDOrItsName(t *testing.T) {
	nodes := []command.PeerView{
		{ID: "id1", Name: "one", State: command.NodeAlive},
		{ID: "id2", Name: "two", State: command.NodeDead},
		{ID: "id3", Name: "two", State: command.NodeSuspect},
		{ID: "id4", Name: "twin", State: command.NodeAlive},
		{ID: "id5", Name: "twin", State: command.NodeDraining},
		{ID: "id6", Name: "gone", State: command.NodeLeft},
		{ID: "id7", Name: "shut", State: command.NodeAlive, Banned: true},
	}
	for text, want := range map[string]struct {
		id  string
		err error
		say string
	}{
		"id1": {id: "id1"}, "one": {id: "id1"}, "two": {id: "id3"}, "id5": {id: "id5"},
		"id2": {err: command.ErrUnavailable, say: "dead"}, "gone": {err: command.ErrUnavailable, say: "left"}, "shut": {err: command.ErrUnavailable, say: "banned"},
		"twin": {err: command.ErrInvalid, say: "id4 or id5"}, "none": {err: command.ErrNotFound, say: "none"},
	} {
		id, err := find(nodes, text)
		if string(id) != want.id || !errors.Is(err, want.err) || want.err != nil && !strings.Contains(err.Error(), want.say) {
			t.Errorf("%s: %q, %v", text, id, err)
		}
	}
}
