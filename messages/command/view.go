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
	// Settings are those in force that users may see, by the names of their flags.
	Settings map[string]string `json:"settings,omitempty"`
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
	// Hint is what to look at, where that is not what the component's name says; its alarm shows it.
	Hint string `json:"-"`
	// Figures are numbers by name; sizes in bytes, times in seconds.
	Figures map[string]float64 `json:"figures"`
	// Ownerless are sources of which this node is to tell that nobody can own them.
	Ownerless []OwnerlessView `json:"-"`
}

// OwnerlessView is a source that no node can own, and why, in words.
type OwnerlessView struct{ Source, Reason string }

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
	State string `json:"state"`
	// Since is when that began, and Seen when its last status came, by the clock of the node that was asked; they are
	// zero where it does not know.
	Since time.Time `json:"since,omitzero"`
	Seen  time.Time `json:"seen,omitzero"`
	// Banned tells that it is shut out of the mesh, as the node that was asked knows.
	Banned      bool              `json:"banned,omitempty"`
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
	// Latency is of the last ten seconds or so; parts of it are absent where nothing was delivered.
	Latency LatencyView `json:"latency,omitzero"`
}

// States of a link. One that is dialled is none yet.
const (
	LinkUp      = "up"
	LinkSilent  = "silent"
	LinkSlow    = "slow"
	LinkDialing = "dialing"
)

// LinkView is one link of a node.
type LinkView struct {
	Peer messages.NodeID `json:"peer"`
	// State is one of the states above.
	State string  `json:"state"`
	RTT   float64 `json:"rtt_ms"`
	// Lag is how many batches the peer has not confirmed.
	Lag         float64 `json:"lag"`
	QueuedBytes int64   `json:"queued_bytes"`
	// SentBytes is what was written to the peer since the link is up.
	SentBytes uint64 `json:"sent_bytes"`
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

// MeshRates asks how fast records went through the mesh lately.
type MeshRates struct{ To[MeshRatesView] }

// MeshRatesView is the answer of GET /cluster/rates, oldest first: the last quarter of an hour at most, every two seconds.
type MeshRatesView struct {
	Items []MeshRate `json:"items"`
}

// MeshRate is what all nodes together took in and gave out at a time, in records a second, and what the slowest of them told of its latencies:
// absent where none did.
type MeshRate struct {
	At          time.Time `json:"at"`
	In          float64   `json:"in"`
	Out         float64   `json:"out"`
	MeshP99     float64   `json:"mesh_p99_ms,omitzero"`
	DeliveryP99 float64   `json:"delivery_p99_ms,omitzero"`
}

// LatencyView is how long records take, in milliseconds: quantiles of what the node's metrics count.
type LatencyView struct {
	// Mesh is from the origin's clock to the append here, of what other nodes took in.
	MeshP50 float64 `json:"mesh_p50_ms,omitzero"`
	MeshP99 float64 `json:"mesh_p99_ms,omitzero"`
	// Delivery is from the journal here to the write to a subscriber's socket.
	DeliveryP50 float64 `json:"delivery_p50_ms,omitzero"`
	DeliveryP99 float64 `json:"delivery_p99_ms,omitzero"`
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

// Ready asks whether the node can serve: each check by name, CheckOK when it passed.
type Ready struct{ To[ReadyView] }

// What checks of readiness say: CheckOK, or what is wrong. What begins with CheckAlone does not make a node unready: one
// that is alone serves what it has.
const (
	CheckOK    = "ok"
	CheckAlone = "alone: "
)

// ReadyView is the answer of /readyz.
type ReadyView struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"`
}

// Streams lists what is held, and what only the archive has: the first streams that match and come after one, in order of their names.
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
	// Last is zero where only the archive has records.
	Last time.Time `json:"last,omitzero"`
	// Rate is records a second, over about ten seconds.
	Rate float64 `json:"rate"`
	// Archived tells that only the archive has records: the counts are of what this node holds.
	Archived bool `json:"archived,omitempty"`
}

// Raw is JSON that is passed on as it is.
type Raw = json.RawMessage

// Canary asks the hub whether something goes round all its loops now.
type Canary struct{ To[struct{}] }

// Probe asks the journal whether it can write now: the answer comes after a sync.
type Probe struct{ To[struct{}] }
