package archive

import (
	"context"
	"time"

	"anode/messages"
	"anode/storage"
)

// talk is one conversation with the archive about progress.
type talk struct {
	// confirm is what it is told; nil asks what it has, of some origins, or of all where that is nil.
	confirm []storage.Archived
	of      []messages.NodeID
	begun   time.Time
	life    int
	ctx     context.Context
	cancel  context.CancelCauseFunc
}

// talked is how it went.
type talked struct {
	talk
	has []storage.Archived
	err error
}

// talker talks until there is nothing more to say.
func (l *loop) talker() {
	for {
		select {
		case t := <-l.talks:
			l.heardBack <- l.talk(t)
		case <-l.ended:
			return
		}
	}
}

func (l *loop) talk(t talk) talked {
	ctx, cancel := context.WithTimeout(t.ctx, talkPatience)
	defer cancel()
	archive := l.a.cfg.Archive
	answer := talked{talk: t}
	switch {
	case t.confirm != nil:
		answer.err = archive.Confirm(ctx, l.a.cfg.Node, t.confirm)
	case t.of == nil || len(t.of) > mostAsked:
		answer.has, answer.err = archive.Confirmed(ctx, "")
	default:
		for _, origin := range t.of {
			has, err := archive.Confirmed(ctx, origin)
			if err != nil {
				answer.err = err
				break
			}
			answer.has = append(answer.has, has...)
		}
	}
	return answer
}
