package command

import (
	"fmt"
	"time"

	"anode/messages"
)

// Ban shuts a node out of the mesh or, with Lift, lets it in again. It is done also where nothing changes; ErrNotFound where the
// name is no node's, ErrSelf where it is the one that is asked.
type Ban struct {
	To[struct{}]
	Node string
	Lift bool
}

// Bans asks which nodes are shut out, by id.
type Bans struct{ To[[]BanView] }

// Told is it in words, about the node itself.
func (v *BanView) Told() string {
	return fmt.Sprintf("banned by node %s at %s: no node links with it", v.By, v.At.UTC().Format(time.RFC3339))
}

// BanView is a node that is shut out.
type BanView struct {
	Node messages.NodeID `json:"node"`
	// At is when, by the clock of By, which is the node that was told to.
	At time.Time       `json:"at"`
	By messages.NodeID `json:"by"`
}
