package node

import (
	"cmp"
	"context"
	"time"

	"anode/actors/placement"
	"anode/actors/registry"
	"anode/actors/source"
	"anode/messages"
	"anode/messages/command"
)

// makeOffice makes what decides which sources run here.
func (n *Node) makeOffice(cfg *Config, expects bool) (err error) {
	own, err := placement.ParseOwn(cmp.Or(cfg.Sources.Takes, placement.OwnAll.String()))
	if err != nil {
		return err
	}
	n.office, err = placement.NewOffice(placement.OfficeConfig{
		Node: cfg.View.ID, Name: cfg.View.Name, Own: own, Labels: cfg.View.Labels, Alone: cfg.Mesh == nil, Expects: expects,
		Run: runner{n.feeds}, Unsure: n.feeds.Unsure, Ask: n.say, Probe: n.feeds.Probe, Retired: cfg.Retired, Stage: n.setStage, Declare: n.declaration.own, Host: source.HostOf,
		Clock: cfg.Clock, Logger: cfg.Logger,
	})
	return err
}

// setStage tells the mesh what this node is.
func (n *Node) setStage(s placement.State) {
	if n.gossip != nil {
		n.gossip.SetStage(s.String())
	}
}

// members tells the office who is in the mesh; it is nobody's before that is made.
func (n *Node) members(list []command.Member) {
	n.met.Store(&list)
	if n.archiver != nil {
		n.archiver.Members(list)
	}
	if office := n.seated.Load(); office != nil {
		office.Members(list)
	}
}

// seat gives the office its place, and what was told before.
func (n *Node) seat() {
	n.seated.Store(n.office)
	for list := n.met.Load(); list != nil; { // until what was told last is what was told
		n.office.Members(*list)
		now := n.met.Load()
		if now == list {
			return
		}
		list = now
	}
}

// runner runs what is placed on this node.
type runner struct{ *source.Sources }

// Assign implements placement.Runner.
func (r runner) Assign(all []placement.Placed) bool {
	list := make([]source.Assignment, len(all))
	for i := range all {
		p := &all[i]
		list[i] = source.Assignment{
			Spec: p.Spec, Name: p.Name, Paused: p.Paused, Registered: p.Registered,
			Role: source.Role{Rank: p.Ahead, Owners: p.Owners, Handing: p.Handing},
		}
	}
	return r.Sources.Assign(list)
}

// assigner is who places sources to the registry.
type assigner struct{ office *placement.Office }

// Assign implements registry.Sources.
func (a assigner) Assign(all []registry.Assignment) bool {
	list := make([]placement.Entry, len(all))
	for i := range all {
		one := &all[i]
		list[i] = placement.Entry{Spec: one.Spec, Name: one.Name, Paused: one.Paused, Registered: one.Registered, At: one.Home}
	}
	return a.office.Assign(list)
}

// Restart implements registry.Sources.
func (a assigner) Restart(name string) bool { return a.office.Restart(name) }

// Status implements registry.Sources.
func (a assigner) Status(name string) (command.SourceStatus, bool) { return a.office.Status(name) }

// handOverPatience is how long the end of a node waits until others run its sources. The rest they find by themselves: the
// mesh is told that it leaves.
const handOverPatience = 6 * time.Second

// drain hands sources over to other nodes, as far as there are any; once.
func (n *Node) drain(ctx context.Context) {
	if n.placement == nil || n.gossip == nil {
		return
	}
	n.draining.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, handOverPatience)
		defer cancel()
		if _, err := command.Ask(ctx, n.placement, command.Drain{}); err != nil {
			n.log.Warn("not all sources could be handed over in time: others take them up once this node has left",
				"patience", handOverPatience, "which", n.office.Owed(), "error", err)
		}
	})
}

// declare tells all nodes what this one says of itself: by the registry, as soon as that is there. False is that it has no room.
func (n *Node) declare(r command.NodeRegister) bool {
	select {
	case <-n.registered:
		return n.registry.Tell(registry.Declare{Register: r})
	default:
		return false
	}
}

// registers tells the office and the archiver what nodes say of themselves.
func (n *Node) registers(all map[messages.NodeID]registry.Register) {
	list := make(map[messages.NodeID]placement.Declared, len(all))
	for id, r := range all {
		list[id] = placement.Declared{NodeRegister: r.NodeRegister, Version: r.Version}
	}
	n.office.Nodes(list)
	if n.archiver != nil {
		n.archiver.Archives(archivesOf(all))
	}
}
