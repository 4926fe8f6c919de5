package node

import (
	"testing"

	"anode/messages/command"
)

// What placement and the archiver say of a node is said together, whoever speaks, and again by who is told that there was no room.
func TestWhatANodeSaysOfItself(t *testing.T) {
	var said []command.NodeRegister
	room := true
	d := declaration{say: func(r command.NodeRegister) bool {
		if room {
			said = append(said, r)
		}
		return room
	}}
	if !d.archives(command.NodeArchive{Place: "a"}) || len(said) != 0 {
		t.Errorf("before placement spoke: %+v", said)
	}
	room = false
	if d.own(command.NodeRegister{Own: "all"}) {
		t.Error("it is said without room")
	}
	room = true
	if !d.own(command.NodeRegister{Own: "all"}) || len(said) != 1 || said[0].Own != "all" || said[0].Archive.Place != "a" {
		t.Errorf("placement spoke: %+v", said)
	}
	if !d.archives(command.NodeArchive{Place: "a", Refused: true}) || len(said) != 2 || said[1].Own != "all" || !said[1].Archive.Refused || said[0].Archive.Refused {
		t.Errorf("the archiver spoke: %+v", said)
	}
	if d.own(command.NodeRegister{Own: "none"}); len(said) != 3 || said[2].Own != "none" || !said[2].Archive.Refused {
		t.Errorf("placement spoke again: %+v", said)
	}
}
