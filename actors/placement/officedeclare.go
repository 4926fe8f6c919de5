package placement

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"anode/messages/command"
	"anode/messages/units"
	"anode/messages/wire/frame"
)

const (
	// saidEvery is how often a node that yields something says so again: others end a yield of which they hear no more.
	saidEvery = MaxYield / 4
	// mostReason is how many bytes of why a source is yielded others are told.
	mostReason = 80
	// mostYields is how many bytes all yields of a node have together: its register must fit what the mesh carries of one, with what else is
	// said in it.
	mostYields = frame.MaxValue - 32<<10
)

// declare tells the mesh what this node says of itself, when that changed, was not taken, or was said long ago. All is yielded for
// MaxYield from now on, here too: once it has come back from the registry, as others heard it. A node that can't say anything owns
// what they think that it owns.
func (a *officeActor) declare(changed bool, now time.Duration) {
	again := len(a.yields) > 0 && now-a.saidAt >= saidEvery
	if a.cfg.Alone || a.said && !changed && !again {
		return
	}
	wall := a.cfg.Clock()
	d := command.NodeRegister{Own: a.cfg.Own.String(), Labels: a.cfg.Labels, Said: wall.UnixMilli()}
	until := wall.Add(MaxYield).UnixMilli() // by the clock of now: one that is set anew changes no more than one saying
	unsaid := 0
	d.Yields, unsaid = yieldsSaid(a.yields, until, mostYields)
	if unsaid != a.unsaid && unsaid > 0 {
		a.cfg.Logger.Warn("this node yields more sources than it can say: it keeps those, though they do not work here",
			"said", len(d.Yields), "kept", unsaid)
	}
	a.unsaid = unsaid
	// The first is said in any case: an earlier life may have said something else.
	a.said, a.saidAt = a.cfg.Declare(d), now
}

// yieldsSaid are yields as they are said, in order of name and of no more bytes than most, and how many are left out. Where there is no room for
// all, none has a reason: that it is yielded is worth more than why. It is pure.
func yieldsSaid(yields map[string]ownYield, until int64, most int) (list []command.Yield, unsaid int) {
	for _, reasons := range []bool{true, false} {
		list = make([]command.Yield, 0, len(yields))
		room := most
		for _, name := range slices.Sorted(maps.Keys(yields)) {
			y := yields[name]
			one := command.Yield{Source: name, Until: until, Level: y.level}
			if reasons {
				one.Reason = units.Clip(y.reason, mostReason)
			}
			if room -= sizeOf(&one); room < 0 {
				break
			}
			list = append(list, one)
		}
		if len(list) == len(yields) {
			break
		}
	}
	return list, len(yields) - len(list)
}

// sizeOf is how many bytes a yield has in a register, with what parts it from the next one.
func sizeOf(y *command.Yield) int {
	text, err := json.Marshal(y)
	if err != nil {
		panic(err) // texts, a number and a word
	}
	return len(text) + 1
}

// registerOf are the yields of what a node says.
func registerOf(d *command.NodeRegister) Register {
	r := Register{Said: d.Said}
	for _, y := range d.Yields {
		r.Yields = append(r.Yields, Yield(y))
	}
	return r
}

// ownYields are this node's as the mesh heard them.
func (a *officeActor) ownYields() Yields {
	if h := a.nodes[a.cfg.Node]; h != nil {
		return h.yields
	}
	return nil
}
