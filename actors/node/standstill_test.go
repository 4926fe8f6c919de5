package node

import (
	"testing"

	"anode/messages"
)

func TestWhatADigestCovers(t *testing.T) {
	at := func(epoch, seq uint64) []messages.Position {
		return []messages.Position{{Origin: "b", Epoch: epoch, Sequence: seq}}
	}
	of := func(all ...messages.EpochDigest) messages.Digest { return messages.Digest{"b": all} }
	before := of(messages.EpochDigest{Epoch: 1, Floor: 1, Head: 10, Holes: []messages.Range{{From: 3, To: 4}}})
	for what, c := range map[string]struct {
		digest       messages.Digest
		known, heads []messages.Position
		want         bool
	}{
		"nothing new":                        {before, nil, at(1, 10), true},
		"some is not here":                   {before, nil, at(1, 12), false},
		"all is here, but for an old hole":   {of(messages.EpochDigest{Epoch: 1, Floor: 1, Head: 12, Holes: []messages.Range{{From: 3, To: 4}}}), nil, at(1, 12), true},
		"the newest came first":              {of(messages.EpochDigest{Epoch: 1, Floor: 1, Head: 12, Holes: []messages.Range{{From: 3, To: 4}, {From: 11, To: 11}}}), nil, at(1, 12), false},
		"a hole above what is asked for":     {of(messages.EpochDigest{Epoch: 1, Floor: 1, Head: 14, Holes: []messages.Range{{From: 13, To: 13}}}), nil, at(1, 12), true},
		"another epoch that is not here":     {before, nil, at(2, 1), false},
		"another epoch that is here":         {of(before["b"][0], messages.EpochDigest{Epoch: 2, Floor: 1, Head: 1}), nil, at(2, 1), true},
		"what was never here is not awaited": {before, at(2, 5), at(2, 5), true},
		"but what came after it is":          {before, at(2, 5), at(2, 6), false},
		"an origin that is not known":        {messages.Digest{}, nil, at(1, 1), false},
	} {
		was := before
		if len(c.digest) == 0 {
			was = c.digest
		}
		if got := covers(c.digest, was, c.known, c.heads); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}
