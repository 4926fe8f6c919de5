package sim

import (
	"slices"
	"time"
)

// Verb is an action as scripts have it.
type Verb struct {
	Name string
	// Usage is what stands behind the name, About what it does.
	Usage, About string
	parse        func(*arguments) Action
}

// Verbs are the actions that a script can have.
func Verbs() []Verb { return slices.Clone(verbs) }

func verbNames() []string {
	names := make([]string, 0, len(verbs))
	for _, v := range verbs {
		names = append(names, v.Name)
	}
	return names
}

var verbs = []Verb{
	{"load", "origins=N | at=NODES [rate=N] [size=SIZE] [records=N] [spacing=even] [for=TIME]", "nodes publish, rate batches a second each", func(a *arguments) Action {
		return Publish(Load{
			At: a.origins(), Rate: a.number("rate", 1), Size: a.body(), Records: uint32(a.number("records", 1)),
			Even: a.either("spacing", "even", "poisson"), For: a.duration("for", 0),
		})
	}},
	{"stop", "", "all loads end", func(*arguments) Action { return Stop() }},
	{"crash", "NODES [machine] [power] [wipe] [back=TIME]", "processes end; machine: peers hear nothing; power: without what was not synced; wipe: without the disk", func(a *arguments) Action {
		return Crash(a.nodes(), How{Machine: a.flag("machine"), Power: a.flag("power"), Wipe: a.flag("wipe"), Back: a.duration("back", 0)})
	}},
	{"restart", "NODES", "nodes that are down start", func(a *arguments) Action { return Restart(a.nodes()) }},
	{"wipe", "NODES", "nodes end and their disks are emptied", func(a *arguments) Action { return Wipe(a.nodes()) }},
	{"churn", "SHARE [replace] [away=SPAN] [for=TIME]", "so many nodes a minute end and come back, or new ones for them", func(a *arguments) Action {
		return Churn(Churning{Share: a.share(), Replace: a.flag("replace"), Away: a.span("away"), For: a.duration("for", 0)})
	}},
	{"join", "N", "new nodes start", func(a *arguments) Action { return Join(a.count()) }},
	{"partition", "NODES [| NODES]…", "sides hear nothing of each other; nodes that are not named are one side", func(a *arguments) Action { return Partition(a.groups()...) }},
	{"block", "NODES NODES", "the first and the second can't talk", func(a *arguments) Action { return Block(a.nodes(), a.nodes()) }},
	{"oneway", "NODES NODES", "nothing gets from the first to the second", func(a *arguments) Action { return OneWay(a.nodes(), a.nodes()) }},
	{"heal", "", "ends partition, block and oneway; what does not end to the end of a run excuses what is missing", func(*arguments) Action { return Heal() }},
	{"bandwidth", "NODES SIZE", "their links carry so many bytes a second; 0 is as all others", func(a *arguments) Action { return Bandwidth(a.nodes(), a.bytes()) }},
	{"latency", "NODES SPAN", "their links take so long; 0 is as all others", func(a *arguments) Action { return Latency(a.nodes(), a.spanNext()) }},
	{"loss", "NODES SHARE", "their links lose so much", func(a *arguments) Action { return Loss(a.nodes(), a.share()) }},
	{"clock", "NODES +TIME|-TIME", "their wall clocks jump", func(a *arguments) Action { return Clock(a.nodes(), a.shift()) }},
	{"clone", "NODES", "each gets a second node with its identity and a copy of its disk", func(a *arguments) Action { return Clone(a.nodes()) }},
	{"journal", "fail|stall|ok NODES [for=TIME]", "appends fail, or are not answered", func(a *arguments) Action { return Journal(a.ailment()) }},
	{"damage", "NODES SHARE", "a share of what their journals hold is lost", func(a *arguments) Action { return Damage(a.nodes(), a.share()) }},
	{"pause", "NODES [for=TIME]", "they get nothing, and then all at once", func(a *arguments) Action { return Pause(a.nodes(), a.duration("for", 10*time.Second)) }},
	{"retention", "[bytes=SIZE] [age=TIME]", "what journals keep from now on, where --retention-bytes or --retention-age gave them a bound at first", func(a *arguments) Action {
		return Retention(a.size("bytes", 0), a.duration("age", 0))
	}},
	{"history", "origins=N | at=NODES [on=NODES] [batches=N] [size=SIZE] [age=TIME]", "at 0s: what journals hold from before", func(a *arguments) Action {
		return History(Past{
			At: a.origins(), On: a.picked("on", All()), Batches: int(a.number("batches", 1000)), Size: a.body(), Age: a.duration("age", time.Hour),
		})
	}},
	{"register", "NODES N", "each decides so many events of the registry", func(a *arguments) Action { return Register(a.nodes(), a.count()) }},
}
