package node

import (
	"errors"
	"testing"

	"anode/messages/command"
)

func TestWhoIsToBeBannedIsMeantByNameOrID(t *testing.T) {
	nodes := []command.PeerView{{ID: "abcdefgh", Name: "lab-1"}, {ID: "abcdxxxx", Name: "lab-2"}, {ID: "zzzzzzzz", Name: "lab-2"}, {ID: "lab3lab3", Name: "abcdefgh"}}
	bans := []command.BanView{{Node: "gonegone"}, {Node: "zzzzzzzz"}}
	for text, want := range map[string]struct {
		id  string
		err error
	}{
		"abcdefgh": {"abcdefgh", nil}, // an id is no name
		"lab-1":    {"abcdefgh", nil},
		"abcde":    {"abcdefgh", nil},
		"zzzz":     {"zzzzzzzz", nil},
		"gone":     {"gonegone", nil},
		"yyyyyyyy": {"yyyyyyyy", nil}, // known to nobody
		"lab-2":    {"", command.ErrInvalid},
		"abcd":     {"", command.ErrInvalid},
		"zzz":      {"", command.ErrNotFound},
		"n1":       {"", command.ErrNotFound},
		"none":     {"", command.ErrNotFound},
		"Yyyyyyyy": {"", command.ErrNotFound},
		"":         {"", command.ErrNotFound},
	} {
		id, err := meant(nodes, bans, "abcdefgh", text)
		if string(id) != want.id || !errors.Is(err, want.err) {
			t.Errorf("%q is %q, %v", text, id, err)
		}
	}
}
