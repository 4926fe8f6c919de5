package node

import (
	"context"
	"fmt"
	"maps"

	"anode/actors/archive"
	"anode/actors/registry"
	"anode/actors/status"
	"anode/messages"
	"anode/messages/command"
)

// makeArchiver makes what archives, where there is an archive: before the journal, which announces to it.
func (n *Node) makeArchiver(cfg *Config) (err error) {
	if cfg.Archive == nil {
		return nil
	}
	n.archiver, err = archive.New(archive.Config{
		Node: cfg.View.ID, Journal: cfg.Journal, Archive: cfg.Archive, Alone: cfg.Mesh == nil, State: cfg.State,
		Changed: n.declaration.archives, Clock: cfg.Clock, Logger: cfg.Logger, Registerer: cfg.Registerer,
	})
	if err != nil {
		return err
	}
	cfg.Journal.Pin(n.archiver.Pinned) // before it drops anything
	n.declaration.archives(archive.Register(cfg.Archive))
	return nil
}

// startArchiver starts it.
func (n *Node) startArchiver() (err error) {
	if n.archiver != nil {
		n.archive, err = n.system.Spawn(n.archiver.Spec())
	}
	return err
}

// archivePart is the archive's place in the node's status.
func (n *Node) archivePart() status.Part {
	if n.archiver == nil {
		return status.Part{Name: archive.Name, Off: noArchive}
	}
	return status.Part{Name: archive.Name, Ask: func(ctx context.Context) (command.ComponentView, error) {
		return command.Ask(ctx, n.archive, command.Component{})
	}}
}

// archivesOf are the archives that nodes say that they have.
func archivesOf(all map[messages.NodeID]registry.Register) map[messages.NodeID]command.NodeArchive {
	return maps.Collect(func(yield func(messages.NodeID, command.NodeArchive) bool) {
		for id, r := range all {
			if r.Archive != nil && !yield(id, *r.Archive) {
				return
			}
		}
	})
}

// noArchive is what a node says that has none.
const noArchive = "no archive is configured"

// aboutArchive answers what is asked about the archive.
func (n *Node) aboutArchive(ctx context.Context, question any) (any, error) {
	if n.archiver == nil {
		if _, is := question.(command.Archive); is {
			return command.ArchiveView{State: command.StateOff, Detail: noArchive, Origins: []command.ArchiveOriginView{}}, nil
		}
		return nil, fmt.Errorf("%w: %s on this node", command.ErrNotFound, noArchive)
	}
	switch q := question.(type) {
	case command.Backfill:
		return n.archiver.Backfill(q)
	case command.CheckArchive:
		return n.archiver.Check(q)
	}
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	return n.archive.Ask(ctx, question)
}
