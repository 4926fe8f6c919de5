package link_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net"
	"sync"

	"anode/actors/gossip/link"
	"anode/messages"
	"anode/messages/wire/frame"
	"anode/storage/state"
)

// printer is a handler that prints the goodbyes that come.
type printer struct{}

func (printer) Frame(f frame.Frame) {
	if bye, ok := f.(*frame.Bye); ok {
		fmt.Println("it says:", bye.Reason)
	}
}
func (printer) Heard()     {}
func (printer) Queued(int) {}

// endpoint is that of a node with a fresh key.
func endpoint(name string) (*link.Endpoint, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	keys, err := link.NewKeys("lab", [][]byte{[]byte("a secret of 128 bits or more")}, false)
	if err != nil {
		return nil, err
	}
	return link.NewEndpoint(link.Config{
		Cluster: "lab", Key: key, NodeIDOf: state.NodeIDOf,
		Keys: func() *link.Keys { return keys },
		Hello: func(context.Context, messages.NodeID) (frame.Hello, error) {
			return frame.Hello{Name: name, Epoch: 1}, nil
		},
	})
}

func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	here, err := endpoint("here")
	if err != nil {
		panic(err)
	}
	there, err := endpoint("there")
	if err != nil {
		panic(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}

	// There: one port for links and memberlist. Each link is run.
	var all sync.WaitGroup
	mux := link.NewMux(ln, link.MuxConfig{})
	all.Go(func() { _ = mux.Run(ctx) })
	all.Go(func() {
		_ = there.Listen(ctx, mux.Links(), func(conn *link.Conn) {
			fmt.Println("there is linked to", conn.Hello.Name)
			l := link.New(conn, printer{})
			l.Send(&frame.Bye{Reason: "nice to meet you"}, link.Control)
			l.Close("enough")
			_ = l.Run(ctx)
		})
	})

	// Here: dial who is wanted.
	raw, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		panic(err)
	}
	conn, err := here.Dial(ctx, raw, there.ID())
	if err != nil {
		panic(err)
	}
	err = link.New(conn, printer{}).Run(ctx)
	fmt.Println(err)
	cancel()
	all.Wait()
	// Output:
	// there is linked to here
	// it says: nice to meet you
	// the peer is gone: EOF
}
