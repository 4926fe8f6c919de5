package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"anode/messages"
	"anode/messages/command"
	"anode/storage"
)

// recollection is what the archive had confirmed of what the journal held, when that was noted last in the node's state. It is for the lag alone, until
// the archive has said it again: a node that starts while the archive is away knows by it how much is behind.
type recollection struct {
	// Place, Database and Streams are what the archive was.
	Place    string           `json:"place"`
	Database string           `json:"database,omitempty"`
	Streams  messages.Pattern `json:"streams"`
	Epochs   []recalled       `json:"epochs"`
}

// recalled are the sequences of an epoch. Without any, something is known all the same: that none was confirmed.
type recalled struct {
	Origin messages.NodeID `json:"origin"`
	Epoch  uint64          `json:"epoch"`
	Runs   messages.Ranges `json:"runs"`
}

// Where a recollection is in the state, and its bounds: what is beyond them counts as not archived.
const (
	recollected     = "archive"
	recollectedKey  = "confirmed"
	mostRecalled    = 2048
	mostRecalledRun = 64
)

// recollect gives what is to be noted.
func (d *desk) recollect(has *command.NodeArchive) recollection {
	r := recollection{Place: has.Place, Database: has.Database, Streams: has.Streams}
	for _, s := range d.shelves {
		if !s.known {
			continue
		}
		for _, b := range slices.Backward(s.books) {
			runs := b.confirmed.Minus(b.suspect).Both(b.held)
			if len(r.Epochs) < mostRecalled {
				r.Epochs = append(r.Epochs, recalled{s.origin, b.epoch, runs[max(0, len(runs)-mostRecalledRun):]})
			}
		}
	}
	return r
}

// of gives what is known of each origin and epoch of an archive: nothing where that was another one.
func (r *recollection) of(has *command.NodeArchive) map[messages.NodeID]map[uint64]messages.Ranges {
	then := command.NodeArchive{Place: r.Place, Database: r.Database}
	if !sameArchive(&then, has) || r.Streams != has.Streams {
		return nil
	}
	all := make(map[messages.NodeID]map[uint64]messages.Ranges)
	for i := range r.Epochs {
		e := &r.Epochs[i]
		if all[e.Origin] == nil {
			all[e.Origin] = make(map[uint64]messages.Ranges)
		}
		var runs messages.Ranges
		for _, run := range e.Runs {
			if run.From > 0 && run.From <= run.To && run.To <= messages.MaxSequence {
				runs = runs.Add(run)
			}
		}
		all[e.Origin][e.Epoch] = runs
	}
	return all
}

// recall reads what was noted in an earlier life. What can't be read is as if there were nothing.
func (l *loop) recall() {
	if l.a.cfg.State == nil {
		return
	}
	text, err := l.a.cfg.State.Get(recollected, recollectedKey)
	var r recollection
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	switch {
	case err == nil:
		l.desk.recalled, l.noted = r.of(&l.roster.has), text
	case !errors.Is(err, storage.ErrNotHeld):
		l.log.Warn("what the archive had confirmed before the start can't be read: until it answers it is not known how much is behind", "error", err)
	}
}

// note notes what the archive has confirmed, where that changed and the archive has said it in this life.
func (l *loop) note() {
	if l.a.cfg.State == nil || !slices.ContainsFunc(l.desk.shelves, func(s *shelf) bool { return s.known }) {
		return
	}
	text, err := json.Marshal(l.desk.recollect(&l.roster.has))
	if err != nil {
		panic(err) // texts and numbers
	}
	if bytes.Equal(text, l.noted) {
		return
	}
	if err := l.a.cfg.State.Put(storage.Change{Bucket: recollected, Key: recollectedKey, Value: text}); err != nil {
		l.log.Debug("what the archive has confirmed can't be noted", "error", err)
		return
	}
	l.noted = text
}
