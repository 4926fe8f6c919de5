package registry

import (
	"log/slog"
)

// mostTold is how many events of one batch are told one by one in the node's log; of more, how many there are.
const mostTold = 16

// tell explains what came of events, in words.
func (f *found) tell(log *slog.Logger) {
	told := 0
	for _, e := range f.late {
		told++
		if told <= mostTold {
			log.Info("two edits of a source at once: the later one stays, the other is superseded", "source", e.Source,
				"stays", f.beaten[e].version(), "by", f.beaten[e].Node, "superseded", e.version(), "of", e.Node)
		}
	}
	for _, e := range f.events {
		told++
		if told <= mostTold {
			e.tell(f.beaten[e], log)
		}
	}
	if told > mostTold {
		log.Info("more was learnt of sources of other nodes", "events", told-mostTold)
	}
}

// tell explains an event that holds its register now, in place of another one or of none.
func (e *event) tell(before *event, log *slog.Logger) {
	log = log.With("source", e.Source, "version", e.version(), "by", e.Node)
	switch {
	case e.unread():
		log.Warn("an edit of a source can't be read by this version: it is kept, and not followed", "error", e.fault)
		return
	case before != nil && e.supersedes(before):
		log.Info("two edits of a source at once: the later one stays, the other is superseded", "event", e.Kind, "superseded", before.version(), "of", before.Node)
		if before.Kind == removed && e.Kind != removed {
			log.Info("a source that was removed is back: it was edited by who did not know of that", "removed", before.version())
		}
		return
	}
	log.Info("a source was edited", "event", e.Kind, "at", timeOf(e.HLC))
}
