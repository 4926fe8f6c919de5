package wire_test

import (
	"fmt"

	"anode/messages"
	"anode/messages/wire"
)

func ExampleSealer_Seal() {
	drafts := []messages.Draft{
		{Stream: "lab.b", Payload: []byte(`{"c":21.5}`)},
		{Stream: "lab.a", Payload: []byte(`{"c":19}`)},
	}
	place := wire.Place{BatchID: messages.BatchID{Origin: "n1", Epoch: 1, Sequence: 1}, First: messages.HLCFromMillis(1_700_000_000_000)}
	sealed, _, indexes, err := wire.NewSealer(wire.S2).Seal(place, drafts)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sealed.ID(), sealed.Count, indexes)
	// Output: n1-1-1 2 [1 0]
}

func ExampleParse() {
	place := wire.Place{BatchID: messages.BatchID{Origin: "n1", Epoch: 1, Sequence: 1}, First: messages.HLCFromMillis(1_700_000_000_000)}
	sealed, _, _, err := wire.NewSealer(wire.S2).Seal(place, []messages.Draft{{Stream: "lab.a", Payload: []byte(`{"c":19}`)}})
	if err != nil {
		fmt.Println(err)
		return
	}
	parsed, err := wire.Parse(sealed.Bytes())
	if err != nil {
		fmt.Println(err)
		return
	}
	batch, err := parsed.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, record := range batch.Group("lab.a").Records {
		fmt.Println(string(record.AppendJSON(nil)))
	}
	sealed.Bytes()[40] ^= 1
	_, err = wire.Parse(sealed.Bytes())
	fmt.Println(err)
	// Output:
	// {"id":"n1-1-1-0","stream":"lab.a","time":"2023-11-14T22:13:20Z","received":"2023-11-14T22:13:20Z","data":{"c":19}}
	// checksum mismatch
}
