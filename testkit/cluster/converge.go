package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"anode/messages"
	"anode/messages/command"
)

const (
	// lookEvery is how often WaitConverged and Await look.
	lookEvery = 50 * time.Millisecond
	// mostTold bounds what an error lists.
	mostTold = 8
)

// Converged tells why the nodes that run are not one mesh that holds the same; nil is that they are: all journals have the same
// digest without holes, each node sees exactly those alive that run, and has a link where there are others.
func (c *Cluster) Converged(ctx context.Context) error {
	if err := c.Same(); err != nil {
		return err
	}
	return c.Met(ctx)
}

// Same tells why the journals of the nodes that run don't hold the same without holes. What lies below a floor does
// not count: floors are each node's own.
func (c *Cluster) Same() error {
	running := c.Running()
	if len(running) == 0 {
		return nil
	}
	var all messages.Digest
	digests := make([]messages.Digest, len(running))
	for i, n := range running {
		digests[i] = n.Digest()
		all = joined(all, digests[i])
	}
	var faults []string
	for i, n := range running {
		faults = append(faults, lacks(n.Name(), digests[i], all)...)
	}
	return told("not the same is held", faults)
}

// joined is the highest head of each epoch.
func joined(all, more messages.Digest) messages.Digest {
	if all == nil {
		all = make(messages.Digest)
	}
	for origin, epochs := range more {
		for _, e := range epochs {
			i := slices.IndexFunc(all[origin], func(o messages.EpochDigest) bool { return o.Epoch == e.Epoch })
			switch {
			case i < 0:
				all[origin] = append(all[origin], messages.EpochDigest{Epoch: e.Epoch, Head: e.Head})
			case all[origin][i].Head < e.Head:
				all[origin][i].Head = e.Head
			}
		}
	}
	return all
}

// lacks tells what a digest lacks.
func lacks(who string, d, all messages.Digest) (faults []string) {
	for origin, epochs := range all {
		for _, want := range epochs {
			if want.Head == 0 {
				continue
			}
			i := slices.IndexFunc(d[origin], func(o messages.EpochDigest) bool { return o.Epoch == want.Epoch })
			switch {
			case i < 0:
				faults = append(faults, fmt.Sprintf("%s has nothing of %s-%d, which goes to %d", who, short(origin), want.Epoch, want.Head))
			case d[origin][i].Head < want.Head:
				faults = append(faults, fmt.Sprintf("%s has %s-%d to %d of %d", who, short(origin), want.Epoch, d[origin][i].Head, want.Head))
			case len(d[origin][i].Holes) > 0:
				faults = append(faults, fmt.Sprintf("%s has holes in %s-%d: %v", who, short(origin), want.Epoch, d[origin][i].Holes))
			}
		}
	}
	return faults
}

// Met tells why not all nodes that run see exactly those alive that run, and are linked.
func (c *Cluster) Met(ctx context.Context) error {
	running := c.Running()
	runs := make(map[messages.NodeID]string)
	for _, n := range running {
		runs[n.ID()] = n.Name()
	}
	var faults []string
	for _, n := range running {
		v, err := n.Peers(ctx)
		if err != nil {
			faults = append(faults, err.Error())
			continue
		}
		faults = append(faults, strangers(n.Name(), v, runs)...)
	}
	return told("not all see all", faults)
}

// strangers tells whom a node sees wrongly.
func strangers(who string, v command.PeersView, runs map[messages.NodeID]string) (faults []string) {
	alive := 0
	for _, p := range v.Nodes {
		_, is := runs[p.ID]
		seen := p.State == command.NodeAlive || p.State == command.NodeDraining
		switch {
		case is && seen:
			alive++
		case is || seen || p.State == command.NodeSuspect:
			faults = append(faults, fmt.Sprintf("%s sees %s %s", who, p.Name, p.State))
		}
	}
	up := 0
	for _, l := range v.Links {
		if l.State == command.LinkUp {
			up++
		}
	}
	switch {
	case alive < len(runs):
		faults = append(faults, fmt.Sprintf("%s sees %d of %d", who, alive, len(runs)))
	case up == 0 && len(runs) > 1:
		faults = append(faults, fmt.Sprintf("%s has no link", who))
	}
	return faults
}

func short(id messages.NodeID) messages.NodeID { return id[:min(4, len(id))] }

func told(what string, faults []string) error {
	if len(faults) == 0 {
		return nil
	}
	slices.Sort(faults)
	if n := len(faults); n > mostTold {
		faults = append(faults[:mostTold:mostTold], fmt.Sprintf("and %d more", n-mostTold))
	}
	return fmt.Errorf("cluster: %s: %s", what, strings.Join(faults, "; "))
}

// WaitConverged waits until the nodes have converged, and tells how long that took, and after so long why they have not.
func (c *Cluster) WaitConverged(within time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within+time.Minute)
	defer cancel()
	return Await(within, func() error { return c.Converged(ctx) })
}

// Await waits until there is no error any more, and tells how long that took, and after so long what it still is.
func Await(within time.Duration, is func() error) (time.Duration, error) {
	began := time.Now()
	for {
		err := is()
		took := time.Since(began)
		switch {
		case err == nil:
			return took, nil
		case took >= within:
			return took, fmt.Errorf("not within %s: %w", within, err)
		}
		time.Sleep(lookEvery)
	}
}
