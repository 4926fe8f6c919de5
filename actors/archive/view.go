package archive

import (
	"anode/messages/command"
)

// mostAsks is how many may want to know at once how archiving is.
const mostAsks = 16

// view is how archiving is now, origin by origin.
func (l *loop) view() command.ArchiveView {
	now := l.a.cfg.Clock()
	l.look(now)
	s, stats := l.a.shown.Load(), l.a.cfg.Archive.Stats()
	v := command.ArchiveView{
		State: s.state, Detail: s.detail, Place: stats.Place, Streams: l.desk.takes, TTL: l.a.cfg.Archive.TTL().Seconds(),
		Error: s.why, Rows: stats.Rows, Failed: stats.Failed,
		Lag: command.ArchiveLagView{Records: s.records, Batches: s.batches, Seconds: s.seconds}, Origins: []command.ArchiveOriginView{},
	}
	if s.away {
		v.Away = s.since.UTC()
	}
	average, who := l.average(), l.roster.archivers(now)
	for _, origin := range l.a.cfg.Journal.Origins() {
		o := command.ArchiveOriginView{Origin: origin, Archiver: who(origin)}
		if shelf := l.desk.find(origin); shelf != nil {
			shelf.view(&o, average)
			if shelf.lowMs > 0 && o.Lag.Batches > 0 {
				o.Lag.Seconds = max(0, float64(now.UnixMilli()-shelf.lowMs)/1000)
			}
		}
		v.Origins = append(v.Origins, o)
	}
	return v
}

// view fills in what is known of an origin.
func (s *shelf) view(v *command.ArchiveOriginView, average float64) {
	v.Here, v.Read = true, s.known
	var records float64
	for _, b := range s.books {
		open := b.behind()
		v.Confirmed += b.confirmed.Len()
		v.Runs += len(b.confirmed)
		v.Lag.Batches += open.Len()
		records += b.tally.records(open, average)
	}
	v.Lag.Records = uint64(records + 0.5)
}
