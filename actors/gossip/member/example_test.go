package member_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"anode/actors/gossip/member"
	"anode/messages"
)

// Two nodes on one machine: the second is told the address of the first.
func Example() {
	node := func(id, seed string) (*member.List, string) {
		tcp, _ := net.Listen("tcp", "127.0.0.1:0")
		udp, _ := net.ListenPacket("udp", tcp.Addr().String())
		cfg := member.Config{
			Node: messages.NodeID(id), Cluster: "anode", Meta: member.Meta{Stage: member.Active, Epoch: 1, Name: "my " + id},
			Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
		}
		if seed != "" {
			cfg.Seeds = []string{seed}
		}
		list, err := member.New(cfg, member.NewSockets(udp, tcp))
		if err != nil {
			panic(err)
		}
		go func() { _ = list.Run(context.Background()) }()
		return list, tcp.Addr().String()
	}
	first, at := node("a", "")
	second, _ := node("b", at)
	defer func() { _ = first.Close() }()

	for range first.Events() {
		if len(first.Members()) == 2 {
			break
		}
	}
	_ = second.Leave(time.Second) // it waits until that was said
	_ = second.Close()
	for range first.Events() {
		if first.Members()[1].State == member.Left {
			break
		}
	}
	for _, m := range first.Members() {
		fmt.Println(m.ID, m.State, m.Meta.Stage, m.Meta.Name)
	}
	// Output:
	// a alive active my a
	// b left active my b
}
