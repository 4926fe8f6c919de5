package core_test

import (
	"fmt"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

// lacking has the node hold 1 to 3 and 6 to 9 of an epoch that is closed; what is between was given up before it
// began.
func lacking(c *core.Config) {
	torn("o")(c)
	hold(c.Lines.Open("o"), 2, 1, 1)
	c.Lines.Open("o").GiveUp(1, run(4, 5))
}

func TestANewPeerIsAskedForWhatWasGivenUp(t *testing.T) {
	d := newDesk(t, lacking)
	d.members("o", "a")
	d.denying("a")
	d.link("a")
	d.pass(10 * time.Second)
	same(t, "a is asked for", d.asked("a", "o", 1), list(run(4, 5)))
	d.down("a")
	d.link("a")
	d.pass(10 * time.Second)
	same(t, "a is asked again for, when it is back", d.asked("a", "o", 1), list(run(4, 5)))
}

// What a node gave up itself it asks new peers for, as well.
func TestAPeerThatComesLaterIsAskedForWhatWasGivenUp(t *testing.T) {
	d := newDesk(t, func(c *core.Config) {
		torn("o")(c)
		hold(c.Lines.Open("o"), 2, 1, 1)
	})
	d.denying("o")
	d.members("o")
	d.link("o")
	d.pass(20 * time.Second)
	same(t, "given up", d.givenUp("o"), list(run(4, 5)))
	d.members("o", "b")
	d.link("b")
	d.pass(time.Second)
	same(t, "b is asked for", d.asked("b", "o", 1), list(run(4, 5)))
	d.repaired("b", d.batch("o", 1, 4))
	if !d.Lines()["o"].Holds(1, 4) {
		t.Error("it is not stored")
	}
}

// An announcement is made once: who made it is asked until it answers.
func TestWhatAPeerIsKnownToHoldOfWhatWasGivenUpIsAskedForUntilItComes(t *testing.T) {
	d := newDesk(t, lacking)
	d.members("o", "a", "b")
	d.denying("a", "b")
	d.link("a", "b")
	d.pass(5 * time.Second)
	d.clear()
	d.replies["a"] = nil // what it is asked, or what it answers, is lost
	d.announced("a", "o", 1, 9)
	d.pass(10 * time.Second)
	if n := len(d.asked("a", "o", 1)); n < 3 {
		t.Errorf("it is asked for %d times", n)
	}
	d.denying("a")
	d.pass(5 * time.Second)
	d.clear()
	d.pass(time.Minute)
	none(t, "asked for after it said that it has nothing", d.asked("a", "o", 1))
}

func TestSomebodyIsAskedNowAndThenForWhatWasGivenUp(t *testing.T) {
	d := newDesk(t, lacking)
	d.members("o", "a", "b")
	d.denying("a", "b")
	d.link("a", "b")
	d.pass(10 * time.Second)
	d.clear()
	d.pass(100 * time.Second)
	none(t, "asked for within two minutes", append(d.asked("a", "o", 1), d.asked("b", "o", 1)...))
	d.pass(20*time.Minute - 110*time.Second)
	if n := len(d.asked("a", "o", 1)) + len(d.asked("b", "o", 1)); n < 8 || n > 10 {
		t.Errorf("it asks %d times in twenty minutes", n)
	}
}

func TestWhatComesInPartOfWhatWasGivenUpIsAskedForOnceMore(t *testing.T) {
	d := newDesk(t, lacking)
	d.members("o", "a")
	d.link("a")
	d.pass(time.Second)
	asks := d.pulls("a")
	d.repaired("a", d.batch("o", 1, 5))
	d.clear()
	d.gets("a", &frame.End{ID: asks[0]})
	d.pass(time.Second)
	same(t, "a is asked for", d.asked("a", "o", 1), list(run(4, 4)))
}

// Many gaps neither crowd out what is wanted nor are more remembered than so many.
func TestManyGapsAreAskedForABitAtATime(t *testing.T) {
	d := newDesk(t, func(c *core.Config) {
		for i := range 400 {
			line := c.Lines.Open(messages.NodeID(fmt.Sprint("o", i)))
			hold(line, 1, 2, 2)
			hold(line, 2, 1, 1)
			line.GiveUp(1, run(1, 1))
		}
	})
	d.link("a")
	d.pass(120 * time.Millisecond)
	if n := len(d.pulls("a")); n > 4 {
		t.Errorf("%d pulls are open at once", n)
	}
	d.denying("a")
	d.pass(20 * time.Second)
	if n := len(d.pulls("a")); n < 250 || n > 270 {
		t.Errorf("%d of 400 are asked for, want 256", n)
	}
}
