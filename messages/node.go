package messages

import (
	"fmt"

	"anode/messages/units"
)

// NodeID names a node for ever: a hash of its public key in lower-case base32.
// It holds no '-', so that it can stand in a Position. Empty means no node.
type NodeID string

// MaxNodeID is the longest NodeID, in bytes.
const MaxNodeID = 64

// ParseNodeID accepts 1 to MaxNodeID characters of a–z, 0–9.
func ParseNodeID(text string) (NodeID, error) {
	if text == "" || len(text) > MaxNodeID {
		return "", fmt.Errorf("node id %q: must have 1 to %d characters", clip(text), MaxNodeID)
	}
	for i := range len(text) {
		if c := text[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return "", fmt.Errorf("node id %q: character %q at %d is not one of a-z, 0-9", clip(text), c, i)
		}
	}
	return NodeID(text), nil
}

// clip cuts a refused text so that an error stays readable.
func clip(text string) string { return units.Clip(text, 80) }
