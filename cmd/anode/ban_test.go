package main

import (
	"testing"

	"anode/messages/command"
)

func TestANodeIsCalledByNameOrID(t *testing.T) {
	nodes := []command.NodeView{{ID: "abcdefgh", Name: "lab-1"}, {ID: "abcdxxxx", Name: "lab-2"}, {ID: "zzzzzzzz", Name: "lab-2"}, {ID: "lab3lab3", Name: "abcdefgh"}}
	for called, want := range map[string]string{
		"abcdefgh": "abcdefgh", "lab-1": "abcdefgh", "lab-2": "", "abcde": "abcdefgh", "abcd": "", "zzz": "", "zzzz": "zzzzzzzz", "none": "", "yyyyyyyy": "yyyyyyyy", "Yyyyyyyy": "", "": "",
	} {
		id, err := nodeCalled(nodes, called)
		if string(id) != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v", called, id, err)
		}
	}
}
