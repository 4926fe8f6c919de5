package member_test

import (
	"context"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"anode/actors/gossip/member"
)

// levels counts what is logged of nodes that can't be joined: told of calmly, and warned of.
type levels struct {
	slog.Handler
	calm, warned atomic.Int64
}

func (l *levels) WithAttrs([]slog.Attr) slog.Handler { return l }

func (l *levels) WithGroup(string) slog.Handler { return l }

func (l *levels) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (l *levels) Handle(_ context.Context, r slog.Record) error {
	switch r.Message {
	case "a node to join is not there yet: it is tried on":
		l.calm.Add(1)
	case "a node can't be joined":
		l.warned.Add(1)
	}
	return nil
}

func TestASeedThatStartsALittleLaterIsNothingToWarnOf(t *testing.T) {
	inWorld(t, func(w *world) {
		said := &levels{}
		w.start("n00", ip(0), func(c *member.Config) { c.Seeds, c.Logger = []string{ip(1)}, slog.New(said) })
		time.Sleep(10 * time.Second)
		w.start("n01", ip(1), func(c *member.Config) { c.Seeds = []string{ip(0)} })
		w.within(20*time.Second, "they join", w.allKnowAll)
		time.Sleep(time.Minute)
		if calm, warned := said.calm.Load(), said.warned.Load(); calm == 0 || calm > 2 || warned > 0 {
			t.Errorf("told of %d times, warned of %d times", calm, warned)
		}
	})
}

func TestASeedThatDoesNotComeIsWarnedOf(t *testing.T) {
	inWorld(t, func(w *world) {
		said := &levels{}
		w.net.change(func(f *fabric) { f.names["seed.example"] = []netip.Addr{netip.MustParseAddr("10.0.0.9")} })
		w.start("n00", ip(0), func(c *member.Config) { c.Seeds, c.Logger = []string{"seed.example:7946"}, slog.New(said) })
		time.Sleep(time.Minute)
		if calm, warned := said.calm.Load(), said.warned.Load(); calm == 0 || calm > 2 || warned != 1 {
			t.Errorf("told of %d times, warned of %d times", calm, warned)
		}
	})
}
