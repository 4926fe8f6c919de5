package frame_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"

	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

func ExampleReader() {
	var link bytes.Buffer
	link.Write(frame.Append(nil, &frame.Hello{Version: frame.Version, Oldest: frame.Oldest, Node: "n1", Epoch: 1}))
	link.Write(frame.Append(nil, &frame.Graft{Origin: "n2", Epoch: 7}))
	link.Write([]byte{3, 0, 0, 0, 99, 1, 2, 3}) // of a version to come

	r := frame.NewReader(&link)
	hello, err := r.Hello()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("hello from", hello.Node)
	for {
		f, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Printf("%s %+v\n", f.Type(), f)
		}
	}
	// Output:
	// hello from n1
	// graft &{Origin:n2 Epoch:7}
	// frame of an unknown type: type 99, 3 bytes
}

func ExamplePush_AppendHead() {
	place := wire.Place{BatchID: messages.BatchID{Origin: "n1", Epoch: 1, Sequence: 1}, First: messages.HLCFromMillis(1_700_000_000_000)}
	batch, _, _, err := wire.NewSealer(wire.None).Seal(place, []messages.Draft{{Stream: "lab.a", Payload: []byte(`{"c":19}`)}})
	if err != nil {
		fmt.Println(err)
		return
	}
	push := &frame.Push{Hop: 1, Batch: &batch}
	parts := net.Buffers{push.AppendHead(nil), batch.Bytes()}
	var link bytes.Buffer
	if _, err := parts.WriteTo(&link); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(link.Len() == push.Size())
	got, err := frame.NewReader(&link).Next()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(got.(*frame.Push).Batch.ID())
	// Output:
	// true
	// n1-1-1
}
