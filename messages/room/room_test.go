package room_test

import (
	"fmt"
	"slices"
	"testing"

	"anode/messages/room"
)

// world notes who is cut.
type world struct {
	*room.Room
	cut []string
}

func (w *world) enter(name string) *room.Place {
	return w.Enter(func() { w.cut = append(w.cut, name) })
}

// Within the bound nobody is cut; beyond, those that wait for longest are, until the rest fits.
func TestThoseThatWaitForLongestAreCut(t *testing.T) {
	w := &world{Room: room.New(100)}
	a, b, c := w.enter("a"), w.enter("b"), w.enter("c")
	a.Hold(40)
	b.Hold(40)
	a.Moved()
	c.Hold(20)
	if len(w.cut) > 0 || w.Used() != 100 {
		t.Fatalf("cut %v with %d bytes in use", w.cut, w.Used())
	}
	c.More(15)
	if !slices.Equal(w.cut, []string{"b"}) || w.Used() != 75 || w.Cut() != 1 {
		t.Errorf("cut %v, %d bytes in use; want b, which waits for longest, and 75", w.cut, w.Used())
	}
	b.Hold(90) // it does not know yet
	b.Leave()
	a.Leave()
	a.Leave()
	c.Leave()
	if w.Used() != 0 || w.Cut() != 1 {
		t.Errorf("%d bytes in use by nobody, %d were cut", w.Used(), w.Cut())
	}
}

// Who alone wants more than there is is cut, and nothing is held.
func TestOneThatIsTooMuch(t *testing.T) {
	w := &world{Room: room.New(100)}
	w.enter("idle")
	w.enter("large").Hold(101)
	if fmt.Sprint(w.cut) != "[large]" || w.Used() != 0 {
		t.Errorf("cut %v, %d bytes in use", w.cut, w.Used())
	}
}
