package frame_test

import (
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"anode/messages/wire"
	"anode/messages/wire/frame"
)

func TestEveryFrameThatKeepsTheRulesTravels(t *testing.T) {
	batches := []*wire.Sealed{sealed(t, node, 1), sealed(t, plain, 5000)}
	rapid.Check(t, func(t *rapid.T) { roundTrip(t, drawer{T: t, push: batches}.frame()) })
}

func TestParseTakesWhatPassesCheckAndNothingElse(t *testing.T) {
	batches := []*wire.Sealed{sealed(t, node, 1)}
	refused, taken := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		f := drawer{T: t, push: batches, wild: true}.frame()
		b := frame.Append(nil, f)
		if len(b) != f.Size() {
			t.Fatalf("%d bytes, size %d", len(b), f.Size())
		}
		checked := frame.Check(f)
		got, err := frame.Parse(f.Type(), b[5:])
		switch {
		case checked == nil && (err != nil || !reflect.DeepEqual(got, f)):
			t.Fatalf("%+v is parsed as %+v, %v", f, got, err)
		case checked != nil && !errors.Is(err, frame.ErrFrame):
			t.Fatalf("%v, and it is parsed as %+v, %v", checked, got, err)
		case checked != nil:
			refused++
		default:
			taken++
		}
	})
	if refused == 0 || taken == 0 {
		t.Errorf("%d refused and %d taken", refused, taken)
	}
}
