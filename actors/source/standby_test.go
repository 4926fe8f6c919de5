package source

import (
	"context"
	"slices"
	"testing"

	"anode/messages"
	"anode/messages/command"
)

// noting is an intake that stores everything at once, and notes it.
type noting struct{ ids []string }

func (n *noting) Submit(_ context.Context, s command.Submission) error {
	for i := range s.Drafts {
		n.ids = append(n.ids, s.Drafts[i].NativeID)
	}
	s.Done(command.Outcome{Positions: make([]messages.Position, len(s.Drafts))})
	return nil
}

func TestWhatIsHeldBackAtTheEnd(t *testing.T) {
	for what, c := range map[string]struct {
		role Role
		want []string
	}{
		"is left to those before":                                  {Role{Rank: 1, Owners: 2}, nil},
		"is numbered where there is none":                          {Role{Owners: 1}, []string{"1", "3"}},
		"is numbered while it hands over":                          {Role{Owners: 1, Handing: true}, []string{"1", "3"}},
		"is numbered though one was before it that hands over too": {Role{Rank: 1, Owners: 1, Handing: true}, []string{"1", "3"}},
	} {
		t.Run(what, func(t *testing.T) {
			l, to := newLearning(t, "native_id: .n"), &noting{}
			l.cfg.Intake, l.job.restored = to, true
			l.job.heed()
			want := *l.board.want.Load()
			want.Role = c.role
			l.board.want.Store(&want)
			l.job.standby.active.Store(true)
			l.job.standby.hold([]messages.Draft{datum("p", 1), datum("p", 2), datum("p", 3)})
			l.learn(l.seal("other", datum("p", 2)))
			l.job.standby.close()
			if !slices.Equal(to.ids, c.want) {
				t.Errorf("%v are numbered, want %v", to.ids, c.want)
			}
		})
	}
}
