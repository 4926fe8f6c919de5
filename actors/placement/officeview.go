package placement

import (
	"fmt"

	"anode/messages/command"
	"anode/messages/units"
)

// view says how placing is.
func (a *officeActor) view() command.ComponentView {
	v := command.ComponentView{Name: Name, State: command.StateOK, Figures: map[string]float64{"running": float64(len(a.runs)), "yields": float64(len(a.yields)), "yields_unsaid": float64(a.unsaid)}}
	if a.before == nil {
		v.Detail = "the registry has not spoken yet"
		return v
	}
	all := a.before.sources.Len()
	v.Figures["sources"] = float64(all)
	counts := make(map[Do]int)
	for _, do := range a.before.do {
		counts[do]++
	}
	v.Figures["standby"], v.Figures["handing_over"] = float64(counts[Standby]), float64(counts[HandsOver])
	v.Detail = fmt.Sprintf("%d of %s run here", len(a.runs), units.Count(all, "source"))
	var nobody []command.OwnerlessView
	for i := range a.before.sources.list {
		if s := &a.before.sources.list[i]; !s.Everywhere && filled(a.before.row(i)) == 0 {
			nobody = append(nobody, command.OwnerlessView{Source: s.Name, Reason: a.before.nobody(s)})
		}
	}
	v.Figures["ownerless"] = float64(len(nobody))
	active := false
	for _, m := range a.membersNow() {
		active = active || m.ID != a.cfg.Node && m.There && m.Stage == command.StageActive
	}
	switch {
	case a.banned:
		v.Detail = reasonBanned
	case a.usurped:
		v.Detail = reasonUsurped
	case a.state == StateJoining:
		v.Detail = a.joining.Words(a.now(), active) + "; " + v.Detail
	case a.state == StateDraining:
		v.Detail = "draining; " + v.Detail
	case len(nobody) > 0:
		v.Detail += fmt.Sprintf("; of %s no node can be the owner (%s: %s)", units.Count(len(nobody), "source"), nobody[0].Source, nobody[0].Reason)
		v.State = command.StateDegraded
		if a.speaks() { // all nodes see the same: one of them raises the alarms
			v.Ownerless = nobody
		}
	}
	return v
}

// speaks tells whether this node tells of what all see: the first by id of those that are there.
func (a *officeActor) speaks() bool {
	for _, m := range a.membersNow() {
		if m.There && m.ID < a.cfg.Node {
			return false
		}
	}
	return true
}
