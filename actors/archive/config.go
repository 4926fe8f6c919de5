package archive

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
	"anode/storage"
)

// Config is what archiving needs; all fields are required but those of which it is said.
type Config struct {
	// Node is this one.
	Node    messages.NodeID
	Journal storage.Journal
	// Archive is the caller's, who closes it when the actor has ended.
	Archive storage.Archive
	// State keeps what was confirmed, so that it is known at a start what is behind while the archive is away; nil keeps it nowhere.
	State storage.State
	// Alone: there is no mesh, and every origin is this node's to archive.
	Alone bool
	// Grace is how long a node that is missed is waited for before another one archives what is its; 0 is 10 s.
	Grace time.Duration
	// Changed is told what other nodes are to be told of the archive, when that changes; false is "tell me again". It must not block. nil is nobody.
	Changed func(command.NodeArchive) bool
	Clock   func() time.Time
	Logger  *slog.Logger
	// Registerer takes the metrics; nil means none.
	Registerer prometheus.Registerer
}

const (
	// writers is how many loads are written at a time, mostBytes how many bytes of opened batches one has, mostBatches how many of them.
	writers     = 8
	mostBytes   = 2 << 20
	mostBatches = 1024
	// aimBytes is what a load is made for: batches differ.
	aimBytes = mostBytes / 2
	// gather is how long what was announced waits for more.
	gather = 50 * time.Millisecond
	// beat is the pace at which the loop looks what is due.
	beat = 250 * time.Millisecond
	// confirmEvery is the pace of confirms, surveyEvery that of looking at all that the journal holds.
	confirmEvery = time.Second
	surveyEvery  = 10 * time.Second
	// readEvery is the pace at which what was confirmed lately is read back, settleAfter when it is not lately any more.
	readEvery   = 30 * time.Second
	settleAfter = 60 * time.Second
	// fullEvery and fullAfter are these while the journal is full, and takes no records: it is told as often, too, what it may drop. The latter is above the ten
	// seconds after which a database has its log synced, unless it is set otherwise.
	fullEvery = 3 * time.Second
	fullAfter = 12 * time.Second
	// refusedFor is how long a batch that the archive refuses is left out.
	refusedFor = time.Minute
	// releaseEvery: a batch that is refused at two such times is not kept beyond the journal's retention. One that is refused for good
	// would keep all that came after it, until the disk budget is used up and nothing is taken any more.
	releaseEvery = 5 * time.Minute
	// Patience with the archive.
	writePatience = 30 * time.Second
	talkPatience  = 15 * time.Second
	// endPatience is how long the end waits for what can still be written, and then for the confirm.
	endPatience = 2 * time.Second
	// mostNews is how many announced batches wait for the loop.
	mostNews = 1 << 16

	defaultGrace = 10 * time.Second
)

// Validate names all faults.
func (c Config) Validate() error {
	return actor.Missing("archive", map[string]bool{
		"Node": c.Node == "", "Journal": c.Journal == nil, "Archive": c.Archive == nil, "Clock": c.Clock == nil, "Logger": c.Logger == nil,
	})
}
