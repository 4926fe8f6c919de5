package registry

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire/frame"
)

// Held asks for the events that hold the registers, of all that are kept.
type Held struct{ command.To[[]frame.Event] }

// Declare says to the mesh what this node says of itself, from now on: in place of what it said before, in earlier lives too.
// One that says nothing is written only where others may think otherwise. It is done when it is stored.
type Declare struct {
	command.To[struct{}]
	Register command.NodeRegister
}

// held are the winning events, by key.
func (r *registryActor) held() []frame.Event {
	all := slices.Collect(maps.Values(r.others))
	for _, at := range r.sources.entries {
		for _, e := range []*event{at.spec, at.pause} {
			if e != nil {
				all = append(all, e.wire())
			}
		}
	}
	slices.SortFunc(all, func(a, b frame.Event) int { return cmp.Compare(a.Key, b.Key) })
	return all
}

// declare takes in what this node says of itself.
func (r *registryActor) declare(ctx *actor.Context, m Declare) {
	if err := m.Register.Check(); err != nil {
		actor.Answer(ctx, m, struct{}{}, fmt.Errorf("%w: %w", command.ErrInvalid, err))
		return
	}
	r.declared = &m.Register
	r.sayOwn(ctx, answers(ctx, m, func(err error) (struct{}, error) { return struct{}{}, err }))
}

// sayAgain has what this node says of itself stored that could not be.
type sayAgain struct{}

// sayOwn has what this node says of itself stored, and that tried again where it fails: who said it does not wait for it, and does not say it
// again.
func (r *registryActor) sayOwn(ctx *actor.Context, tell func(error)) {
	r.change(ctx, change{decide: r.ownRegister, tell: func(err error) {
		switch {
		case err == nil && r.unsaid:
			r.cfg.Logger.Info("what this node says of itself is stored now")
		case err != nil && !r.unsaid:
			r.cfg.Logger.Error("what this node says of itself can't be stored, and so not be said", "error", err)
		}
		r.unsaid = err != nil
		if r.unsaid && !errors.Is(err, command.ErrInvalid) && !r.saysAgain {
			r.saysAgain = true
			ctx.After(retry, sayAgain{})
		}
		tell(err)
	}})
}

// ownRegister decides this node's own register, above what the mesh has of it.
func (r *registryActor) ownRegister() (batch, error) {
	key := keyNode + string(r.cfg.Node)
	at, has := r.others[key]
	if r.declared == nil || !has && r.declared.Plain() {
		return batch{}, nil
	}
	if was, err := readRegister(at.Body); has && err == nil && at.Node == r.cfg.Node && sameRegister(&was, r.declared) {
		return batch{}, nil
	}
	body, err := writeRegister(r.declared)
	if err != nil {
		return batch{}, err
	}
	return r.value(key, body)
}

// value decides the value of a register that is of no source.
func (r *registryActor) value(key string, body []byte) (batch, error) {
	e, ok := r.others.next(key, r.cfg.Node, r.sources.clock, r.cfg.Clock(), body)
	if !ok {
		return batch{}, fmt.Errorf("%w: %s can't be written: it is too long, or at the highest revision there is", command.ErrInvalid, key)
	}
	return batch{values: []frame.Event{e}}, nil
}

// tellNodes tells what nodes say of themselves; where the mesh has something else of this one than it said, it says it again.
func (r *registryActor) tellNodes(ctx *actor.Context) {
	if b, err := r.ownRegister(); err != nil || !b.empty() {
		r.sayOwn(ctx, func(error) {})
	}
	if r.cfg.Nodes != nil {
		r.cfg.Nodes(r.others.nodes())
	}
}

// ban shuts a node out, or lets it in again. Also where that is so here already there is an event: another one may be on its way to this node, and
// would hold though it was wished for before.
func (r *registryActor) ban(ctx *actor.Context, m command.Ban) {
	id, err := messages.ParseNodeID(m.Node)
	switch {
	case err != nil:
		err = fmt.Errorf("%w: %w", command.ErrNotFound, err)
	case id == r.cfg.Node && !m.Lift:
		err = fmt.Errorf("%w: a node can't ban itself: ask another one, or stop it", command.ErrSelf)
	}
	if err != nil {
		actor.Answer(ctx, m, struct{}{}, err)
		return
	}
	r.change(ctx, change{
		decide: func() (batch, error) {
			if _, is := r.others.bans()[id]; is != m.Lift && r.cfg.Spread == nil {
				return batch{}, nil
			}
			body, err := json.Marshal(ban{Version: formatVersion, Banned: !m.Lift, At: r.cfg.Clock().UTC(), By: r.cfg.Node})
			if err != nil {
				return batch{}, err
			}
			return r.value(keyBan+string(id), body)
		},
		tell: answers(ctx, m, func(err error) (struct{}, error) { return struct{}{}, err }),
	})
}

// bans are the nodes that are shut out, by id.
func (r *registryActor) bans() []command.BanView {
	list := slices.Collect(maps.Values(r.others.bans()))
	slices.SortFunc(list, func(a, b command.BanView) int { return cmp.Compare(a.Node, b.Node) })
	return list
}

// tellBans tells which nodes are shut out.
func (r *registryActor) tellBans() {
	now := r.others.bans()
	for id, b := range now {
		if _, was := r.banned[id]; !was {
			r.cfg.Logger.Warn("a node is banned from the mesh", "peer", id, "by", b.By, "at", b.At)
		}
	}
	for id := range r.banned {
		if _, is := now[id]; !is {
			r.cfg.Logger.Info("a ban was lifted: the node may join again", "peer", id)
		}
	}
	r.banned = now
	if r.cfg.Banned != nil {
		r.cfg.Banned(maps.Clone(now))
	}
}
