package node

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"anode/messages"
	"anode/messages/command"
)

// overlay gives views of sources the status that who runs them says: the first owner, all where a source runs everywhere, and who stands by of
// several. Those that don't answer in time are passed over: who owns a source is known all the same.
func (n *Node) overlay(ctx context.Context, views []command.SourceView) {
	if n.gossip == nil {
		return
	}
	at := make(map[messages.NodeID][]string)
	for i := range views {
		if views[i].Status.State == command.SourceFailed {
			continue
		}
		speakers, _ := n.office.Speakers(views[i].Name)
		for _, id := range speakers {
			if id != n.self.ID {
				at[id] = append(at[id], views[i].Name)
			}
		}
	}
	if len(at) == 0 {
		return
	}
	said := n.statusesOf(ctx, at)
	for i := range views {
		if v := &views[i]; v.Status.State != command.SourceFailed {
			speakers, everywhere := n.office.Speakers(v.Name)
			v.Status = n.told(v, speakers, everywhere, said)
		}
	}
}

// statusesOf asks nodes how sources are.
func (n *Node) statusesOf(ctx context.Context, at map[messages.NodeID][]string) map[spoken]command.SourceStatus {
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	var mu sync.Mutex // guards said
	said := make(map[spoken]command.SourceStatus)
	var asking sync.WaitGroup
	for node, names := range at {
		asking.Go(func() {
			list := n.remotes.of(ctx, node, names, n.statusesAt)
			mu.Lock()
			defer mu.Unlock()
			for name, status := range list {
				said[spoken{node, name}] = status
			}
		})
	}
	asking.Wait()
	return said
}

// told is a source's status as its speakers say; where none does, as this node knows.
func (n *Node) told(v *command.SourceView, speakers []messages.NodeID, everywhere bool, said map[spoken]command.SourceStatus) command.SourceStatus {
	mine := v.Status
	var all []command.SourceStatus
	first := false // the first of them is among those who said something
	for i, id := range speakers {
		status, ok := said[spoken{id, v.Name}]
		if id == n.self.ID {
			status, ok = mine, true
		}
		if ok {
			all = append(all, status)
			first = first || i == 0
		}
	}
	status := mine
	switch {
	case len(all) == 0:
		return mine
	case everywhere:
		status = joined(all)
	case first:
		status = all[0]
	}
	status.Owners, status.Why, status.Standby = mine.Owners, mine.Why, standbyOf(all)
	if status.Since.IsZero() { // it does not run there yet
		status.Since = mine.Since
	}
	switch paused := mine.State == command.SourcePaused; { // its owner may not have heard of it yet, or have said it before
	case paused:
		status.State, status.NextAt = mine.State, nil
	case status.State == command.SourcePaused:
		status.State = mine.State
	}
	return status
}

// statusesAt asks another node how sources are.
func (n *Node) statusesAt(ctx context.Context, node messages.NodeID, names []string) (map[string]command.SourceStatus, error) {
	r, err := n.askNode(ctx, node, &question{Ask: askStatus, Sources: names})
	if err != nil {
		return nil, err
	}
	return r.statuses(names), nil
}

// aboutSources answers what may need other nodes, within bounds.
func (n *Node) aboutSources(ctx context.Context, question any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	switch q := question.(type) {
	case command.RestartSource:
		return n.restart(ctx, q)
	case command.GetSource:
		return n.source(ctx, q)
	default:
		return n.allSources(ctx)
	}
}

// source is a source, as its owner says.
func (n *Node) source(ctx context.Context, q command.GetSource) (command.SourceView, error) {
	view, err := command.Ask(ctx, n.registry, q)
	if err != nil {
		return view, err
	}
	list := []command.SourceView{view}
	n.overlay(ctx, list)
	return list[0], nil
}

// allSources are all, each as its owner says.
func (n *Node) allSources(ctx context.Context) ([]command.SourceView, error) {
	list, err := command.Ask(ctx, n.registry, command.ListSources{})
	if err == nil {
		n.overlay(ctx, list)
	}
	return list, err
}

// here are the sources that run on this node.
func (n *Node) here(ctx context.Context) ([]command.SourceView, error) {
	list, err := command.Ask(ctx, n.registry, command.ListSources{})
	if err != nil || n.gossip == nil {
		return list, err
	}
	return slices.DeleteFunc(list, func(v command.SourceView) bool {
		_, here := n.feeds.Status(v.Name)
		return !here && v.Status.State != command.SourceFailed
	}), nil
}

// restart has a source connect anew, wherever it runs.
func (n *Node) restart(ctx context.Context, q command.RestartSource) (command.SourceView, error) {
	if owner := n.office.Elsewhere(q.Name); owner != "" && n.gossip != nil {
		view, err := command.Ask(ctx, n.registry, command.GetSource{Name: q.Name})
		if err != nil {
			return view, err
		}
		if view.Status.State == command.SourcePaused {
			return view, fmt.Errorf("%w: source %s does not run: resume it, which connects it anew", command.ErrPaused, q.Name)
		}
		if _, err := n.askNode(ctx, owner, &question{Ask: askRestart, Sources: []string{q.Name}}); err != nil {
			return view, err
		}
		list := []command.SourceView{view}
		n.overlay(ctx, list)
		return list[0], nil
	}
	return command.Ask(ctx, n.registry, q)
}
