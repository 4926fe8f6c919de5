package placement_test

import (
	"fmt"
	"time"

	"anode/actors/placement"
	"anode/messages"
)

// The node ada takes over what bob drains, and is told by him when it may go on.
func Example() {
	nodes := func(bob placement.State) []placement.Node {
		return []placement.Node{{ID: "ada", State: placement.StateActive}, {ID: "bob", State: bob}}
	}
	view := placement.View{
		Now: 0, Self: "bob", Nodes: nodes(placement.StateActive),
		Sources: placement.NewSources([]placement.Source{{Name: "coinbase"}, {Name: "kraken"}, {Name: "hooks", Everywhere: true}}),
	}
	plan := placement.Next(nil, view)
	show := func(when string) {
		fmt.Println(when)
		for task := range plan.Tasks() {
			fmt.Printf("  %s: %s, %s\n", task.Source, task.Do, task.Reason)
		}
	}
	show("at first")

	view.Now, view.Nodes = 5*time.Second, nodes(placement.StateDraining)
	plan = placement.Next(plan, view)
	show("bob drains")
	fmt.Println("  he asks", plan.Questions())

	view.Now, view.Reports = 6*time.Second, placement.Reports{}
	for _, question := range plan.Questions() {
		view.Reports[question] = placement.Report{Said: placement.SaidRunning, Asked: 5 * time.Second}
	}
	plan = placement.Next(plan, view)
	show("ada has answered")
	fmt.Println("  still held:", plan.Held())
	// Output:
	// at first
	//   hooks: run, runs on every node
	//   kraken: run, owned by this node
	// bob drains
	//   hooks: run, runs on every node
	//   kraken: hand over, runs on until ada runs it, for 10s at most
	//   he asks [{kraken ada}]
	// ada has answered
	//   hooks: run, runs on every node
	//   kraken: stop, ada runs it
	//   still held: 0
}

func ExamplePlan_Why() {
	plan := placement.Next(nil, placement.View{
		Self: "ada", Sources: placement.NewSources([]placement.Source{
			{Name: "coinbase", Redundancy: 2}, {Name: "lab", Nodes: map[string]string{"room": "7"}},
		}),
		Nodes: []placement.Node{
			{ID: "ada", State: placement.StateActive},
			{ID: "bob", State: placement.StateActive, Yields: placement.Yields{"coinbase": {Ends: time.Minute, Reason: "the secret key is missing"}}},
			{ID: "cyd", State: placement.StateJoining},
		},
	})
	fmt.Println(plan.Why("coinbase"))
	fmt.Println(plan.Why("lab"))
	// Output:
	// owned by ada, of 2 candidates; it wants 2 owners; bob yields it (the secret key is missing)
	// no node can own it: no active node has the labels room=7
}

func ExampleCase_Decide() {
	exclusive := placement.Case{
		Now: 12 * time.Second, Self: "ada", Source: "coinbase", Exclusive: true,
		Owners: []messages.NodeID{"ada"}, Others: []messages.NodeID{"bob"}, Since: 10 * time.Second,
	}
	d := exclusive.Decide()
	fmt.Println(d.Do, "-", d.Reason)
	exclusive.Reports = placement.Reports{{Source: "coinbase", Node: "bob"}: {Said: placement.SaidStopped, Asked: 11 * time.Second}}
	fmt.Println(exclusive.Decide().Do)
	// Output:
	// standby - exclusive: waits until bob says that it does not run it
	// run
}

func ExampleJoining() {
	node := placement.Begin(0, true) // it has seeds
	for _, at := range []time.Duration{1 * time.Second, 4 * time.Second, 14 * time.Second} {
		linked, activePeer := at >= 4*time.Second, at >= 4*time.Second
		node = node.Step(at, linked, activePeer)
		fmt.Println(at, node.State(false), "-", node.Words(at, activePeer))
	}
	// Output:
	// 1s joining - joining: waits for a first link, for 14s at most
	// 4s joining - joining: learns from its peers what there is, for 10s
	// 14s active - active
}

func ExampleRegister_Heard() {
	said := placement.Register{Said: 1_800_000_000_000, Yields: []placement.Yield{
		{Source: "coinbase", Until: 1_800_000_060_000, Reason: "the feed failed for three intervals"},
		{Source: "kraken", Until: 1_900_000_000_000, Reason: "its address is not allowed"},
	}}
	heard := said.Heard(10 * time.Minute)
	fmt.Println(heard["coinbase"].Ends, heard["kraken"].Ends)
	// Output: 11m0s 15m0s
}

func ExampleShare_Every() {
	const budget = 50 * time.Millisecond // 20/s in the mesh
	fmt.Println(placement.Share{Own: 1, All: 4}.Every(budget), placement.Share{Own: 3, All: 4}.Every(budget))
	// Output: 200ms 66.666667ms
}

func ExamplePlan_Level() {
	var sources []placement.Source
	for i := range 48 {
		sources = append(sources, placement.Source{Name: fmt.Sprintf("feed-%d", i)})
	}
	view := placement.View{Self: "ada", Sources: placement.NewSources(sources), Nodes: []placement.Node{
		{ID: "ada", State: placement.StateActive}, {ID: "bob", State: placement.StateActive}, {ID: "cyd", State: placement.StateActive},
	}}
	fmt.Println(placement.Next(nil, view).Loads())
	for i := range view.Nodes {
		view.Self = view.Nodes[i].ID
		fmt.Println(view.Self, "yields", placement.Next(nil, view).Level())
	}
	// Output:
	// map[ada:10 bob:23 cyd:15]
	// ada yields []
	// bob yields [feed-0 feed-1 feed-11]
	// cyd yields []
}
