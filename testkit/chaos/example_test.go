package chaos_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"anode/testkit/chaos"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	mesh, err := chaos.Start(ctx, chaos.Config{Nodes: 3, Binary: program, Dir: dir}) // program is what chaos.Build made
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = mesh.Close() }()
	result, err := chaos.Run(ctx, mesh, chaos.Plan{
		Script: chaos.Script{
			{At: 500 * time.Millisecond, Action: chaos.KillNode{Node: 2}},
			{At: 1500 * time.Millisecond, Action: chaos.StartNode{Node: 2}},
		},
		Publishers: 2, Rate: 50, Readers: 2,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("broken promises:", len(result.Faults))
	// Output: broken promises: 0
}

func ExampleDraw() {
	fmt.Print(chaos.Draw(chaos.Draft{Seed: 7, Nodes: 3, Length: 20 * time.Second, Ways: true}))
	// Output:
	// 2.0s  ways 2 ↔ 0,1: 1 Mbit/s
	//    3.2s  ways 2 ↔ 0,1: as it was
	//    5.0s  kill -9 1, and empty its disk
	//    6.8s  start 1
	//    8.2s  ways 0 ↔ 1,2: 1 Mbit/s
	//    9.6s  ways 0 ↔ 1,2: as it was
	//   11.0s  stop 2
	//   11.8s  start 2
	//   12.7s  ways 0 ↔ 1,2: 200ms longer
	//   13.5s  ways 0 ↔ 1,2: as it was
	//   15.5s  ways 1 ↔ 0,2: 100ms longer
	//   17.1s  ways 1 ↔ 0,2: as it was
	//   18.5s  ways 2 ↔ 0,1: 1 Mbit/s
	//   19.1s  ways 2 ↔ 0,1: as it was
}

func ExampleCheck() {
	// Node b does not hold what was acknowledged by a, and a reader of b passes it in silence.
	record := chaos.Record{ID: "a-1-1-0", Stream: "chaos.p0", NativeID: "0.0"}
	for _, fault := range chaos.Check(&chaos.History{
		Publishes: []chaos.Publish{{Node: "a", Outcome: chaos.Acknowledged, ID: "a-1-1-0"}},
		Held:      map[string][]chaos.Record{"a": {record}, "b": nil},
		Readers: []chaos.Reader{{Name: "reader", Sessions: []chaos.Session{
			{Node: "b", Messages: []chaos.Message{{Op: "subscribed"}, {Op: "cursor", After: []string{"a-1-2-0"}}}},
		}}},
	}) {
		fmt.Println(fault)
	}
	// Output:
	// nodes hold different records: b lacks 1 of 1: a-1-1-0
	// a hole without a gap: reader stands at a-1-2-0 and never got a-1-1-0
}
