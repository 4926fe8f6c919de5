package app

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"anode/actors/registry"
	"anode/cmd/anode/app/demofeeds"
	"anode/messages/command"
)

// own is where this node's own sources may connect although it is no public address: its own port, for
// the demo feeds.
func (r *running) own() []netip.AddrPort {
	if !r.cfg.Demo {
		return nil
	}
	return []netip.AddrPort{r.reached()}
}

// reached is the address at which this machine reaches the node's API.
func (r *running) reached() netip.AddrPort {
	at, err := netip.ParseAddrPort(r.listener.Addr().String())
	if err != nil { // no TCP address: there is nothing to reach
		return netip.AddrPort{}
	}
	addr := at.Addr().WithZone("").Unmap()
	switch {
	case addr.IsUnspecified() && addr.Is4():
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case addr.IsUnspecified():
		addr = netip.IPv6Loopback()
	}
	return netip.AddrPortFrom(addr, at.Port())
}

// labels are this node's: one that serves the demo feeds has a label of its own, by which they are placed here.
func (r *running) labels() map[string]string {
	if !r.cfg.Demo {
		return r.cfg.Labels
	}
	labels := map[string]string{demofeeds.Label: string(r.identity.ID)}
	maps.Copy(labels, r.cfg.Labels)
	return labels
}

// openDemo makes the demo feeds before the node that collects them, so that they end after it.
func (r *running) openDemo() (err error) {
	if !r.cfg.Demo {
		return nil
	}
	if r.demo, err = demofeeds.New(demofeeds.Config{Clock: time.Now, Logger: r.log}); err != nil {
		return err
	}
	r.onClose(r.demo.Close)
	return nil
}

// withDemo serves the demo feeds beside what there is.
func (r *running) withDemo(rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasPrefix(req.URL.Path, demofeeds.Root) {
			r.demo.ServeHTTP(w, req)
			return
		}
		rest.ServeHTTP(w, req)
	})
}

// applyDemo registers the sources of the demo feeds. Their addresses have the node's port, so that they
// are replaced when it has another one, and left alone otherwise; in a mesh they are those of the node that was the first
// with --demo. Without --demo it says what an earlier start with it has left: nothing is removed that nobody asked to remove.
func (r *running) applyDemo(ctx context.Context) error {
	if !r.cfg.Demo {
		return r.leftovers(ctx)
	}
	for _, s := range demofeeds.Sources(r.reached().String(), r.identity.ID) {
		if _, err := command.Ask(ctx, r.node, registry.Apply{Document: s.YAML, YAML: true, Spare: true}); err != nil && ctx.Err() == nil {
			return fmt.Errorf("source %s of the demo: %w", s.Name, err)
		}
	}
	return nil
}

// pushDemo begins to push the demo feed that is pushed.
func (r *running) pushDemo() error {
	if r.demo == nil {
		return nil
	}
	return r.demo.Push("http://" + r.reached().String())
}

// leftovers warns of sources whose feeds are not served now.
func (r *running) leftovers(ctx context.Context) error {
	for _, s := range demofeeds.Sources(r.reached().String(), r.identity.ID) {
		left, err := command.Ask(ctx, r.node, registry.Applied{Name: s.Name})
		switch {
		case ctx.Err() != nil:
			return nil // the node stops
		case err != nil:
			return fmt.Errorf("source %s of the demo: %w", s.Name, err)
		case left:
			r.log.Warn("a source of the demo is left from a start with --demo, and has no feed now", "source", s.Name,
				"hint", "anode source remove "+s.Name)
		}
	}
	return nil
}
