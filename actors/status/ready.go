package status

import (
	"context"
	"errors"
	"time"

	"anode/actors/actor"
	"anode/messages/command"
)

// readiness is what the last check found: anybody may ask, and each check writes to the disk.
type readiness struct {
	view     command.ReadyView // shared by all answers, and not changed
	at       time.Time
	checking bool
	asked    []func(answer any, err error)
}

// checked is what a check of readiness found.
type checked struct{ view command.ReadyView }

// check answers from the last check where that is not old, or from one that is made for all who ask meanwhile.
func (s *statusActor) check(ctx *actor.Context) {
	r := &s.readiness
	if age := s.cfg.Clock().Sub(r.at); !r.checking && !r.at.IsZero() && age >= 0 && age < readyEvery {
		ctx.Respond(r.view, nil)
		return
	}
	if r.asked = append(r.asked, ctx.Later()); r.checking {
		return
	}
	r.checking = true
	self := ctx.Self()
	ctx.Go("ready", func(life context.Context) error {
		if !self.Tell(checked{s.ready(life)}) && life.Err() == nil {
			return errors.New("the mailbox has no room for a check of readiness")
		}
		return nil
	})
}

// ready makes a write to the journal and a round through the hub, and looks whether the node is alone.
func (s *statusActor) ready(life context.Context) command.ReadyView {
	ctx, cancel := context.WithTimeout(life, patience)
	defer cancel()
	view := command.ReadyView{Ready: true, Checks: map[string]string{"mesh": s.linked(ctx)}}
	for name, check := range map[string]func(context.Context) error{"journal": s.cfg.Probe, "hub": s.cfg.Canary} {
		view.Checks[name] = command.CheckOK
		if err := check(ctx); err != nil {
			view.Ready, view.Checks[name] = false, err.Error()
		}
	}
	return view
}

// linked is the check of the mesh: it tells of a node that is alone, which serves what it has.
func (s *statusActor) linked(ctx context.Context) string {
	if s.cfg.Peers == nil {
		return command.CheckOK
	}
	view, err := s.cfg.Peers(ctx)
	if err != nil {
		return command.CheckAlone + err.Error()
	}
	if why := alone(view, s.cfg.Node.ID, s.cfg.Clock()); why != "" {
		return command.CheckAlone + why
	}
	return command.CheckOK
}
