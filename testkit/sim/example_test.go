package sim_test

import (
	"context"
	"fmt"
	"time"

	"anode/messages"
	"anode/testkit/sim"
)

// A tenth of the machines goes at once: the others get everything.
func Example() {
	s, err := sim.New(sim.Config{Nodes: 100, Seed: 7, Duration: 20 * time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	s.At(2*time.Second, sim.Publish(sim.Load{At: sim.Any(5), Rate: 5, Size: 300}))
	s.At(10*time.Second, sim.Crash(sim.Share(0.1), sim.How{Machine: true}))
	r, err := s.Run(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Up, "of", r.Nodes, "nodes run,", r.Figures.Missing, "is missing,", len(r.Violations), "promises were broken")
	// Output: 90 of 100 nodes run, 0 is missing, 0 promises were broken
}

// The same as a script.
func ExampleSim_Play() {
	s, err := sim.New(sim.Config{Nodes: 20, Seed: 7, Duration: 20 * time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = s.Play(`
		2s   load origins=5 rate=5 size=300
		8s   partition 0-9 | 10-19
		12s  heal
	`)
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := s.Run(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range r.Faults {
		fmt.Println(f.At, f.Fault)
	}
	fmt.Println(r.OK())
	// Output:
	// 8s partition 0-9 | 10-19
	// 12s heal
	// true
}

// A test looks at the mesh on the way.
func ExampleSim_RunTo() {
	s, err := sim.New(sim.Config{Nodes: 5, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	s.At(2*time.Second, sim.Publish(sim.Load{At: sim.These(0), Rate: 10, For: time.Second}))
	if err := s.RunTo(context.Background(), 4*time.Second); err != nil {
		fmt.Println(err)
		return
	}
	first := messages.BatchID{Origin: s.ID(0), Epoch: s.Core(0).Lines().Head(s.ID(0)).Epoch, Sequence: 1}
	fmt.Println(len(s.Links(4)), s.Holds(4, first), s.Held(4) == s.Sealed())
	// Output: 4 true true
}

// Scenarios are scripts, cut to the size of the mesh.
func ExampleScenario_Script() {
	partition, _ := sim.FindScenario("partition")
	fmt.Print(partition.Script(sim.Shape{
		Nodes: 10, Duration: time.Minute, Load: sim.Load{At: sim.Any(3), Rate: 5},
	}))
	// Output:
	// 2s  load at=any:3 rate=5
	// 18s  partition 0-4
	// 36s  heal
}
