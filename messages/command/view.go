package command

import (
	"encoding/json"
	"time"

	"anode/messages"
)

// The views are the JSON objects of the API, as clients see them.

// Status asks how this node is.
type Status struct{ To[StatusView] }

// StatusView is the answer of GET /status.
type StatusView struct {
	Node       NodeView        `json:"node"`
	Components []ComponentView `json:"components"`
}

// Component states.
const (
	StateOK       = "ok"
	StateDegraded = "degraded"
	StateFailed   = "failed"
	StateOff      = "off"
)

// ComponentView is how one component is.
type ComponentView struct {
	Name string `json:"name"`
	// State is one of the states above.
	State string `json:"state"`
	// Detail says it in words.
	Detail string `json:"detail"`
	// Figures are numbers by name; sizes in bytes, times in seconds.
	Figures map[string]float64 `json:"figures"`
}

// Component asks a component how it is; each actor with a place in StatusView answers it.
type Component struct{ To[ComponentView] }

// Cluster asks for all nodes known.
type Cluster struct{ To[ClusterView] }

// ClusterView is the answer of GET /cluster.
type ClusterView struct {
	Cluster string     `json:"cluster"`
	Nodes   []NodeView `json:"nodes"`
}

// NodeView is one node of the mesh.
type NodeView struct {
	ID   messages.NodeID `json:"id"`
	Name string          `json:"name"`
	// State is alive, suspect, dead, left or draining.
	State       string            `json:"state"`
	Self        bool              `json:"self"`
	Mesh        string            `json:"mesh"`
	HTTP        string            `json:"http"`
	Version     string            `json:"version"`
	Started     time.Time         `json:"started"`
	Labels      map[string]string `json:"labels"`
	Sources     int               `json:"sources"`
	Subscribers int               `json:"subscribers"`
	Links       []LinkView        `json:"links"`
	Journal     JournalView       `json:"journal"`
	Rates       RatesView         `json:"rates"`
}

// LinkView is one link of a node.
type LinkView struct {
	Peer        messages.NodeID `json:"peer"`
	State       string          `json:"state"`
	RTT         float64         `json:"rtt_ms"`
	Lag         float64         `json:"lag"`
	QueuedBytes int64           `json:"queued_bytes"`
}

// JournalView is how much a node's journal holds.
type JournalView struct {
	Records uint64 `json:"records"`
	Bytes   int64  `json:"bytes"`
}

// RatesView is records a second, over about ten seconds.
type RatesView struct {
	In  float64 `json:"in"`
	Out float64 `json:"out"`
}

// Alarms asks what is wrong anywhere, in words.
type Alarms struct{ To[[]AlarmView] }

// Severities of alarms.
const (
	SeverityWarning  = "warning"
	SeverityCritical = "critical"
)

// AlarmView is one thing that is wrong.
type AlarmView struct {
	Severity string          `json:"severity"`
	Node     messages.NodeID `json:"node"`
	// Source is set where a source is what is wrong.
	Source string    `json:"source,omitempty"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
	// Hint says what to do.
	Hint string `json:"hint"`
}

// Actors asks for the actor tree.
type Actors struct{ To[ActorView] }

// ActorView is one actor and those below it.
type ActorView struct {
	Name string `json:"name"`
	Path string `json:"path"`
	// State is running, restarting or stopped.
	State    string      `json:"state"`
	Restarts uint64      `json:"restarts"`
	Mailbox  int64       `json:"mailbox"`
	LastFail string      `json:"last_failure,omitempty"`
	Since    time.Time   `json:"since"`
	Children []ActorView `json:"children,omitempty"`
}

// Ready asks whether the node can serve: each check by name, with an empty text when it passed.
type Ready struct{ To[ReadyView] }

// ReadyView is the answer of /readyz.
type ReadyView struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"`
}

// Streams lists what is held: the first streams that match and come after one, in order of their names.
type Streams struct {
	To[[]StreamView]
	Match messages.Pattern
	After messages.Stream
	// Most is how many are given at most; it must be above 0.
	Most int
}

// StreamView is one stream.
type StreamView struct {
	Name    messages.Stream `json:"name"`
	Records uint64          `json:"records"`
	Bytes   uint64          `json:"bytes"`
	Last    time.Time       `json:"last"`
	// Rate is records a second, over about ten seconds.
	Rate float64 `json:"rate"`
}

// Raw is JSON that is passed on as it is.
type Raw = json.RawMessage

// Canary asks the hub whether something goes round all its loops now.
type Canary struct{ To[struct{}] }

// Probe asks the journal whether it can write now: the answer comes after a sync.
type Probe struct{ To[struct{}] }
