package core

import (
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// Core is the part of a node's gossip that decides.
type Core struct {
	cfg     Config
	now     Now
	outputs []Output
	stats   Stats
}

// New makes a core.
func New(cfg Config) (*Core, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Core{cfg: cfg.withDefaults()}, nil
}

// Lines are what the node holds, as the core knows it. They must not be changed.
func (c *Core) Lines() messages.Lines { return c.cfg.Lines }

// Stats are counts since the start, and sizes of now.
type Stats struct {
	// Pushed counts batches that came by the tree and were new, Repaired those that were new and came by a
	// pull or made up for a loss, Backfilled those of them that were old, Redundant those that were held already.
	Pushed, Repaired, Backfilled, Redundant uint64
	// Sent counts the pushes sent, by the tree and by repair; Skipped those that a full link did not get.
	Sent, Skipped uint64
	// Control is how many bytes of other frames than pushes were sent.
	Control uint64
	// Pulls, Grafts and Prunes count those sent; Retries pulls of which nothing came in time; GaveUp the holes
	// given up.
	Pulls, Grafts, Prunes, Retries, GaveUp uint64
	// Refused counts batches that came and were dropped because too many waited to be appended, Ignored
	// frames and batches that made no sense here.
	Refused, Ignored uint64
	// Hops sums the hops of Pushed.
	Hops uint64
	// Links is how many are up, Missing how many batches are known of and not held, Appending the
	// bytes that wait to be appended.
	Links, Missing, Appending int
}

// Stats gives them.
func (c *Core) Stats() Stats { return c.stats }

func (c *Core) begin(now Now) { c.now = now }
func (c *Core) end()          {}

func (c *Core) setMembers(m *Members)                                              {}
func (c *Core) linkUp(peer messages.NodeID, hello *frame.Hello)                    {}
func (c *Core) linkDown(peer messages.NodeID)                                      {}
func (c *Core) claim(peer messages.NodeID)                                         {}
func (c *Core) receive(peer messages.NodeID, f frame.Frame)                        {}
func (c *Core) heard(peer messages.NodeID)                                         {}
func (c *Core) queued(peer messages.NodeID, bytes int)                             {}
func (c *Core) local(batch *wire.Sealed)                                           {}
func (c *Core) appended(batch *wire.Sealed, result Result)                         {}
func (c *Core) served(peer messages.NodeID, pull uint64, missing []messages.Range) {}
func (c *Core) dropped(origin messages.NodeID, epoch, floor uint64)                {}
func (c *Core) forgotten(origin messages.NodeID, epoch uint64)                     {}
func (c *Core) lost(origin messages.NodeID, epoch uint64, lost messages.Range)     {}
func (c *Core) setRoom(bytes int64)                                                {}
func (c *Core) renewed(epoch uint64)                                               {}
func (c *Core) register(events []frame.Event)                                      {}
func (c *Core) publish(record frame.Ephemeral)                                     {}
func (c *Core) due() time.Duration                                                 { return 1 << 62 }
func (c *Core) hello(to messages.NodeID) frame.Hello                               { return frame.Hello{} }
