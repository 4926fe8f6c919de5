package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"sync/atomic"
	"time"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
	"anode/storage"
)

// Name is the actor's name in the tree.
const Name = "archive"

// Archiver is a node's way into the archive. It outlives its actor, and is safe for concurrent use; no method blocks.
type Archiver struct {
	cfg     Config
	metrics *metrics
	news    news
	// wake tells that there is news, plan that nodes or their archives changed.
	wake, plan chan struct{}
	members    atomic.Pointer[[]command.Member]
	archives   atomic.Pointer[map[messages.NodeID]command.NodeArchive]
	// pins are what the journal is to keep, shown how archiving is.
	pins  atomic.Pointer[pins]
	shown atomic.Pointer[shown]
	// flying is how many bytes of opened batches are being written.
	flying atomic.Int64
	// backfilling and checking are held while one is under way.
	backfilling, checking sync.Mutex
}

// shown is how archiving was when the loop looked last.
type shown struct {
	health
	state, detail string
}

// New makes an Archiver; Spec has its actor.
func New(cfg Config) (*Archiver, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Grace <= 0 {
		cfg.Grace = defaultGrace
	}
	a := &Archiver{cfg: cfg, wake: make(chan struct{}, 1), plan: make(chan struct{}, 1)}
	a.pins.Store(&pins{all: true})
	a.shown.Store(&shown{state: command.StateOK, detail: "starting"})
	var err error
	a.metrics, err = newMetrics(a)
	return a, err
}

// Spec says how the actor is made.
func (a *Archiver) Spec() actor.Spec {
	return actor.Spec{Name: Name, New: func() actor.Actor { return &archiveActor{a: a} }, Backoff: actor.Backoff{Max: 5 * time.Second}}
}

// Announce tells of what was stored.
func (a *Archiver) Announce(stored command.Stored) {
	a.news.put(&stored)
	poke(a.wake)
}

// Members tells who is in the mesh; the list is not changed afterwards.
func (a *Archiver) Members(all []command.Member) {
	a.members.Store(&all)
	poke(a.plan)
}

// Archives tells what archives nodes say that they have; one that is not among them has none. The map is not changed afterwards.
func (a *Archiver) Archives(all map[messages.NodeID]command.NodeArchive) {
	a.archives.Store(&all)
	poke(a.plan)
}

// Pinned tells whether something of a run of batches is to be kept: this node archives it, and the archive has not confirmed it, or only
// lately; or another node is to archive it in the same place and has not, while the journal uses less than 80 % of its budget. Before it is known what this node archives that is everything.
func (a *Archiver) Pinned(origin messages.NodeID, epoch uint64, run messages.Range) bool {
	return a.pins.Load().pinned(origin, epoch, run)
}

// Register is what other nodes are told of an archive, as it is now.
func Register(of storage.Archive) command.NodeArchive {
	stats := of.Stats()
	has := command.NodeArchive{Place: shortly(stats.Place), Streams: of.Takes(), Refused: stats.Refused}
	if stats.Database != "" {
		has.Database = shortly(stats.Database)
	}
	return has
}

// shortly is a text as a few letters, which say nothing of it.
func shortly(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// poke sends where nothing waits.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// view says how archiving is.
func (a *Archiver) view() command.ComponentView {
	s, stats := a.shown.Load(), a.cfg.Archive.Stats()
	waiting, dropped := a.news.waiting()
	return command.ComponentView{
		Name: Name, State: s.state, Detail: s.detail, Hint: hint(s), Figures: map[string]float64{
			"lag_records": float64(s.records), "lag_batches": float64(s.batches), "lag_seconds": s.seconds, "rows": float64(stats.Rows), "failed": float64(stats.Failed),
			"flight": float64(stats.Flight), "batch": float64(stats.Batch), "flying_bytes": float64(a.flying.Load()), "origins": float64(s.origins),
			"refused": float64(s.lag.refused), "lost": float64(s.lost + s.erased), "queued": float64(waiting), "dropped": float64(dropped),
		},
	}
}

// hint says what to look at.
func hint(s *shown) string {
	switch {
	case s.barred && s.helped:
		return "mend what it says, as by a newer aNode on this node, and start it again; nothing is lost: other nodes archive what it takes"
	case s.barred:
		return "mend what it says, as by a newer aNode on this node, and start it again; nothing is lost while the journal has room: what is behind is kept up to --disk-budget"
	case s.away:
		return "the alarm ends with what the database said; where it says nothing, look whether that is up and reached from here; nothing is lost while the journal has room: what is behind is kept up to --disk-budget"
	case s.lag.refused > 0:
		return "the node's log names them; they are tried again each minute, and for five minutes or more the journal keeps them; then they go when its retention has it so: --archive-streams can leave out their stream"
	case s.state != command.StateOK && s.seconds < lagEnd.Seconds() && s.erased > 0 && !s.erasedAt.Before(s.lostAt):
		return "somebody or something removed them from the database: a backup of it has them, if anything has"
	case s.state != command.StateOK && s.lost > 0 && s.seconds < lagEnd.Seconds():
		return "a larger --disk-budget keeps more while the archive is away"
	}
	return "the archive takes records more slowly than they come: look at the database's load, and at its disks"
}
