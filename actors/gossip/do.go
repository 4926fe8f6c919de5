package gossip

import (
	"errors"

	"anode/actors/gossip/core"
	"anode/actors/gossip/link"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/messages/wire/frame"
	"anode/storage"
)

// do does one thing that the core put out.
func (l *loop) do(o *core.Output) {
	switch o.Kind {
	case core.Send:
		l.send(o)
	case core.Append:
		l.append(o)
	case core.Serve:
		l.serve(o)
	case core.Dial:
		l.wished[o.Peer] = true
		l.dial(o.Peer)
	case core.Undial:
		delete(l.wished, o.Peer)
		l.hangUp(o.Peer)
	case core.Close:
		if p := l.links[o.Peer]; p != nil {
			p.closing = o.Reason
			p.link.Close(o.Reason)
		}
	case core.Refuse:
		l.refuse(o.Peer, o.Reason)
	case core.GiveUp:
		l.chores.giveUp(epochKey{o.Origin, o.Epoch}, o.Range)
	case core.Raise:
		l.chores.raise(epochKey{o.Origin, o.Epoch}, o.Floor)
	case core.Renew:
		l.log.Warn("a later epoch of this node turned up: it takes a higher one", "epoch", o.Epoch)
		l.renumber(o.Epoch, o.Prior)
	case core.Prior:
		l.renumber(0, o.Prior)
	case core.Stop:
		l.cfg.Stop(o.Reason)
	case core.Learn:
		l.learn(o.Events)
	case core.Show:
		l.show(o.Record)
	case core.Cover:
		l.cfg.Covered(o.Epoch, o.Range)
	}
}

func (l *loop) send(o *core.Output) {
	p := l.links[o.Peer]
	if p == nil {
		return
	}
	if push, ok := o.Frame.(*frame.Push); ok {
		l.gossip.metrics.out.Add(float64(push.Batch.Count))
	}
	p.link.Send(o.Frame, link.Class(o.Class))
}

// append has a batch of a peer stored.
func (l *loop) append(o *core.Output) {
	batch, live, box := o.Batch, !o.Backfill, l.mail
	l.cfg.Store(batch, o.Backfill, func(held storage.Held, err error) {
		result := resultOf(held, err)
		if live && result == core.Stored {
			l.gossip.metrics.observe(l.cfg.Clock(), batch)
		}
		box.appended(batch, result)
	})
}

func resultOf(held storage.Held, err error) core.Result {
	switch {
	case err != nil:
		return core.Failed
	case held == storage.HeldFork:
		return core.Fork
	case held == storage.HeldAlready:
		return core.Known
	}
	return core.Stored
}

// serve answers a peer's pull from the journal.
func (l *loop) serve(o *core.Output) {
	p, id := l.links[o.Peer], o.Pull.ID
	if p == nil {
		return
	}
	err := p.link.Serve(o.Pull, l.readFor, func(missing []messages.Range) { l.mail.serve(served{p, id, missing}) })
	if err != nil { // it is ending, or answers as many as it may: who asked will ask again
		l.mail.serve(served{peer: p, pull: id})
	}
}

// readFor reads a batch for a peer: what is not there now may be another time.
func (l *loop) readFor(id messages.BatchID) (wire.Sealed, error) {
	b, err := l.cfg.Journal.Read(id)
	if err == nil {
		l.gossip.metrics.out.Add(float64(b.Count))
	} else if !errors.Is(err, storage.ErrNotHeld) && !errors.Is(err, storage.ErrDamaged) {
		return b, errors.Join(link.ErrLater, err)
	}
	return b, err
}

// renumber has the journal number with another epoch, or name what was before.
func (l *loop) renumber(above uint64, prior messages.Position) {
	l.cfg.Number(above, prior, func(epoch uint64, err error) {
		if err != nil {
			l.log.Error("the node can't take another epoch", "above", above, "error", err)
			return
		}
		l.gossip.epoch.Store(epoch)
		l.mail.renewed(epoch)
	})
}

// read gives the core what came by mail.
func (l *loop) read() {
	bans := l.gossip.shutOut() // before the mail, so that who is shut out hears of it
	letters := l.mail.take()
	for i := range letters.news {
		n := &letters.news[i]
		switch {
		case n.own != nil:
			l.local(n.own)
		case n.batch != nil:
			l.act(func(now core.Now) { l.core.Appended(now, n.batch, n.result) })
		default:
			l.act(func(now core.Now) { l.core.Renewed(now, n.epoch) })
		}
	}
	if letters.staged || l.gossip.epoch.Load() != l.epochSaid {
		l.tellMeta()
	}
	if letters.behind {
		l.catchUp()
	}
	if len(letters.events) > 0 {
		l.act(func(now core.Now) { l.core.Register(now, letters.events) })
	}
	if letters.unregistered {
		select {
		case l.refetch <- struct{}{}:
		default:
		}
	}
	for _, s := range letters.served {
		if l.links[s.peer.id] == s.peer {
			l.act(func(now core.Now) { l.core.Served(now, s.peer.id, s.pull, s.missing) })
		}
	}
	for _, p := range letters.queued {
		p.dirty.Store(false)
		if l.links[p.id] == p {
			l.act(func(now core.Now) { l.core.Queued(now, p.id, p.link.Waiting()) })
		}
	}
	l.publish()
	l.heedBans(bans)
}

// local tells the core of a batch that this node sealed, and of those before it that it was not told of.
func (l *loop) local(b *wire.Sealed) {
	at := b.Position()
	switch {
	case at.Compare(l.told) <= 0:
		return
	case b.Epoch == l.told.Epoch && b.Sequence > l.told.Sequence+1, b.Epoch > l.told.Epoch && b.Sequence > 1:
		if whole := l.catchUp(); !whole || at.Compare(l.told) <= 0 {
			return
		}
	}
	l.told = at.BatchEnd()
	l.act(func(now core.Now) { l.core.Local(now, b) })
}

// catchBytes is about how many bytes of own batches the loop reads from the journal before it looks at anything else: where more are
// sealed than can be read and sent, links are still heard.
const catchBytes = 1 << 20

// catchUp tells the core of what the journal holds of this node, in the epochs that it numbered, and was not told; false is that there is
// more, which comes with the next mail. What peers brought back the core knows already.
func (l *loop) catchUp() (whole bool) {
	if l.told.Origin == "" {
		l.told.Origin = l.cfg.Node
	}
	for bytes := 0; bytes < catchBytes; {
		step := l.cfg.Journal.Next(l.told)
		switch {
		case step.Kind == messages.StepGap && step.Gap.To.Epoch <= l.gossip.epoch.Load():
			l.told = step.Gap.To
			continue
		case step.Kind != messages.StepBatch || step.Batch.Epoch > l.gossip.epoch.Load():
			return true
		}
		id := step.Batch
		l.told = messages.Position{Origin: id.Origin, Epoch: id.Epoch, Sequence: id.Sequence, Index: messages.IndexEnd}
		if l.core.Lines()[id.Origin].Holds(id.Epoch, id.Sequence) {
			continue
		}
		b, err := l.cfg.Journal.Read(id)
		if err != nil {
			l.log.Error("a batch of this node can't be read: peers will ask for it", "epoch", id.Epoch, "seq", id.Sequence, "error", err)
			continue
		}
		bytes += len(b.Bytes())
		l.act(func(now core.Now) { l.core.Local(now, &b) })
	}
	l.mail.fallBehind()
	return false
}

// lastOwn is the newest place on a node's line in an epoch up to one.
func lastOwn(line *messages.Line, node messages.NodeID, epoch uint64) messages.Position {
	last := messages.Position{Origin: node}
	if line == nil {
		return last
	}
	for e := range line.Epochs() {
		if e.Epoch <= epoch && e.Head > 0 {
			last = messages.Position{Origin: node, Epoch: e.Epoch, Sequence: e.Head, Index: messages.IndexEnd}
		}
	}
	return last
}

// publish tells the core of this node's ephemeral records that it does not have.
func (l *loop) publish() {
	for kind, p := range l.gossip.unsent(l.sent) {
		l.sent[kind] = p.version
		record := frame.Ephemeral{Node: l.cfg.Node, Kind: kind, Epoch: l.gossip.epoch.Load(), Version: p.version, Body: p.body}
		l.act(func(now core.Now) { l.core.Publish(now, record) })
	}
}

// gaveUp tells readers.
func (l *loop) gaveUp(origin messages.NodeID) { l.cfg.GaveUp(command.GaveUp{Origin: origin}) }
