package command

// Drain has this node's sources handed over to other nodes, and answers when that is done, or as far as it can be: then the
// node may leave. It takes no new ones afterwards.
type Drain struct{ To[struct{}] }

// Retire begins a Drain, and has the node end when that is done. It is answered at once.
type Retire struct{ To[RetireView] }

// MostStays is the most sources that a RetireView names.
const MostStays = 1000

// RetireView is the answer of POST /cluster/drain.
type RetireView struct {
	// Stays are sources that run on this node and that no other one can take over, by name; MostStays of them at most.
	Stays []string `json:"stays"`
}
