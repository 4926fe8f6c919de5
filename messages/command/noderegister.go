package command

import (
	"errors"
	"fmt"

	"anode/messages"
)

// NodeRegister is what a node says of itself to the whole mesh, whole each time: whose sources it runs, and which it does
// not want now. It is what the mesh passes on, so that its strings may be of any node of any version.
type NodeRegister struct {
	// Own is all, local or none.
	Own string `json:"own"`
	// Labels are the node's.
	Labels map[string]string `json:"labels,omitempty"`
	// Said is when it was said, in Unix ms by the node's own clock: only the difference to Until counts.
	Said   int64   `json:"said,omitempty"`
	Yields []Yield `json:"yields,omitempty"`
	// Archive is where it archives to; nil is nowhere.
	Archive *NodeArchive `json:"archive,omitempty"`
}

// Yield is one source that a node does not want now.
type Yield struct {
	Source string `json:"source"`
	// Until is when it may be asked again, in Unix ms by the same clock as Said.
	Until int64 `json:"until"`
	// Reason is why, in words.
	Reason string `json:"reason,omitempty"`
	// Level tells that nothing is wrong with the source: it is given away so that all have about as many.
	Level bool `json:"level,omitempty"`
}

// Plain tells whether it says nothing that others would not take for granted.
func (r *NodeRegister) Plain() bool {
	return r.Own == "all" && len(r.Labels) == 0 && len(r.Yields) == 0 && r.Archive == nil
}

// Check tells whether it can be followed.
func (r *NodeRegister) Check() error {
	switch r.Own {
	case "all", "local", "none":
	default:
		return fmt.Errorf("own: %q is not all, local or none", clip(r.Own))
	}
	for i := range r.Yields {
		if r.Yields[i].Source == "" {
			return errors.New("a yield names no source")
		}
	}
	return nil
}

// NodeArchive is the archive that a node writes to.
type NodeArchive struct {
	// Place tells archives apart by how they are named: nodes that say the same write to the same one. Database does by what they say of
	// themselves, and counts where both know it; it is empty until a node was connected.
	Place    string `json:"place"`
	Database string `json:"database,omitempty"`
	// Streams is what is written.
	Streams messages.Pattern `json:"streams"`
	// Refused tells that the node does not use it: others archive what would be its.
	Refused bool `json:"refused,omitempty"`
}
